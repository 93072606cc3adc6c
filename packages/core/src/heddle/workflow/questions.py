"""Questions: what sampled batches ask of one large graph: the classes of nodes, or which links are true."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.errors import DataError
from heddle.graph import Array, Graph
from heddle.sampling.false_links import false_links
from heddle.sampling.stream import sample_key
from heddle.workflow.links import check_links, count_ends, judged, true_pairs
from heddle.workflow.negatives import TrueLinks
from heddle.workflow.outcome import Outcome, known_targets

EVALUATION = -1
"""Stands in a key for the epoch, so that a prediction is the same whenever it is made."""


class Asked(NamedTuple):
    """What one batch asks.

    Attributes:
        seeds: [n] ids of nodes, or node type -> ids: the first nodes of the batch's part of the graph.
        index: what `Batch.index` is, as positions among the seeds of a type.
        targets, mask: as in a Batch; None when predicting.
    """

    seeds: Any
    index: Array
    targets: np.ndarray | None = None
    mask: np.ndarray | None = None


class Question(Protocol):
    """What is asked of one graph, in training and for predictions; a function of (dataset, seed)."""

    def __len__(self) -> int:
        """Count what training asks about in an epoch."""
        ...

    def learn(self, places: np.ndarray, epoch: int) -> Asked:
        """Return what a batch of training asks, with targets; `places` are some of 0 to len(self) - 1."""
        ...

    def rows(self, split: str | None) -> np.ndarray:
        """Return what is predicted for a split, a row each; for None that of all splits, or of all nodes."""
        ...

    def ask(self, rows: np.ndarray) -> Asked:
        """Return what a batch of predictions asks."""
        ...

    def outcome(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Outcome:
        """Return the predictions for `rows(split)` beside the truth."""
        ...


class NodeQuestion:
    """The targets of nodes of one type; in training of those whose target is known.

    Raises:
        DataError: no training node has a known target.
    """

    def __init__(self, dataset: Dataset):
        self._splits = {split: np.asarray(dataset.splits[split]) for split in SPLITS}
        self._targets = np.asarray(dataset.targets)
        _, known = known_targets(self._targets[self._splits["train"]])
        self._train = self._splits["train"][known.reshape(len(known), -1).any(axis=1)]
        if not len(self._train):
            raise DataError(
                f"dataset {dataset.name}: found no known target of a training node, expected at least one"
            )

    def __len__(self) -> int:
        return len(self._train)

    def learn(self, places: np.ndarray, epoch: int) -> Asked:
        ids = self._train[places]
        return Asked(ids, np.arange(len(ids)), *known_targets(self._targets[ids]))

    def rows(self, split: str | None) -> np.ndarray:
        return np.arange(len(self._targets)) if split is None else self._splits[split]

    def ask(self, rows: np.ndarray) -> Asked:
        return Asked(rows, np.arange(len(rows)))

    def outcome(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Outcome:
        return Outcome(rows, outputs, *known_targets(self._targets[rows]))


class LinkQuestion:
    """Which pairs (sender, receiver) of nodes of one type or of two, or triples (head, relation, tail), are true.

    A true link's false ones are new in every epoch, whatever batch it comes in: of a pair both ends are drawn anew, of
    a triple one. For predictions they are fixed, as many as there are true ones; ranks are among all false links of
    the split. Links of any split are no false ones, nor are the edges of a homogeneous graph.

    Args:
        negatives: false links for each true one in training.

    Raises:
        DataError: no training links, or a node id out of range.
    """

    def __init__(self, dataset: Dataset, negatives: int, seed: int):
        check_links(dataset)
        graph: Any = dataset.graphs
        self._negatives, self._seed = negatives, seed
        self._links = {split: np.asarray(dataset.splits[split], np.int64) for split in SPLITS}
        known = [rows for rows in self._links.values() if len(rows)]
        self._typed = known[0].shape[1] == 3
        if isinstance(graph, Graph) and not self._typed:
            known.append(np.stack([graph.senders, graph.receivers], axis=1))
        every = np.concatenate(known)
        self._counts, self._node_types = count_ends(dataset), (dataset.target_type, dataset.receiver_type)
        if self._typed:
            self._true = TrueLinks(every, self._counts[0], int(every[:, 1].max()) + 1)
        else:
            self._true = true_pairs(dataset, every)
        self._false = {split: self._fixed(split) for split in SPLITS}

    def __len__(self) -> int:
        return len(self._links["train"])

    def learn(self, places: np.ndarray, epoch: int) -> Asked:
        links, n = self._links["train"][places], self._negatives
        names = np.repeat(places, n), np.tile(np.arange(n), len(links))
        false = self._false_of(np.repeat(links, n, axis=0), epoch, names)
        rows = np.concatenate([links, false])
        targets = (np.arange(len(rows)) < len(links)).astype(np.float32)
        return self.ask(rows)._replace(targets=targets, mask=np.ones(len(rows), bool))

    def rows(self, split: str | None) -> np.ndarray:
        if split is None:
            return np.concatenate(list(self._links.values()))
        return np.concatenate([self._links[split], self._false[split]])

    def ask(self, rows: np.ndarray) -> Asked:
        """Return what a batch of links asks; each of their ends is a seed once."""
        index = rows.copy()
        if self._node_types[1]:
            found = [np.unique(rows[:, end], return_inverse=True) for end in (0, -1)]
            seeds: Any = {kind: ids for kind, (ids, _) in zip(self._node_types, found, strict=True)}
            places = np.stack([place for _, place in found], axis=1)
        else:
            seeds, places = np.unique(rows[:, [0, -1]], return_inverse=True)
        index[:, [0, -1]] = places.reshape(-1, 2)
        return Asked(seeds, index)

    def outcome(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Outcome:
        if split is None:
            return Outcome(rows, outputs, np.ones(len(rows), np.float32), np.ones(len(rows), bool))
        return judged(rows, outputs, len(self._links[split]))

    def _false_of(self, links: np.ndarray, epoch: int, names: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return a false link for each of `links`, fewer where none was found."""
        key = sample_key(self._seed, epoch)
        false, found = false_links(links, self._counts, self._true.refuses, key, names, both=not self._typed)
        return false[found]

    def _fixed(self, split: str) -> np.ndarray:
        links = self._links[split]
        names = np.arange(len(links)), np.full(len(links), SPLITS.index(split))
        return self._false_of(links, EVALUATION, names)
