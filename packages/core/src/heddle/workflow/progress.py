"""Progress: all that a training run knows besides its settings, so that saving it is saving the run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from heddle.engines.program import State
from heddle.workflow.settings import sign_of

Row = dict[str, float]
"""One epoch: "epoch", "lr", "train.loss", "seconds" and, where it was evaluated, "valid.accuracy" and the like."""


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        state: of the program, after `epoch`.
        epoch: epochs done.
        rows: one per epoch.
        best_epoch: the epoch of the best evaluation so far, 0 for none.
        best_arrays: that epoch's weights, as "params/NAME".
        waited: evaluations since the best one.
        stop: why training ends early, "" while it doesn't.
    """

    state: State
    epoch: int = 0
    rows: list[Row] = field(default_factory=list)
    best_epoch: int = 0
    best_arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    waited: int = 0
    stop: str = ""

    @property
    def row(self) -> Row:
        """The latest epoch's row."""
        return self.rows[-1]

    def best_row(self) -> Row | None:
        """Return the row of the best epoch, None before the first evaluation."""
        return self.rows[self.best_epoch - 1] if self.best_epoch else None


def is_better(row: Row, best: Row | None, monitor: str) -> bool:
    """Tell whether an evaluated row beats the best: by the monitored metric, at a tie by the lower loss of that split.

    Metrics such as accuracy take few values on a small split; the loss tells their ties apart. What isn't finite
    is never better.
    """
    if not math.isfinite(row.get(monitor, math.nan)):
        return False
    if best is None:
        return True
    loss = monitor.partition(".")[0] + ".loss"
    new, old = sign_of(monitor) * row[monitor], sign_of(monitor) * best[monitor]
    return new > old or (new == old and row.get(loss, math.nan) < best.get(loss, math.nan))


def monitored(rows: list[Row], monitor: str) -> list[float]:
    """Return the monitored metric of each evaluated row, negated where needed so that lower is better."""
    return [-sign_of(monitor) * row[monitor] for row in rows if monitor in row]
