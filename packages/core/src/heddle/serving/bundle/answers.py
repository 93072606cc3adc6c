"""answers: scores rows that come by standard input, a line of JSON each way, for a server that is no Python of ours.

`python -m heddle.serving.bundle.answers BUNDLE` follows what others append to the bundle, and ends with its input.
"""

import json
import logging
import sys
from typing import Any

from heddle.data.etl.rows import RowError
from heddle.engines.plugins import load_plugins
from heddle.errors import GraphError
from heddle.serving.bundle.bundle import Bundle

log = logging.getLogger(__name__)


def answer(bundle: Bundle, line: str) -> dict[str, Any]:
    """Return a bundle's answer to a line of JSON, {"rows": [...]}: {"scores": [[outputs, probability, answer], ...]}.

    A line that can't be answered gives {"error": why} or {"failed": why}.
    """
    try:
        scores = bundle.score(bundle.rows(json.loads(line)["rows"]))
    except (RowError, GraphError) as error:
        return {"error": str(error)}
    except Exception:  # one request's fault isn't the others'
        log.exception("a request failed")
        return {"failed": "the process that scores failed; its log tells why"}
    return {"scores": [[score.outputs, score.probability, str(score.answer)] for score in scores]}


def main() -> None:
    """Answer until standard input ends."""
    with Bundle(sys.argv[1], load_plugins(), follows=True) as bundle:
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(bundle, line)), flush=True)


if __name__ == "__main__":
    main()
