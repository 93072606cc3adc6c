"""Steps: named pieces of work whose files outlive an interruption, with a bar that tells how far they are."""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heddle.atomic import to_json


class Steps:
    """Runs steps, each of which writes one file; a step whose file is there is not run again.

    The files lie in a folder named after what they depend on: the schema and the sources' names, sizes and times.
    """

    def __init__(self, folder: Path, depends_on: Any, total: int, *, show: bool):
        inputs = json.dumps(to_json(depends_on), sort_keys=True)
        self.folder = folder / hashlib.sha256(inputs.encode()).hexdigest()[:16]
        for other in folder.glob("*"):
            if other != self.folder and other.is_dir():
                shutil.rmtree(other)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scratch = self.folder / "scratch"
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.seconds: dict[str, float] = {}
        self._bar: Any = None
        self._task: Any = None
        if show:
            self._bar, self._task = _bar(total)

    def file(self, name: str, write: Callable[..., object], *arguments: Any) -> Path:
        """Return the file that `write(*arguments, path)` writes, now or in an earlier run."""
        path = self.folder / f"{name}.parquet"
        self._tell(name)
        if not path.exists():
            part = path.with_suffix(".part")
            start = time.perf_counter()
            write(*arguments, part)
            self.seconds[name] = time.perf_counter() - start
            part.replace(path)
        return path

    def run(self, name: str, work: Callable[..., object], *arguments: Any) -> None:
        """Do `work(*arguments)`, in every run."""
        self._tell(name)
        start = time.perf_counter()
        work(*arguments)
        self.seconds[name] = time.perf_counter() - start

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _tell(self, name: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=1, description=name.replace("___", " ").replace(".", " "))


def _bar(total: int) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    bar.start()
    return bar, bar.add_task("prepare", total=total)
