"""LinkLearner: scores of pairs of nodes from the snapshots before them."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.nn.model import Batch
from heddle_dgl.reuse.step_memo import step
from heddle_dgl.train.learners import ForecastLearner, PlacedWindows
from heddle_torch.train.learner import Training


class PlacedLinks(NamedTuple):
    """A window on the device, and the pairs [m, 2] that are asked about."""

    windows: PlacedWindows
    pairs: Tensor
    targets: Tensor | None
    mask: Tensor | None
    divisor: None = None  # each batch counts its own pairs
    weights: None = None


class LinkLearner(ForecastLearner):
    """A `SnapshotLinks` model run by an engine, one window at a time."""

    def place(self, batch: Batch) -> Any:
        windows = super().place(batch)
        pairs = torch.from_numpy(batch.prepared["pairs"]).to(self._device)
        return PlacedLinks(windows, pairs, windows.targets, windows.mask)

    def outputs(self, weights: dict[str, Tensor], placed: Any, training: Training | None) -> Tensor:
        """Return a score for each pair of the batch's index, [m].

        Args:
            weights: as `create` returned them.
            placed: a batch, as `place` returned it.
            training: what dropout draws from; None when predicting.
        """
        (windows,) = self._windows(placed.windows, placed.windows.signal.length)
        with step() as memo:
            run = self._run(memo)
            h = self.model.embed(run, self._computed(weights), windows)[:, -1]
            self._aggregations, self._saved = run.aggregations, run.saved
        first, second = (h.index_select(0, ends) for ends in placed.pairs.unbind(1))
        return (first * second).sum(-1).to(self._precision.weights)

    def embed(self, weights: dict[str, Tensor], placed: Any) -> Tensor:
        return super().embed(weights, placed.windows)
