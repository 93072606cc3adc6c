"""Predictions: what a model answered about a split, beside the truth; and the metrics that follow from it."""

from typing import Any, NamedTuple

import numpy as np

from heddle.data.task import Objective
from heddle.graphs.graph import Array
from heddle.nn.model import Batch
from heddle.ops.reference import NumpyOps
from heddle.workflow.metrics.by_name import evaluate
from heddle.workflow.metrics.decision import Decision
from heddle.workflow.metrics.grouped import group_ranks


class Predictions(NamedTuple):
    """One split's predictions, always numpy.

    Attributes:
        index: nodes [m], graphs [m], edges [m, 3] with their rows last, or links [m, 2] or [m, 3], in the
            dataset's numbering.
        outputs: [m, ...] as `Program.predict` gave them.
        targets: [m] or [m, t].
        mask: shape of targets; False where the truth isn't known.
        ranks: [n] rank of each true link among negative edges, or of each group's highest relevant entry; else None.
        groups: ranking: [m] int, the group of each entry; else None.
    """

    index: Array
    outputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    ranks: np.ndarray | None = None
    groups: np.ndarray | None = None

    def in_groups(self, groups: np.ndarray | None) -> "Predictions":
        """Return it with the groups [m] of its entries, and the ranks within them; itself for None."""
        if groups is None:
            return self
        ranks = group_ranks(np.asarray(self.outputs), self.targets, self.mask, groups)
        return self._replace(groups=np.asarray(groups), ranks=ranks)


def numbered(groups: np.ndarray) -> np.ndarray:
    """Return groups [m] as a Batch wants them, numbered from 0 on."""
    return np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)


def known_targets(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (targets, mask), both of the shape of `targets`: False where an int is negative or a float isn't finite.

    Those become 0. int64 classes stay int64, floats become float32, as losses want them.
    """
    if np.issubdtype(targets.dtype, np.floating):
        mask = np.isfinite(targets)
        return np.where(mask, targets, 0).astype(np.float32), mask
    mask = targets >= 0
    return np.where(mask, targets, 0).astype(np.int64), mask


def metric_values(
    task: Objective, predicted: Predictions, decision: Decision | None = None
) -> dict[str, float]:
    """Return {"loss": ..., metric: ...} of predictions; all NaN where no entry is known.

    Args:
        decision: how outputs are read; None for as they are. The loss is of the outputs themselves.
    """
    no_graph: Any = None
    groups = None if predicted.groups is None else numbered(predicted.groups)
    batch = Batch(no_graph, {}, predicted.index, predicted.targets, predicted.mask, groups=groups)
    outputs = np.asarray(predicted.outputs, np.float64)
    loss = float(task.loss(NumpyOps(), outputs, batch)) if predicted.mask.any() else float("nan")
    return {"loss": loss} | evaluate_predictions(task, predicted, decision)


def evaluate_predictions(
    task: Objective, predicted: Predictions, decision: Decision | None = None
) -> dict[str, float]:
    """Return {metric: ...} of predictions, without a loss: of rules whose scores are no logits."""
    rows = predicted.outputs, predicted.targets, predicted.mask
    return evaluate(task.metrics, *rows, predicted.ranks, decision, predicted.groups)
