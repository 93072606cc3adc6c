"""Callbacks: small objects that watch a run after every epoch: early stopping, checkpoints, the progress line."""

import sys
import time
from pathlib import Path
from typing import Protocol, TextIO

from heddle.engines.program import Program
from heddle.workflow.checkpoint import save
from heddle.workflow.progress import Progress, Row
from heddle.workflow.settings import Settings
from heddle.workflow.trackers import Tracker


class Callback(Protocol):
    """Watches a run."""

    def after_epoch(self, progress: Progress) -> None:
        """Look at the epoch just done; set `progress.stop` to a reason to end training."""
        ...

    def close(self) -> None:
        """Release what is held; training is over or has failed."""
        ...


class EarlyStop:
    """Early stopping: ends training after `patience` evaluations without a better one."""

    def __init__(self, patience: int):
        self._patience = patience

    def after_epoch(self, progress: Progress) -> None:
        if progress.best_epoch and progress.waited >= self._patience:
            progress.stop = f"no better evaluation in {self._patience} since epoch {progress.best_epoch}"

    def close(self) -> None:
        pass


class Checkpoints:
    """Saves every `every` epochs and at the end, and keeps the last `keep`; comes after what may stop the run."""

    def __init__(self, folder: Path, program: Program, settings: Settings):
        self._folder, self._program, self._settings = folder, program, settings

    def after_epoch(self, progress: Progress) -> None:
        every, ended = self._settings.checkpoint_every, progress.epoch == self._settings.epochs
        if every and (progress.epoch % every == 0 or ended or progress.stop):
            self._save(progress)

    def close(self) -> None:
        pass

    def _save(self, progress: Progress) -> None:
        save(self._folder, self._program, progress, self._settings.keep)


class Tracking:
    """Hands each epoch's metrics to a tracker."""

    def __init__(self, tracker: Tracker):
        self._tracker = tracker

    def after_epoch(self, progress: Progress) -> None:
        self._tracker.log(
            progress.epoch, {name: value for name, value in progress.row.items() if name != "epoch"}
        )

    def close(self) -> None:
        self._tracker.close()


class ProgressBar:
    """A bar on a terminal."""

    def __init__(self, epochs: int):
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import (
            Progress as Bar,
        )

        self._bar = Bar(
            TextColumn("epoch"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
        )
        self._task = self._bar.add_task("", total=epochs, metrics="")
        self._bar.start()

    def after_epoch(self, progress: Progress) -> None:
        self._bar.update(self._task, completed=progress.epoch, metrics=describe(progress.row))

    def close(self) -> None:
        self._bar.stop()


class ProgressLines:
    """A plain line for the first epoch and then one every `seconds`, for logs."""

    def __init__(self, epochs: int, seconds: float = 10, stream: TextIO | None = None):
        self._epochs, self._seconds, self._stream = epochs, seconds, stream or sys.stdout
        self._printed = 0.0

    def after_epoch(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.epoch in (1, self._epochs) or now - self._printed >= self._seconds:
            self._printed = now
            print(
                f"epoch {progress.epoch}/{self._epochs} {describe(progress.row)}",
                file=self._stream,
                flush=True,
            )

    def close(self) -> None:
        pass


def display(settings: Settings) -> Callback:
    """Return the bar on a terminal if `settings.progress`, else lines."""
    if settings.progress and sys.stdout.isatty():
        return ProgressBar(settings.epochs)
    return ProgressLines(settings.epochs)


def describe(row: Row) -> str:
    """Return a row's losses and headline metrics in one line: "train.loss 0.1234 valid.accuracy 0.8100"."""
    shown = [key for key in row if key == "train.loss" or key.startswith("valid.")][:4]
    return " ".join(f"{key} {row[key]:.4f}" for key in shown)
