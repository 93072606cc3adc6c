"""Metrics by name: what a task's outputs are judged by, and which way is better."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from heddle.errors import ConfigError, nearest
from heddle.workflow.classification import accuracy, auroc, average_precision, f1_macro, f1_micro
from heddle.workflow.horizons import error_at, masked_mae, masked_mape, masked_rmse
from heddle.workflow.regression import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    root_mean_squared_error,
)


class Metric(NamedTuple):
    """How one figure is computed.

    Attributes:
        function: (outputs, targets, mask) -> float, or (ranks) -> float where `of_ranks`. NaN where the figure
            doesn't exist: an empty split, one class only.
        higher_is_better: direction.
        of_ranks: computed from the ranks of true links among false ones.
    """

    function: Callable[..., float]
    higher_is_better: bool
    of_ranks: bool = False


def mean_reciprocal_rank(ranks: np.ndarray) -> float:
    """Return the mean of 1 / rank, ranks [n] from 1 and possibly half (ties); NaN for no rank."""
    return float((1 / ranks).mean()) if len(ranks) else float("nan")


def hits_at(k: int) -> Callable[[np.ndarray], float]:
    """Return the metric (ranks) -> share of ranks up to k; NaN for no rank."""
    return lambda ranks: float((ranks <= k).mean()) if len(ranks) else float("nan")


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, True),
    "f1": Metric(f1_macro, True),
    "f1_macro": Metric(f1_macro, True),
    "f1_micro": Metric(f1_micro, True),
    "auroc": Metric(auroc, True),
    "ap": Metric(average_precision, True),
    "mae": Metric(mean_absolute_error, False),
    "rmse": Metric(root_mean_squared_error, False),
    "mape": Metric(mean_absolute_percentage_error, False),
    "masked_mae": Metric(masked_mae, False),
    "masked_rmse": Metric(masked_rmse, False),
    "masked_mape": Metric(masked_mape, False),
    "mrr": Metric(mean_reciprocal_rank, True, of_ranks=True),
}
"""Besides these, "hits@K" for any whole K from 1, and "mae@K", "rmse@K", "mape@K" for a forecast's step K."""


def metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        ConfigError: no such metric; says which there are.
    """
    hits = re.fullmatch(r"hits@([1-9]\d*)", name)
    if hits:
        return Metric(hits_at(int(hits[1])), True, of_ranks=True)
    at_step = re.fullmatch(r"(mae|rmse|mape)@([1-9]\d*)", name)
    if at_step:
        return Metric(error_at(at_step[1], int(at_step[2])), False)
    if name not in METRICS:
        names = [*METRICS, "hits@10"]
        raise ConfigError(f"task.metrics: found {name!r}, expected some of {names}{nearest(name, names)}")
    return METRICS[name]


def higher_is_better(name: str) -> bool:
    """Tell the direction of a metric; "loss" is better lower."""
    return name != "loss" and metric(name).higher_is_better


def evaluate(
    names: Sequence[str] | Mapping[str, Metric],
    outputs: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray,
    ranks: np.ndarray | None = None,
) -> dict[str, float]:
    """Return each named metric of one split.

    Args:
        names: of `METRICS`; or names of any choice -> Metric.
        outputs: what `Program.predict` gave: logits, values or scores.
        targets: [m] or [m, t], in step with outputs.
        mask: shape of targets, False where the target isn't known.
        ranks: [n] rank of each true link among false ones, for links only.

    Raises:
        ConfigError: an unknown metric, or one of ranks where there are none.
    """
    values = {}
    table = names if isinstance(names, Mapping) else {name: metric(name) for name in names}
    for name, found in table.items():
        if found.of_ranks and ranks is None:
            raise ConfigError(
                f"task.metrics: found {name!r}, expected a metric without ranks; only links are ranked"
            )
        values[name] = found.function(ranks) if found.of_ranks else found.function(outputs, targets, mask)
    return values
