"""`python -m heddle.workflow.worker CONFIG REPORT PARENT`: one process of a run; `processes.py` starts it."""

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from heddle.errors import HeddleError
from heddle.workflow.peers import peers_of


def main(order: str, report: str, parent: str) -> int:
    """Train what the JSON file `order` describes; return 0, or 1 after telling in the file `report` what went wrong.

    `parent` is the process that it ends with.
    """
    Thread(target=_follow, args=(int(parent),), daemon=True).start()
    config = json.loads(Path(order).read_text(encoding="utf-8"))
    try:
        with own_folder(config) as own:
            _train(own)
    except HeddleError as error:
        text = json.dumps({"error": type(error).__name__, "message": " ".join(str(error).split())})
        Path(report).write_text(text, encoding="utf-8")
        return 1
    return 0


def _train(config: dict[str, Any]) -> None:
    from heddle.plugins import load_plugins
    from heddle.workflow.run import train

    prefer = config.get("plugins", {}).get("prefer", [])
    train(config, load_plugins([prefer] if isinstance(prefer, str) else prefer))


@contextlib.contextmanager
def own_folder(config: dict[str, Any]) -> Any:
    """Yield the configuration as it is for rank 0; for others one that leaves nothing behind."""
    peers = peers_of(config)
    if (peers.number if peers.size > 1 else config["sharding"]["rank"]) == 0:
        yield config
        return
    with TemporaryDirectory(prefix="heddle-") as place:
        if config.get("resume"):
            copy = Path(place) / "run"
            shutil.copytree(config["resume"], copy)
            yield {**config, "resume": str(copy)}
        else:
            quiet = {**config["trainer"], "checkpoint_every": 0, "progress": False}
            run = {**config["run"], "dir": str(Path(place) / "run")}
            yield {**config, "trainer": quiet, "run": run, "tracker": {"name": "none"}}


def _follow(parent: int) -> None:
    """End this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
