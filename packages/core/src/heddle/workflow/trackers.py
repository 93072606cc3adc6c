"""Trackers: where an epoch's metrics go while training runs."""

import csv
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from heddle.errors import PluginError
from heddle.options import TrackerOptions
from heddle.workflow.artifacts import write_table


class Tracker(Protocol):
    """Takes metrics as they come; built by its plugin's loader from its options and the run folder."""

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of an epoch, e.g. {"lr": 0.01, "train.loss": 1.2, "valid.accuracy": 0.7}.

        After a resumption an epoch may come that came before; its metrics replace those and all later ones.
        """
        ...

    def close(self) -> None:
        """Write what is left; training is over or has failed."""
        ...


class CsvTracker:
    """metrics.csv in the run folder, written again at most every two seconds, never half there."""

    def __init__(self, options: TrackerOptions, folder: Path, seconds: float = 2):
        self._path, self._seconds, self._written = folder / "metrics.csv", seconds, 0.0
        self._rows: list[dict[str, Any]] = []
        if self._path.exists():
            with open(self._path, newline="", encoding="utf-8") as stream:
                self._rows = [dict(row) for row in csv.DictReader(stream)]

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._rows = (
            [row for row in self._rows if int(row["epoch"]) < epoch] if self._replaces(epoch) else self._rows
        )
        self._rows.append({"epoch": epoch, **metrics})
        if time.monotonic() - self._written >= self._seconds:
            self.close()

    def close(self) -> None:
        write_table(self._path, self._rows)
        self._written = time.monotonic()

    def _replaces(self, epoch: int) -> bool:
        return bool(self._rows) and int(self._rows[-1]["epoch"]) >= epoch


class TensorBoardTracker:
    """Event files in the run folder's "tensorboard", a chart per metric with a curve per split.

    Raises:
        PluginError: tensorboardX isn't installed.
    """

    def __init__(self, options: TrackerOptions, folder: Path):
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise PluginError(
                "tracker tensorboard: found no tensorboardX, expected it installed; "
                "pip install 'heddle-core[report]' or set tracker=csv"
            ) from error
        self._open, self._folder = SummaryWriter, folder / "tensorboard"
        self._writer: Any = None

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._writer is None:  # purge_step hides what an interrupted run wrote past its last checkpoint
            self._writer = self._open(str(self._folder), purge_step=epoch)
        for name, value in metrics.items():
            split, _, metric = name.rpartition(".")
            if math.isfinite(value):
                self._writer.add_scalar(f"{metric}/{split}" if split else name, value, epoch)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class NoTracker:
    """Keeps nothing; metrics.csv is written at the end all the same."""

    def __init__(self, options: TrackerOptions, folder: Path):
        pass

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        pass

    def close(self) -> None:
        pass
