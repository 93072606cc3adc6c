"""Questions about the targets of edges, from what is around both ends."""

import numpy as np

from heddle.data.dataset import Dataset
from heddle.workflow.loaders.known import Until
from heddle.workflow.loaders.questions.base import Asked
from heddle.workflow.loaders.questions.end_seeds import ends_as_seeds
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.metrics.predictions import Predictions


class EdgeQuestion(NodeQuestion):
    """The targets of edges, from the surroundings of both ends and from the edges' own columns.

    An edge's ends see what was there before it, so that neither it nor anything newer is among the messages.

    Args:
        until: as of a NodeQuestion, for each of the asked edges.

    Raises:
        DataError: no training edge has a known target.
    """

    _about = "edge"

    def __init__(self, dataset: Dataset, until: Until | None = None):
        super().__init__(dataset, until)
        assert dataset.asked is not None
        self._edges, self._node_types = dataset.asked, (dataset.target_type, dataset.receiver_type)

    def learn(self, positions: np.ndarray, epoch: int) -> Asked:
        return self._between(super().learn(positions, epoch))

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        return self._between(super().ask(rows, split))

    def predicted(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Predictions:
        return super().predicted(split, rows, outputs)._replace(index=self._edges.named(rows))

    def _between(self, asked: Asked) -> Asked:
        """Return the question about rows as one about their ends."""
        rows = asked.seeds
        ends = np.asarray(self._edges.ends[rows], np.int64)
        seeds, index, times = ends_as_seeds(ends, self._node_types, asked.times)
        return asked._replace(seeds=seeds, index=index, times=times, columns=self._edges.columns(rows))
