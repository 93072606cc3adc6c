"""`python -m heddle.cli.worker CONFIG REPORT PARENT`: one process of a run; `workflow.launch.processes` starts it."""

import json
import os
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

from heddle.errors import HeddleError


def main(order: str, report: str, parent: str) -> int:
    """Train what the JSON file `order` describes; return 0, or 1 after telling in the file `report` what went wrong.

    `parent` is the process that it ends with.
    """
    Thread(target=_follow, args=(int(parent),), daemon=True).start()
    config = json.loads(Path(order).read_text(encoding="utf-8"))
    try:
        _train(config)
    except HeddleError as error:
        text = json.dumps({"error": type(error).__name__, "message": " ".join(str(error).split())})
        Path(report).write_text(text, encoding="utf-8")
        return 1
    return 0


def _train(tree: dict[str, Any]) -> None:
    from heddle.config.run import Plugins, run_config
    from heddle.engines.plugins import load_plugins
    from heddle.options import build
    from heddle.workflow.launch.processes import own_folder
    from heddle.workflow.run import train

    registry = load_plugins(build(Plugins, tree["plugins"], "plugins").preferred)
    with own_folder(run_config(tree, registry)) as config:
        train(config, registry)


def _follow(parent: int) -> None:
    """End this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
