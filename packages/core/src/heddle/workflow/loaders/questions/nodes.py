"""Questions about the targets of nodes of one type."""

from collections.abc import Mapping

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.errors import DataError
from heddle.workflow.loaders.known import Until
from heddle.workflow.loaders.questions.base import Asked, pieces_of
from heddle.workflow.metrics.predictions import Predictions, known_targets, numbered


class NodeQuestion:
    """The targets of nodes of one type; in training of those whose target is known.

    Of a ranking training asks about whole groups, which are what is counted and shuffled.

    Args:
        until: the times up to which questions may look; None where the data has no times.

    Raises:
        DataError: no training node has a known target.
    """

    _about = "node"

    def __init__(self, dataset: Dataset, until: Until | None = None):
        self._until = until
        self._splits = {split: np.asarray(dataset.splits[split]) for split in SPLITS}
        self._targets, self._weights = np.asarray(dataset.targets), dataset.weights
        _, known = known_targets(self._targets[self._splits["train"]])
        self._train = self._splits["train"][known.reshape(len(known), -1).any(axis=1)]
        if not len(self._train):
            raise DataError(
                f"dataset {dataset.name}: found no known target of a training {self._about}, expected at least one"
            )

        self._groups, self._together = dataset.groups, [self._train]
        if dataset.groups is not None:
            group_of = numbered(np.asarray(dataset.groups)[self._train])
            self._together = np.split(
                self._train[np.argsort(group_of, kind="stable")], np.cumsum(np.bincount(group_of))[:-1]
            )

    def __len__(self) -> int:
        return len(self._train) if self._groups is None else len(self._together)

    def learn(self, positions: np.ndarray, epoch: int) -> Asked:
        ranking = self._groups is not None
        ids = np.concatenate([self._together[at] for at in positions]) if ranking else self._train[positions]
        asked = Asked(ids, np.arange(len(ids)), *known_targets(self._targets[ids]), self._times(ids, "train"))
        if self._groups is not None:
            asked = asked._replace(groups=numbered(np.asarray(self._groups)[ids]))
        return asked if self._weights is None else asked._replace(weights=self._weights[ids])

    def rows(self, split: str | None) -> np.ndarray:
        return np.arange(len(self._targets)) if split is None else self._splits[split]

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        return Asked(rows, np.arange(len(rows)), times=self._times(rows, split))

    def cut(self, split: str | None, size: int) -> list[np.ndarray]:
        return pieces_of(len(self.rows(split)), size)

    def predicted(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Predictions:
        predictions = Predictions(rows, outputs, *known_targets(self._targets[rows]))
        return predictions.in_groups(None if self._groups is None else np.asarray(self._groups)[rows])

    def baselines(self, split: str) -> Mapping[str, Predictions]:
        return {}

    def _times(self, ids: np.ndarray, split: str | None) -> np.ndarray | None:
        return None if self._until is None else self._until[split][ids]
