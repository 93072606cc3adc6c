"""Questions about links: which pairs, or triples, of nodes are true."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.graphs.graph import Graph
from heddle.sampling.negative_edges import negative_edges
from heddle.sampling.stream import sample_key
from heddle.workflow.loaders.candidates import (
    Candidates,
    Meetings,
    Rules,
    candidates,
    positions_ranked,
    protocol,
)
from heddle.workflow.loaders.known import Until
from heddle.workflow.loaders.links import check_links, count_ends, evaluated, true_pairs
from heddle.workflow.loaders.negatives import TrueLinks
from heddle.workflow.loaders.questions.asked_links import AskedLinks, fitting
from heddle.workflow.loaders.questions.base import EVALUATION, Asked, pieces_of
from heddle.workflow.loaders.questions.end_seeds import ask_links
from heddle.workflow.metrics.link_baselines import History, history_of, link_baselines
from heddle.workflow.metrics.predictions import Predictions


class LinkQuestion:
    """Which pairs (sender, receiver) of nodes of one type or of two, or triples (head, relation, tail), are true.

    A true link's negative edges are new in every epoch, whatever its batch: of a pair both ends are drawn again, of a
    triple one. For predictions they are fixed, as many as there are true ones; each link is ranked among candidates
    of its own. Links of any split are no negative edges, nor are `known` ones.

    With times, a negative edge is asked at the time of its true one, and its ends were there by then.

    Args:
        negatives: negative edges for each true one in training.
        until: the times up to which questions may look; None where the data has no times.
        known: [n, 2] pairs that are true besides those of the splits; None for the edges of a homogeneous graph.
        ranked: `task.candidates`; None where nobody asks for ranks.

    Raises:
        DataError: no training links, or a node id out of range.
    """

    def __init__(
        self,
        dataset: Dataset,
        negatives: int,
        seed: int,
        until: Until | None = None,
        known: np.ndarray | None = None,
        ranked: str | None = "auto",
    ):
        check_links(dataset)
        self._how = None if ranked is None else protocol(ranked)
        graph: Any = dataset.graphs
        self._negatives, self._seed, self._until = negatives, seed, until
        self._links = {split: np.asarray(dataset.splits[split], np.int64) for split in SPLITS}
        true = [rows for rows in self._links.values() if len(rows)]
        self._typed = true[0].shape[1] == 3
        if known is None and isinstance(graph, Graph) and not self._typed:
            known = np.stack([graph.senders, graph.receivers], axis=1)
        every = np.concatenate(true if known is None else [*true, known])
        self._counts, self._node_types = count_ends(dataset), (dataset.target_type, dataset.receiver_type)
        born = dataset.times.nodes if dataset.times is not None else {}
        first = dataset.target_type
        self._born = [born.get(node_type) for node_type in (first, dataset.receiver_type or first)]
        if self._typed:
            self._true = TrueLinks(every, self._counts[0], int(every[:, 1].max()) + 1)
        else:
            self._true = true_pairs(dataset, every)
        self._predicted: dict[str | None, AskedLinks] = {split: self._fixed(split) for split in SPLITS}
        times = None if until is None else until[None]
        self._predicted[None] = AskedLinks(np.concatenate(list(self._links.values())), times)
        self._moments = dataset.times.asked if until is not None and dataset.times is not None else None
        self._ranked: dict[str, tuple[Candidates, AskedLinks]] = {}

    def __len__(self) -> int:
        return len(self._links["train"])

    def learn(self, positions: np.ndarray, epoch: int) -> Asked:
        n = self._negatives
        true = AskedLinks(self._links["train"], None if self._until is None else self._until["train"]).at(
            positions
        )
        names = np.repeat(positions, n), np.tile(np.arange(n), len(positions))
        rows = true.and_(self._false_of(true.at(np.repeat(np.arange(len(positions)), n)), epoch, names))
        targets = (np.arange(len(rows.links)) < len(positions)).astype(np.float32)
        return self._asked(rows)._replace(targets=targets, mask=np.ones(len(targets), bool))

    def rows(self, split: str | None) -> np.ndarray:
        return np.arange(len(self._all(split).links))

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        return self._asked(self._all(split).at(rows))

    def cut(self, split: str | None, size: int) -> list[np.ndarray]:
        """Return positions [n] int of the links and their negative edges, then of the candidates, in pieces.

        Few nodes may make very many candidates, so a piece is bounded by the nodes of `size` rows of training.
        """
        n_first, every = len(self._predicted[split].links), self._all(split)
        pieces, positions, at = pieces_of(n_first, size), np.arange(n_first, len(every.links)), 0
        if split is not None and len(positions) and every.times is None and not self._typed:
            ranked, _ = self._candidates(split)  # some links after the other, so that they share receivers
            positions = positions[np.lexsort((ranked.rows[:, -1], ranked.of // size))]
        ordered = every.at(positions)
        while at < len(positions):
            count = fitting(ordered, at, size)
            pieces.append(positions[at : at + count])
            at += count
        return pieces

    def predicted(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Predictions:
        links = self._predicted[split].links
        if split is None:
            links = links[rows]
            return Predictions(links, outputs, np.ones(len(links), np.float32), np.ones(len(links), bool))
        ranked = None if self._how is None else self._candidates(split)[0]
        return evaluated(links, outputs, len(self._links[split]), ranked)

    def baselines(self, split: str) -> Mapping[str, Predictions]:
        every = self._all(split)
        if (
            self._typed
            or self._how is None
            or (every.times is None and split == "train")
            or not len(every.links)
        ):
            return {}
        known, history = self._history(every)
        scores = link_baselines(history, every.links, known)
        return {name: self.predicted(split, self.rows(split), values) for name, values in scores.items()}

    def _history(self, asked: AskedLinks) -> tuple[np.ndarray, History]:
        """Return (how many events each of the asked links may read, all events)."""
        apart = bool(self._node_types[1])
        if self._moments is None or asked.times is None:
            history = History(self._links["train"], None, self._counts, apart)
            return np.full(len(asked.links), len(history.links)), history
        links, moments = (
            np.concatenate([np.asarray(of[split]) for split in SPLITS]) for of in (self._links, self._moments)
        )
        history = history_of(links, moments, self._counts, apart, np.asarray(self._moments["train"]))
        return history.before(asked.times), history

    def _all(self, split: str | None) -> AskedLinks:
        """Return what is predicted of a split: its links, their negative edges, the candidates."""
        if split is None or self._how is None:
            return self._predicted[split]
        return self._candidates(split)[1]

    def _candidates(self, split: str) -> tuple[Candidates, AskedLinks]:
        if split in self._ranked or self._how is None:
            return self._ranked[split]
        links, until, together, met = self._links[split], self._until, None, None
        if until is not None and self._moments is not None and not self._typed:
            moments, met = np.asarray(self._moments[split]), self._links["train"]
            meetings = Meetings(links, moments, self._counts[1], not self._node_types[1])

            def together(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
                return meetings.at(rows, moments[positions])

        times = None if until is None else until[split]
        rules = Rules(
            self._counts,
            self._true.refuses,
            lambda rows, positions: self._unborn(rows, None if times is None else times[positions]),
            together,
            met,
            (-1, 0) if self._typed else (-1,),
        )
        ranked = positions_ranked(links, split, self._seed)
        drawn = candidates(self._how, links, split, self._seed, rules, ranked)
        positions_of = drawn.positive[drawn.of]
        rows = AskedLinks(drawn.rows, None if times is None else times[positions_of])
        self._ranked[split] = drawn, self._predicted[split].and_(rows)
        return self._ranked[split]

    def _unborn(self, links: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Tell which links have an end that was not there by their times."""
        late = np.zeros(len(links), bool)
        for born, end in zip(self._born, (0, -1), strict=True):
            if born is not None and times is not None:
                late |= born[links[:, end]] > times
        return late

    def _asked(self, rows: AskedLinks) -> Asked:
        return ask_links(rows.links, rows.times, self._node_types)

    def _false_of(self, true: AskedLinks, epoch: int, names: tuple[np.ndarray, ...]) -> AskedLinks:
        """Return a negative edge for each of `true`, fewer where none was found."""
        key, both = sample_key(self._seed, epoch), not self._typed

        def unborn(links: np.ndarray, positions: np.ndarray) -> np.ndarray:
            return self._unborn(links, None if true.times is None else true.times[positions])

        false, filled = negative_edges(
            true.links, self._counts, self._true.refuses, key, names, both=both, refused=unborn
        )
        return AskedLinks(false, true.times).at(np.flatnonzero(filled))

    def _fixed(self, split: str) -> AskedLinks:
        """Return the links of a split, then their negative edges."""
        true = AskedLinks(self._links[split], None if self._until is None else self._until[split])
        names = np.arange(len(true.links)), np.full(len(true.links), SPLITS.index(split))
        return true.and_(self._false_of(true, EVALUATION, names))
