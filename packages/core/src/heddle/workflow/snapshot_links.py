"""Links in time: from the snapshots of a window, which pairs meet in the next one."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.errors import DataError
from heddle.forecast import Signal
from heddle.graph import num_nodes
from heddle.model import Batch
from heddle.program import Placed, Program, State
from heddle.workflow.links import judged
from heddle.workflow.negatives import TrueLinks, false_pairs
from heddle.workflow.outcome import Outcome
from heddle.workflow.seeds import generator

LENGTH = 6
"""Snapshots of a window."""

FEATURES = 2
"""Of a node in each snapshot: the logarithms of one more than the edges that enter and that leave it."""


class SnapshotLinkLoader:
    """Asks of each snapshot which of some pairs it holds: its own, each once, and as many random others.

    Snapshots are split in order of time, in the shares of the dataset's own splits, so that no later event is read to
    predict an earlier one. A batch is one snapshot: its `graph` is a Signal, its `index` the start of the window, and
    `prepared["pairs"]` [m, 2] what is asked. Evaluation asks the same false pairs every time.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(self, dataset: Dataset, negatives: int, seed: int):
        topology = dataset.snapshots
        self._seed, self._negatives = seed, negatives
        graphs = [topology[t].graph for t in range(len(topology))]
        self._n = num_nodes(graphs[0])
        x = np.stack([_degrees(graph, self._n) for graph in graphs])
        length = min(LENGTH, max(1, len(graphs) - 3))
        one = np.ones(1, np.float32)
        self._signal = Signal(dataset.name, topology, x, length, 1, 0 * one, one)
        self._pairs = [_pairs(graph) for graph in graphs]
        asked = [t for t in range(length, len(graphs)) if len(self._pairs[t])]
        sizes = [len(dataset.splits[split]) for split in SPLITS]
        ends = np.round(np.cumsum(sizes) / sum(sizes) * len(asked)).astype(int)
        self._times = dict(zip(SPLITS, np.split(np.array(asked, np.int64), ends[:-1])))
        if not len(self._times["train"]):
            raise DataError(
                f"dataset {dataset.name}: found {len(graphs)} snapshots, expected one with links after the first "
                f"{length} to train on; raise data.snapshots"
            )

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the training snapshots in random order, each with false pairs of its own."""
        for time in generator(self._seed, "shuffle", epoch).permutation(self._times["train"]).tolist():
            index, n_true = self._asked(time, self._negatives, "negatives", epoch)
            targets = (np.arange(len(index)) < n_true).astype(np.float32)
            yield program.place(self._batch(time, index, targets, np.ones(len(index), bool)))

    def outcomes(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Outcome]:
        """Return the scores of each split's true pairs, then of its false ones."""
        return {split: self._outcome(program, state, self._times[split]) for split in splits}

    def everything(self, program: Program, state: State) -> Outcome:
        """Return the scores of the pairs of all splits."""
        return self._outcome(program, state, np.concatenate(list(self._times.values())))

    def _outcome(self, program: Program, state: State, times: np.ndarray) -> Outcome:
        true, false = [], []
        for time in times.tolist():
            index, n_true = self._asked(time, 1, "evaluation negatives", 0)
            scores = np.asarray(program.predict(state, program.place(self._batch(time, index))))
            true.append((index[:n_true], scores[:n_true]))
            false.append((index[n_true:], scores[n_true:]))
        both = [*true, *false]
        index = np.concatenate([pairs for pairs, _ in both] or [np.zeros((0, 2), np.int64)])
        scores = np.concatenate([own for _, own in both] or [np.zeros(0, np.float32)])
        return judged(index, scores, sum(len(pairs) for pairs, _ in true))

    def _asked(self, time: int, negatives: int, purpose: str, epoch: int) -> tuple[np.ndarray, int]:
        """Return (pairs, how many of them are true) of a snapshot."""
        true = self._pairs[time]
        rng = generator(self._seed, purpose, epoch, time)
        false, found = false_pairs(TrueLinks(true, self._n), len(true) * negatives, rng)
        return np.concatenate([true, false[found]]), len(true)

    def _batch(self, time: int, index: np.ndarray, targets: Any = None, mask: Any = None) -> Batch:
        windows: Any = self._signal
        start = np.array([time - self._signal.length])
        return Batch(windows, {"pairs": index}, start, targets, mask)


def _pairs(graph: Any) -> np.ndarray:
    """Return the pairs that a snapshot joins, each once, without loops: [m, 2] int64."""
    pairs = np.unique(np.stack([graph.senders, graph.receivers], 1).astype(np.int64), axis=0)
    return pairs[pairs[:, 0] != pairs[:, 1]].reshape(-1, 2)


def _degrees(graph: Any, n: int) -> np.ndarray:
    """Return the features of a snapshot's nodes, [n, FEATURES] float32."""
    ends = (np.bincount(ids, minlength=n) for ids in (graph.receivers, graph.senders))
    return np.log1p(np.stack(list(ends), 1)).astype(np.float32)
