"""Links of one kind: random negative pairs beside the true ones, new in every batch, fixed for evaluation."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.engines.program import Placed, Program, State
from heddle.errors import DataError
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch
from heddle.seeds import generator
from heddle.workflow.loaders.candidates import Candidates, Rules, candidates, positions_ranked, protocol
from heddle.workflow.loaders.negatives import TrueLinks, false_pairs
from heddle.workflow.metrics.link_baselines import History, link_baselines
from heddle.workflow.metrics.predictions import Predictions

_PAIRS = 2**20
"""Links that are scored by one forward pass."""


def check_links(dataset: Dataset) -> None:
    """Raise DataError where a dataset has no training links, or one of a node that it lacks.

    Raises:
        DataError: no training links, or a node id out of range.
    """
    counts = np.array(count_ends(dataset))
    if not len(dataset.splits["train"]):
        raise DataError(f"dataset {dataset.name}: found no training links, expected at least one")
    for split, rows in dataset.splits.items():
        ends = rows[:, [0, -1]]
        bad = ((ends < 0) | (ends >= counts)).any(axis=1)
        if bad.any():
            at = int(bad.argmax())
            below = f"[0, {counts[0]})" + (f" and [0, {counts[1]})" if dataset.receiver_type else "")
            raise DataError(
                f"dataset {dataset.name}: splits[{split!r}][{at}]: found nodes {ends[at].tolist()}, "
                f"expected ids in {below}; check the reader's files"
            )


class LinkLoader:
    """Predicts pairs of nodes of one graph.

    For evaluation each split has as many fixed negative pairs as it has links, for losses, AUROC and AP.
    Each link is ranked among candidates of its own, of a large split a sample of the links.

    Args:
        ranked: `task.candidates`.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self, dataset: Dataset, model: Any, batch_size: int, negatives: int, seed: int, ranked: str = "auto"
    ):
        how = protocol(ranked)
        graph: Any = dataset.graphs
        self._graph, self._prepared = graph, model.prepare(graph)
        self._links = {split: np.asarray(dataset.splits[split], np.int64) for split in SPLITS}
        known = [*self._links.values()]
        if isinstance(graph, Graph):
            known.append(np.stack([graph.senders, graph.receivers], axis=1))
        self._true = true_pairs(dataset, np.concatenate(known))
        self._size, self._negatives, self._seed = min(batch_size, len(self._links["train"])), negatives, seed
        self._false = {split: self._fixed(split) for split in SPLITS}
        counts = count_ends(dataset)
        rules = Rules(counts, self._true.refuses)
        self._candidates = {
            split: candidates(how, links, split, seed, rules, positions_ranked(links, split, seed))
            for split, links in self._links.items()
        }
        self._history = History(self._links["train"], None, counts, bool(dataset.receiver_type))

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's links in random order, each batch with negative pairs of its own, all of one shape."""
        for number, rows in enumerate(shuffled(len(self._links["train"]), self._size, self._seed, epoch)):
            links = self._links["train"][rows]
            rng = generator(self._seed, "negatives", epoch, number)
            false, filled = false_pairs(self._true, len(links) * self._negatives, rng)
            yield program.place(
                with_negatives(
                    self._graph, self._prepared, links, false, filled, self._size * (1 + self._negatives)
                )
            )

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the scores of each split's true pairs, then of its negative ones, and the ranks of the true ones."""
        scores = self._scores(program, state, [self._asked(split) for split in splits])
        return {split: self._evaluated(split, values) for split, values in zip(splits, scores)}

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the scores of the links of all splits."""
        index = np.concatenate(list(self._links.values()))
        scores = np.asarray(program.predict(state, program.place(Batch(self._graph, self._prepared, index))))
        return Predictions(index, scores, np.ones(len(index), np.float32), np.ones(len(index), bool))

    def baselines(self, splits: Sequence[str]) -> dict[str, dict[str, Predictions]]:
        """Return baseline -> split -> what it answers, from the training links; of training itself it tells nothing."""
        by_name: dict[str, dict[str, Predictions]] = {}
        for split in (split for split in splits if split != "train" and len(self._links[split])):
            rows = self._asked(split)
            known = np.full(len(rows), len(self._history.links))
            for name, scores in link_baselines(self._history, rows, known).items():
                by_name.setdefault(name, {})[split] = self._evaluated(split, scores)
        return by_name

    def _asked(self, split: str) -> np.ndarray:
        """Return a split's links, its negative ones, and the candidates."""
        return np.concatenate([self._links[split], self._false[split], self._candidates[split].rows])

    def _evaluated(self, split: str, scores: np.ndarray) -> Predictions:
        index = np.concatenate([self._links[split], self._false[split]])
        return evaluated(index, scores, len(self._links[split]), self._candidates[split])

    def _scores(self, program: Program, state: State, asked: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return the scores of several arrays of links, from one forward pass unless they are very many."""
        rows = np.concatenate(asked)
        scores = [
            np.asarray(program.predict(state, program.place(Batch(self._graph, self._prepared, piece))))
            for piece in np.split(rows, range(_PAIRS, len(rows), _PAIRS))
        ]
        return np.split(np.concatenate(scores), np.cumsum([len(part) for part in asked])[:-1])

    def _fixed(self, split: str) -> np.ndarray:
        rng = generator(self._seed, "evaluation negatives", SPLITS.index(split))
        false, filled = false_pairs(self._true, len(self._links[split]), rng)
        result: np.ndarray = false[filled]
        return result


def shuffled(n: int, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the positions 0 to n - 1 in the epoch's random order, cut into pieces [size] int, the last one shorter."""
    order = generator(seed, "shuffle", epoch).permutation(n)
    return np.split(order, range(size, n, size))


def with_negatives(
    graph: Any, prepared: Any, links: np.ndarray, false: np.ndarray, filled: np.ndarray, size: int
) -> Batch:
    """Return a Batch of `size` rows: true links, negative ones (masked where none was found), and masked padding.

    Args:
        links: [n, 2] true links, or [n, 3] with their relation.
        false: negative ones, as many columns.
        filled: [m] bool, for each of them whether one was found.
    """
    index = np.zeros((size, links.shape[1]), np.int64)
    targets, mask = np.zeros(size, np.float32), np.zeros(size, bool)
    used = len(links) + len(false)
    index[:used] = np.concatenate([links, false])
    targets[: len(links)] = 1
    mask[:used] = np.concatenate([np.ones(len(links), bool), filled])
    return Batch(graph, prepared, index, targets, mask)


def evaluated(index: np.ndarray, scores: np.ndarray, n_true: int, ranked: Candidates | None) -> Predictions:
    """Return the Predictions of `n_true` true links followed by negative ones.

    Args:
        index: [n, 2] int, the links; [n, 3] with their relation.
        scores: of `index`, [n], then of the candidates that the true links are ranked against.
        ranked: those; None where nothing is ranked.
    """
    outputs, others = np.split(np.asarray(scores), [len(index)])
    targets = (np.arange(len(index)) < n_true).astype(np.float32)
    ranks = None if ranked is None else ranked.ranks(outputs[:n_true], others)
    return Predictions(index, outputs, targets, np.ones(len(index), bool), ranks)


def true_pairs(dataset: Dataset, rows: np.ndarray) -> TrueLinks:
    """Return pairs [n, 2] as the TrueLinks of a dataset."""
    senders, receivers = count_ends(dataset)
    return TrueLinks(rows, senders, n_receivers=receivers if dataset.receiver_type else None)


def count_ends(dataset: Dataset) -> tuple[int, int]:
    """Count the nodes that links come from, and that they lead to."""
    graph: Any = dataset.graphs
    n = count_nodes(dataset)
    return n, int(np.sum(graph.n_node[dataset.receiver_type])) if dataset.receiver_type else n


def count_nodes(dataset: Dataset) -> int:
    """Count the nodes that links join."""
    graph: Any = dataset.graphs
    n_node = graph.n_node
    return int(np.sum(n_node[dataset.target_type] if dataset.target_type else n_node))
