"""Intervals: how far a metric would move with other questions of the same kind, by the bootstrap.

Questions are drawn again with replacement, a few hundred times; every metric and every model is computed on the same
draws, so that differences between two models on the same questions have intervals of their own (paired).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from heddle.data.task import Task
from heddle.workflow.metrics.by_name import Metric, metric, read_as
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.metrics.reweighted import mean_of

LEVEL = 0.95
"""Of the intervals: so many resamples lie within."""

ROWS, CELLS = 100_000, 5_000_000
"""Questions that are resampled at most, and entries of all resamples together."""

Interval = tuple[float, float]


class Resamples:
    """Draws of n questions with replacement, the same for all who ask for as many.

    Beyond ROWS a random part is resampled, and what comes of it is narrowed as the larger number of questions would.

    Args:
        count: resamples, fewer where they would have more than CELLS entries.
    """

    def __init__(self, n: int, count: int, seed: int):
        rng = np.random.default_rng([seed, 7])
        self.n, m = n, min(n, ROWS)
        self.positions = np.arange(n) if m == n else np.sort(rng.choice(n, m, replace=False))
        self.count = min(count, max(50, CELLS // max(m, 1)))
        self.narrowing = float(np.sqrt(m / n)) if n else 1.0
        self._seed, self._m = rng.integers(2**62), m

    def spread(self, weigh: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the metrics of the resamples, [count] (fewer where some have none)."""
        rng, parts, m = np.random.default_rng(self._seed), [], self._m
        size = max(1, min(self.count, CELLS // 4 // max(m, 1)))
        for start in range(0, self.count, size):
            b = min(size, self.count - start)
            drawn = rng.integers(m, size=(b, m)) + m * np.arange(b)[:, None]
            parts.append(
                weigh(np.bincount(drawn.reshape(-1), minlength=b * m).reshape(b, m).astype(np.float64))
            )
        values = np.concatenate(parts)
        result: np.ndarray = values[np.isfinite(values)]
        return result

    def interval(self, values: np.ndarray, point: float) -> Interval | None:
        """Return the LEVEL interval around a metric `point`, from its `values` [n] of the resamples.

        None with fewer than 20 of them.
        """
        if len(values) < 20 or not np.isfinite(point):
            return None
        if self.count >= 200 and self.narrowing == 1:
            low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            return float(low), float(high)
        half = 1.959964 * float(values.std(ddof=1)) * self.narrowing
        return point - half, point + half


def intervals(
    names: Sequence[str],
    predicted: Predictions,
    metrics: Mapping[str, float],
    count: int,
    seed: int,
    decision: Any = None,
) -> dict[str, Interval]:
    """Return metric -> interval, of those that can be computed on resamples; {} where `count` is 0.

    Args:
        metrics: metric -> what it is on the questions themselves.
        decision: how outputs are read; None for as they are.
    """
    by_metric: dict[str, Interval] = {}
    if not count:
        return by_metric
    for name in names:
        value = metrics.get(name, float("nan"))
        resampled = weighing(name, predicted, count, seed, decision)
        if resampled is not None and np.isfinite(value):
            resamples, weigh = resampled
            interval = resamples.interval(resamples.spread(weigh), value)
            by_metric |= {} if interval is None else {name: interval}
    return by_metric


def interval_entries(
    task: Task,
    predictions: Mapping[str, Predictions],
    metrics: Mapping[str, Mapping[str, float]],
    count: int,
    seed: int,
    decision: Any = None,
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Return {"intervals": {split: {metric: [low, high]}}} of validation and test; {} for forecasts and without any.

    Windows of a forecast overlap, so that drawing them one by one would make intervals too narrow.
    """
    if task.level == "step":
        return {}
    by_split = {
        split: intervals(task.metrics, predicted, metrics[split], count, seed, decision)
        for split, predicted in predictions.items()
        if split != "train"
    }
    by_split = {split: by_metric for split, by_metric in by_split.items() if by_metric}
    return {"intervals": by_split} if by_split else {}


def paired(
    name: str,
    one: tuple[Predictions, Any],
    other: tuple[Predictions, Any],
    point: float,
    count: int,
    seed: int,
) -> Interval | None:
    """Return the interval of the difference of a metric, `one` less `other`, on the same questions; None without.

    Args:
        one, other: (predictions, decision).
        point: the difference on the questions themselves.
    """
    a, b = (weighing(name, predicted, count, seed, decision) for predicted, decision in (one, other))
    if not count or a is None or b is None or a[0].n != b[0].n:
        return None
    return a[0].interval(a[0].spread(lambda weights: a[1](weights) - b[1](weights)), point)


def weighing(
    name: str, predicted: Predictions, count: int, seed: int, decision: Any = None
) -> tuple[Resamples, Callable[[np.ndarray], np.ndarray]] | None:
    """Return (resamples of the questions, weights [n_resamples, n] -> metrics [n_resamples]).

    None for a metric that can't be resampled.
    """
    entry: Metric = metric(name)
    if entry.reweighted is None:
        return None
    if entry.of_ranks:
        if predicted.ranks is None or not len(predicted.ranks):
            return None
        resamples = Resamples(len(predicted.ranks), count, seed)
        return resamples, entry.reweighted(predicted.ranks[resamples.positions])
    if entry.of_groups:
        each = entry.reweighted(predicted.outputs, predicted.targets, predicted.mask, predicted.groups)
        resamples = Resamples(len(each), count, seed)
        return (resamples, mean_of(each[resamples.positions])) if len(each) else None
    if not len(predicted.outputs):
        return None
    resamples = Resamples(len(predicted.outputs), count, seed)
    rows = (
        part[resamples.positions]
        for part in (read_as(entry, predicted.outputs, decision), predicted.targets, predicted.mask)
    )
    return resamples, entry.reweighted(*rows)
