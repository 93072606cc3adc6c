"""Scores: metrics that a script hands to a `Trainer`, added up batch by batch; engine-neutral, on numpy."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from heddle.workflow.metrics.by_name import metric


class Score(Protocol):
    """A metric that is gathered over batches."""

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Add a batch: outputs [m, ...] as the model gave them, targets [m]."""
        ...

    def compute(self) -> float:
        """Return the metric of all batches since `reset`; NaN for none."""
        ...

    def reset(self) -> None:
        """Forget all batches."""
        ...


@runtime_checkable
class TotalledScore(Score, Protocol):
    """A Score that is a function of sums, which may be added over processes."""

    totals: np.ndarray
    """[k] float: what has been added up."""


class _Mean:
    """The mean of one number for each entry; what is added up can be added over processes too."""

    def __init__(self) -> None:
        self.totals = np.zeros(2)

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        values = self._values(np.asarray(outputs), np.asarray(targets))
        self.totals += np.array([values.sum(), values.size])

    def compute(self) -> float:
        return float(self.totals[0] / self.totals[1]) if self.totals[1] else float("nan")

    def reset(self) -> None:
        self.totals = np.zeros(2)

    def _values(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class MSE(_Mean):
    """Mean squared error: outputs and targets of one shape."""

    def _values(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        result: np.ndarray = (outputs.reshape(targets.shape).astype(np.float64) - targets) ** 2
        return result


class MAE(_Mean):
    """Mean absolute error: outputs and targets of one shape."""

    def _values(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.abs(outputs.reshape(targets.shape).astype(np.float64) - targets)
        return result


class BinaryAccuracy(_Mean):
    """Share of probabilities on their target's side of `threshold`: outputs [m] in [0, 1], targets [m] 0 or 1."""

    def __init__(self, threshold: float = 0.5):
        super().__init__()
        self.threshold = threshold

    def _values(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        result: np.ndarray = (outputs.reshape(targets.shape) > self.threshold) == (targets > 0.5)
        return result


class Accuracy(_Mean):
    """Share of the classes that score highest: outputs [m, c], targets [m] int."""

    def _values(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        result: np.ndarray = outputs.argmax(axis=-1) == targets
        return result


class Named:
    """A metric of `heddle.workflow.metrics.by_name` by its name ("f1", "auroc", "ap" ...), over all entries together.

    Raises:
        ConfigError: no such metric, or one of ranks.
    """

    def __init__(self, name: str):
        self.name, self._metric = name, metric(name)
        self.reset()

    @property
    def of_ranks(self) -> bool:
        """Whether it is computed from ranks, which only the predictions of a whole split have."""
        return self._metric.of_ranks

    @property
    def of_groups(self) -> bool:
        """Whether it is computed within groups, which only the predictions of a whole split have together."""
        return self._metric.of_groups

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        self._seen.append((np.array(outputs), np.array(targets)))

    def compute(self) -> float:
        if not self._seen:
            return float("nan")
        outputs, targets = (np.concatenate(column) for column in zip(*self._seen))
        return float(self._metric.function(outputs, targets, np.ones(targets.shape, bool)))

    def reset(self) -> None:
        self._seen: list[tuple[Any, Any]] = []
