"""Nodes of one graph: a single batch of the whole graph, placed once; one forward pass answers for every split."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.errors import DataError
from heddle.model import Batch
from heddle.program import Placed, Program, State
from heddle.workflow.outcome import Outcome, known_targets


class NodeLoader:
    """Asks about the nodes of all splits at once; in training the mask hides all but the training nodes' targets."""

    every_epoch: tuple[str, ...] = SPLITS

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
                f"dataset {dataset.name}: found no known target of a training node, expected at least one"
            )
        self._batch = Batch(graph, model.prepare(graph), self._index, self._targets, learned)
        self._placed: Placed | None = None

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the one batch."""
        yield self._place(program)

    def outcomes(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Outcome]:
        """Return the predictions of each split, from one forward pass."""
        outputs = np.asarray(program.predict(state, self._place(program)))
        whole = Outcome(self._index, outputs, self._targets, self._mask)
        return {key: Outcome(*(rows[self._rows[key]] for rows in whole[:4])) for key in splits}

    def everything(self, program: Program, state: State) -> Outcome:
        """Return the predictions of all nodes."""
        targets, mask = known_targets(self._all_targets)
        index = np.arange(len(targets))
        outputs = program.predict(
            state, program.place(self._batch._replace(index=index, targets=None, mask=None))
        )
        return Outcome(index, np.asarray(outputs), targets, mask)

    def _place(self, program: Program) -> Placed:
        if self._placed is None:
            self._placed = program.place(self._batch)
        return self._placed
