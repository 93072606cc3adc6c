"""Links in time: from the snapshots of a window, which pairs meet in the next one."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.engines.program import Placed, Program, State
from heddle.errors import DataError
from heddle.graphs.dynamic.signal import Signal
from heddle.graphs.graph import num_nodes
from heddle.nn.model import Batch
from heddle.seeds import generator
from heddle.workflow.loaders.candidates import (
    Candidates,
    Meetings,
    Rules,
    candidates,
    positions_ranked,
    protocol,
)
from heddle.workflow.loaders.links import evaluated
from heddle.workflow.loaders.negatives import TrueLinks, false_pairs
from heddle.workflow.metrics.link_baselines import history_of, link_baselines
from heddle.workflow.metrics.predictions import Predictions

LENGTH = 6
"""Snapshots of a window."""

FEATURES = 2
"""Of a node in each snapshot: the logarithms of one more than the edges that enter and that leave it."""


class SnapshotLinkLoader:
    """Asks of each snapshot which of some pairs it holds: its own, each once, and as many random others.

    Snapshots are split in order of time, in the shares of the dataset's own splits, so that no later event is read to
    predict an earlier one. A batch is one snapshot: its `graph` is a Signal, its `index` the start of the window, and
    `prepared["pairs"]` [m, 2] what is asked. Evaluation asks the same negative pairs every time, and ranks each pair
    among candidates of its own that don't meet in its snapshot.

    Args:
        ranked: `task.candidates`.

    Raises:
        DataError: no snapshot of the training split holds a link.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(self, dataset: Dataset, negatives: int, seed: int, ranked: str = "auto"):
        self._how = protocol(ranked)
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
        self._counts = (self._n, self._n)
        self._ranked: dict[str, Candidates] = {}

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the training snapshots in random order, each with negative pairs of its own."""
        for time in generator(self._seed, "shuffle", epoch).permutation(self._times["train"]).tolist():
            index, n_true = self._asked(time, self._negatives, "negatives", epoch)
            targets = (np.arange(len(index)) < n_true).astype(np.float32)
            yield program.place(self._batch(time, index, targets, np.ones(len(index), bool)))

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the scores of each split's true pairs, then of its negative ones, and the ranks of the true ones."""
        by_split = {}
        for split in splits:
            pairs, moments, n_true, n_own = self._questions(split)
            scores = np.zeros(len(pairs), np.float32)
            for time in self._times[split].tolist():
                here = np.flatnonzero(moments == time)
                batch = program.place(self._batch(time, pairs[here]))
                scores[here] = np.asarray(program.predict(state, batch))
            by_split[split] = evaluated(pairs[:n_own], scores, n_true, self._candidates(split))
        return by_split

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the scores of the pairs of all splits: the true ones, then the negative ones."""
        each = list(self.predictions(program, state, SPLITS).values())
        index, scores, targets, mask = (np.concatenate([part[k] for part in each]) for k in range(4))
        order = np.argsort(-targets, kind="stable")
        return Predictions(index[order], scores[order], targets[order], mask[order])

    def baselines(self, splits: Sequence[str]) -> dict[str, dict[str, Predictions]]:
        """Return baseline -> split -> what it answers from the events of earlier snapshots."""
        graphs = [snapshot.graph for snapshot in (self._signal.topology[t] for t in range(len(self._pairs)))]
        links = np.concatenate([np.stack([graph.senders, graph.receivers], 1) for graph in graphs])
        times = np.repeat(np.arange(len(graphs)), [len(graph.senders) for graph in graphs])
        history = history_of(links.astype(np.int64), times, self._counts, False, self._times["train"])
        by_name: dict[str, dict[str, Predictions]] = {}
        for split in (split for split in splits if len(self._times[split])):
            pairs, moments, n_true, n_own = self._questions(split)
            answers = link_baselines(history, pairs, history.before(moments - 1))
            for name, scores in answers.items():
                predicted = evaluated(pairs[:n_own], scores, n_true, self._candidates(split))
                by_name.setdefault(name, {})[split] = predicted
        return by_name

    def _questions(self, split: str) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Return (pairs, their snapshots, how many are true, how many aren't candidates)."""
        times = self._times[split].tolist()
        asked = [self._asked(time, 1, "evaluation negatives", 0) for time in times]
        nothing = np.zeros((0, 2), np.int64)
        true = np.concatenate([nothing, *(index[:n] for index, n in asked)])
        false = np.concatenate([nothing, *(index[n:] for index, n in asked)])
        moments = self._true_moments(split)
        false_moments = np.repeat(self._times[split], [len(index) - n for index, n in asked])
        ranked = self._candidates(split)
        pairs = np.concatenate([true, false, ranked.rows])
        every = np.concatenate([moments, false_moments, moments[ranked.positive][ranked.of]])
        return pairs, every, len(true), len(true) + len(false)

    def _true_moments(self, split: str) -> np.ndarray:
        """Return the snapshot of each of a split's pairs."""
        times = self._times[split]
        return np.repeat(times, [len(self._pairs[time]) for time in times.tolist()])

    def _candidates(self, split: str) -> Candidates:
        if split not in self._ranked:
            nothing = np.zeros((0, 2), np.int64)
            links, met = (
                np.concatenate([nothing, *(self._pairs[time] for time in self._times[part].tolist())])
                for part in (split, "train")
            )
            moments, n = self._true_moments(split), self._n
            meetings = Meetings(links, moments, n, either=True)

            def together(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
                result: np.ndarray = meetings.at(rows, moments[positions]) | (rows[:, 0] == rows[:, 1])
                return result

            # A pair that meets at another time is a false answer to this question, as the benchmarks have it.
            rules = Rules(self._counts, lambda rows: rows[:, 0] == rows[:, 1], together, together, met)
            positions = positions_ranked(links, split, self._seed)
            self._ranked[split] = candidates(self._how, links, split, self._seed, rules, positions)
        return self._ranked[split]

    def _asked(self, time: int, negatives: int, purpose: str, epoch: int) -> tuple[np.ndarray, int]:
        """Return (pairs, how many of them are true) of a snapshot."""
        true = self._pairs[time]
        rng = generator(self._seed, purpose, epoch, time)
        false, filled = false_pairs(TrueLinks(true, self._n), len(true) * negatives, rng)
        return np.concatenate([true, false[filled]]), len(true)

    def _batch(self, time: int, index: np.ndarray, targets: Any = None, mask: Any = None) -> Batch:
        windows: Any = self._signal
        start = np.array([time - self._signal.length])
        return Batch(windows, {"pairs": index}, start, targets, mask)


def _pairs(graph: Any) -> np.ndarray:
    """Return the pairs that a snapshot joins, each once, without loops: [m, 2] int64."""
    pairs = np.unique(np.stack([graph.senders, graph.receivers], 1).astype(np.int64), axis=0)
    result: np.ndarray = pairs[pairs[:, 0] != pairs[:, 1]].reshape(-1, 2)
    return result


def _degrees(graph: Any, n: int) -> np.ndarray:
    """Return the features of a snapshot's nodes, [n, FEATURES] float32."""
    ends = (np.bincount(ids, minlength=n) for ids in (graph.receivers, graph.senders))
    return np.log1p(np.stack(list(ends), 1)).astype(np.float32)
