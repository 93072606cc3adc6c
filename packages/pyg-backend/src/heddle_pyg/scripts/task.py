"""ScriptTask: the criterion and the scores of a script, as the trainer asks for a loss and metrics."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import ConfigError
from heddle.ops.criterion import Criterion
from heddle.ops.losses import LISTWISE, listwise
from heddle.ops.reference import NumpyOps
from heddle.scripts.scores import Score, TotalledScore
from heddle.scripts.training import metrics_of, running
from heddle.workflow.metrics.by_name import Metric
from heddle.workflow.progress import Progress
from heddle_torch.group import Group
from heddle_torch.placement import to_tensor


def _refuse_weights(*_: Any) -> Tensor:
    raise ConfigError(
        "Trainer.criterion: found rows with weights and a criterion that takes none, expected one of "
        "heddle.ops.criterion; or prepare the data without weights"
    )


class ScriptTask:
    """The loss of `criterion`, and metrics; what training sees is added up in the script's own scores.

    Args:
        criterion: (outputs, targets) -> loss, the mean over the targets.
        device, dtype: of the model's outputs.
    """

    def __init__(
        self,
        criterion: Callable[[Tensor, Tensor], Tensor],
        scores: Mapping[str, Score],
        device: torch.device,
        dtype: torch.dtype,
    ):
        self._criterion, self._scores, self._device, self._dtype = criterion, running(scores), device, dtype
        self._weighing: Any = criterion if isinstance(criterion, Criterion) else _refuse_weights
        self.metrics: Mapping[str, Metric] = metrics_of(scores)

    def loss(self, ops: Any, outputs: Any, batch: Any) -> Tensor:
        """Return the mean loss [] of the targets that the batch's mask marks, of all where it marks none.

        In training, scores are updated with these outputs and targets.

        Args:
            outputs: [n, ...] a row for each entry of the batch; a numpy array for those of a whole split.
            batch: gives targets, mask, and weights where there are any.
        """
        if isinstance(outputs, np.ndarray):
            return self._of_split(outputs, batch)
        some = not bool(batch.mask.all()) and bool(batch.mask.any())
        rows = (outputs[batch.mask], batch.targets[batch.mask]) if some else (outputs, batch.targets)
        weights = batch.weights
        if some and weights is not None:  # of each known entry
            weights = weights.reshape(-1, *(1 for _ in batch.mask.shape[1:])).expand(batch.mask.shape)[
                batch.mask
            ]
        if torch.is_grad_enabled() and self._scores and bool(batch.mask.any()):
            arrays = [x.detach().cpu() for x in rows]
            for score in self._scores.values():
                score.update(*(x.float().numpy() if x.is_floating_point() else x.numpy() for x in arrays))
        groups = batch.groups
        if groups is not None and getattr(self._criterion, "name", None) == LISTWISE:
            known = torch.ones_like(rows[1], dtype=torch.bool)
            of_rows = groups[batch.mask.reshape(-1)] if some else groups
            scores, relevance, mask = (x.reshape(-1, 1) for x in (*rows, known))
            result: Tensor = listwise(ops, scores, relevance, mask, weights, of_rows)
            return result
        if weights is not None:
            return self._weighing(*rows, weights)
        return self._criterion(*rows)

    def _of_split(self, outputs: np.ndarray, batch: Any) -> Tensor:
        if batch.groups is not None and getattr(self._criterion, "name", None) == LISTWISE:
            return torch.as_tensor(
                float(listwise(NumpyOps(), outputs, batch.targets, batch.mask, None, batch.groups))
            )
        rows = (to_tensor(x[batch.mask], self._device, self._dtype) for x in (outputs, batch.targets))
        with torch.no_grad():
            return self._criterion(*rows)

    def add_scores(self, group: Group, progress: Progress) -> None:
        """Add the scores of what training saw, over all processes, to the epoch's row, and begin anew."""
        for name, score in self._scores.items():
            if isinstance(score, TotalledScore):
                score.totals = group.sum_(torch.from_numpy(score.totals).to(self._device)).cpu().numpy()
            progress.row.setdefault(f"train.{name}", float(score.compute()))
            score.reset()
