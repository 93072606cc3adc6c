"""Nodes or edges of one graph: a single batch of the whole graph, placed once; one pass answers for every split."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.engines.program import Placed, Program, State
from heddle.errors import DataError
from heddle.nn.model import Batch
from heddle.workflow.metrics.predictions import Predictions, known_targets, numbered


class NodeLoader:
    """Asks about the nodes of all splits in one batch; in training the mask hides the targets of all others.

    Raises:
        DataError: no training target is known.
    """

    every_epoch: tuple[str, ...] = SPLITS
    _about = "node"

    def __init__(self, dataset: Dataset, model: Any):
        graph: Any = dataset.graphs
        splits = {key: np.asarray(dataset.splits[key]) for key in SPLITS}
        self._index = np.concatenate([splits[key] for key in SPLITS])
        self._all_targets = np.asarray(dataset.targets)
        ends = np.cumsum([0, *(len(splits[key]) for key in SPLITS)])
        self._rows = {key: slice(a, b) for key, a, b in zip(SPLITS, ends, ends[1:])}
        self._targets, self._mask = known_targets(self._all_targets[self._index])
        learned = self._mask.copy()
        learned[self._rows["train"].stop :] = False
        if not learned.any():
            raise DataError(
                f"dataset {dataset.name}: found no known target of a training {self._about}, expected at least one"
            )
        batch = Batch(graph, model.prepare(graph), self._index, self._targets, learned)
        weights = None if dataset.weights is None else dataset.weights[self._index]
        self._groups = None if dataset.groups is None else np.asarray(dataset.groups)[self._index]
        groups = None if self._groups is None else numbered(self._groups)
        self._batch = self._asking(batch._replace(weights=weights, groups=groups))
        self._placed: Placed | None = None

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the one batch."""
        yield self._batch_placed(program)

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the predictions of each split, from one forward pass."""
        outputs = np.asarray(program.predict(state, self._batch_placed(program)))
        whole = Predictions(self._named(self._index), outputs, self._targets, self._mask)
        by_split = {key: Predictions(*(rows[self._rows[key]] for rows in whole[:4])) for key in splits}
        if self._groups is None:
            return by_split
        return {
            key: predicted.in_groups(self._groups[self._rows[key]]) for key, predicted in by_split.items()
        }

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the predictions of all nodes."""
        targets, mask = known_targets(self._all_targets)
        index = np.arange(len(targets))
        batch = self._asking(
            self._batch._replace(index=index, targets=None, mask=None, weights=None, groups=None)
        )
        outputs = program.predict(state, program.place(batch))
        return Predictions(self._named(index), np.asarray(outputs), targets, mask)

    def _asking(self, batch: Batch) -> Batch:
        """Return a batch whose index are rows of the targets as one that asks about them."""
        return batch

    def _named(self, rows: np.ndarray) -> np.ndarray:
        """Return what predictions call rows of the targets."""
        return rows

    def _batch_placed(self, program: Program) -> Placed:
        if self._placed is None:
            self._placed = program.place(self._batch)
        return self._placed


class EdgeLoader(NodeLoader):
    """Asks about the edges of all splits in one batch."""

    _about = "edge"

    def __init__(self, dataset: Dataset, model: Any):
        assert dataset.asked is not None
        self._edges = dataset.asked
        super().__init__(dataset, model)

    def _asking(self, batch: Batch) -> Batch:
        rows = np.asarray(batch.index)
        ends = np.asarray(self._edges.ends[rows], np.int64)
        return batch._replace(index=ends, asked=self._edges.columns(rows))

    def _named(self, rows: np.ndarray) -> np.ndarray:
        return self._edges.named(rows)
