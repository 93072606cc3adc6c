"""Metrics by name: what a task's outputs are evaluated by, and which way is better."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import ConfigError, nearest
from heddle.workflow.metrics import reweighted as rw
from heddle.workflow.metrics.classification import accuracy, auroc, average_precision, f1_macro, f1_micro
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.metrics.grouped import ndcg_at
from heddle.workflow.metrics.horizons import error_at, masked_mae, masked_mape, masked_rmse
from heddle.workflow.metrics.regression import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    root_mean_squared_error,
)


class Metric(NamedTuple):
    """How one metric is computed.

    Attributes:
        function: (outputs, targets, mask) -> float, or (ranks) -> float where `of_ranks`. NaN where the metric
            doesn't exist: an empty split, one class only.
        higher_is_better: direction.
        of_ranks: computed from the ranks of true links among negative edges.
        of_answers: computed from what is said, so that a threshold matters, and not from scores or values.
        of_groups: computed within groups: `function` has a fourth argument, the groups [m], and `reweighted` is the
            same function without the mean, (outputs, targets, mask, groups) -> one value a group.
        reweighted: what `function` takes -> (weights [b, m] of rows -> [b] metrics), see reweighted.py;
            None for a metric without intervals.
    """

    function: Callable[..., float]
    higher_is_better: bool
    of_ranks: bool = False
    of_answers: bool = False
    of_groups: bool = False
    reweighted: Callable[..., Any] | None = None


def mean_reciprocal_rank(ranks: np.ndarray) -> float:
    """Return the mean of 1 / rank, ranks [n] from 1 and possibly half (ties); NaN for no rank."""
    return float((1 / ranks).mean()) if len(ranks) else float("nan")


def hits_at(k: int) -> Callable[[np.ndarray], float]:
    """Return the metric (ranks [n], from 1) -> share of ranks up to k; NaN for no rank."""
    return lambda ranks: float((ranks <= k).mean()) if len(ranks) else float("nan")


def of_ones(reweighted: Callable[..., rw.Weighing]) -> Callable[..., float]:
    """Return the metric whose every row counts once."""
    return lambda outputs, targets, mask: float(
        reweighted(outputs, targets, mask)(np.ones((1, len(outputs))))[0] if len(outputs) else np.nan
    )


def _mean_of(of_groups: Callable[..., np.ndarray]) -> Callable[..., float]:
    def mean(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray, groups: np.ndarray) -> float:
        values = of_groups(outputs, targets, mask, groups)
        return float(values.mean()) if len(values) else float("nan")

    return mean


def _answers(reweighted: Callable[..., rw.Weighing], function: Callable[..., float] | None = None) -> Metric:
    return Metric(function or of_ones(reweighted), True, of_answers=True, reweighted=reweighted)


def _order(of: Callable[..., np.ndarray], function: Callable[..., float] | None = None) -> Metric:
    reweighted = rw.ranked(of)
    return Metric(function or of_ones(reweighted), True, reweighted=reweighted)


def _ranks(function: Callable[[np.ndarray], float], each: Callable[[np.ndarray], np.ndarray]) -> Metric:
    def reweighted(ranks: np.ndarray) -> rw.Weighing:
        return rw.mean_of(each(ranks))

    return Metric(function, True, of_ranks=True, reweighted=reweighted)


_F1 = _answers(rw.counted(rw.f1_each), f1_macro)

METRICS: dict[str, Metric] = {
    "accuracy": _answers(rw.accuracy, accuracy),
    "f1": _F1,
    "f1_macro": _F1,
    "f1_micro": _answers(rw.counted(rw.f1_all), f1_micro),
    "f1_true": _answers(rw.counted(rw.f1_true)),
    "precision": _answers(rw.counted(rw.precision_true)),
    "recall": _answers(rw.counted(rw.recall_true)),
    "auroc": _order(rw.area, auroc),
    "ap": _order(rw.average_precision, average_precision),
    "mae": Metric(mean_absolute_error, False, reweighted=rw.errors(np.abs)),
    "rmse": Metric(root_mean_squared_error, False, reweighted=rw.errors(np.square, np.sqrt)),
    "r2": Metric(of_ones(rw.r2), True, reweighted=rw.r2),
    "mape": Metric(mean_absolute_percentage_error, False),
    "masked_mae": Metric(masked_mae, False),
    "masked_rmse": Metric(masked_rmse, False),
    "masked_mape": Metric(masked_mape, False),
    "mrr": _ranks(mean_reciprocal_rank, lambda ranks: 1 / ranks),
}
"""Besides these, "ndcg" and "ndcg@K", "hits@K" and "precision@K" for any whole K from 1, "recall_at_precision@P" for a
P up to 1, and "mae@K", "rmse@K", "mape@K" for a forecast's step K."""


def metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        ConfigError: no such metric; says which there are.
    """
    hits = re.fullmatch(r"hits@([1-9]\d*)", name)
    if hits:
        k = int(hits[1])
        return _ranks(hits_at(k), lambda ranks: (ranks <= k).astype(np.float64))
    ndcg = re.fullmatch(r"ndcg(?:@([1-9]\d*))?", name)
    if ndcg:
        of_groups = ndcg_at(int(ndcg[1]) if ndcg[1] else None)
        return Metric(_mean_of(of_groups), True, of_groups=True, reweighted=of_groups)
    at_k = re.fullmatch(r"precision@([1-9]\d*)", name)
    if at_k:
        return _order(rw.precision_at(int(at_k[1])))
    at_precision = re.fullmatch(r"recall_at_precision@(0?\.\d+|1(?:\.0*)?)", name)
    if at_precision:
        return _order(rw.recall_at_precision(float(at_precision[1])))
    at_step = re.fullmatch(r"(mae|rmse|mape)@([1-9]\d*)", name)
    if at_step:
        return Metric(error_at(at_step[1], int(at_step[2])), False)
    if name not in METRICS:
        names = [*METRICS, "hits@10", "ndcg@10", "precision@100", "recall_at_precision@0.9"]
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
    decision: Decision | None = None,
    groups: np.ndarray | None = None,
) -> dict[str, float]:
    """Return each named metric of one split.

    Args:
        names: of `METRICS`; or names of any choice -> Metric.
        outputs: what `Program.predict` gave: logits, values or scores.
        targets: [m] or [m, t], in step with outputs.
        mask: shape of targets, False where the target isn't known.
        ranks: [n] rank of each true link among negative edges, for links only.
        decision: how outputs are read; None for as they are.
        groups: [m] int, of rankings only.

    Raises:
        ConfigError: an unknown metric, or one of ranks where there are none.
    """
    values = {}
    table = names if isinstance(names, Mapping) else {name: metric(name) for name in names}
    for name, entry in table.items():
        if entry.of_ranks and ranks is None:
            raise ConfigError(
                f"task.metrics: found {name!r}, expected a metric without ranks; only links and rankings have some"
            )
        if entry.of_groups:
            if groups is None:
                raise ConfigError(
                    f"task.metrics: found {name!r}, expected a metric without groups; only rankings have some"
                )
            values[name] = entry.function(outputs, targets, mask, groups)
            continue
        read = read_as(entry, outputs, decision)
        values[name] = entry.function(ranks) if entry.of_ranks else entry.function(read, targets, mask)
    return values


def read_as(entry: Metric, outputs: np.ndarray, decision: Decision | None) -> np.ndarray:
    """Return the outputs [n, ...] that a metric is computed of, of their shape.

    For a metric of answers they are those that were decided.
    """
    return decision.decided(outputs) if entry.of_answers and decision is not None else outputs
