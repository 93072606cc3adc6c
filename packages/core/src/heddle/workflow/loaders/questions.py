"""Questions: what sampled batches ask of one large graph: of nodes, of edges, or which links are true."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.errors import DataError
from heddle.graphs.graph import Array, Graph
from heddle.sampling.negative_edges import negative_edges
from heddle.sampling.stream import sample_key
from heddle.workflow.loaders.candidates import (
    Candidates,
    Meetings,
    Rules,
    candidates,
    places_ranked,
    protocol,
)
from heddle.workflow.loaders.known import Until
from heddle.workflow.loaders.links import check_links, count_ends, evaluated, true_pairs
from heddle.workflow.loaders.negatives import TrueLinks
from heddle.workflow.metrics.link_baselines import History, history_of, link_baselines
from heddle.workflow.metrics.predictions import Predictions, known_targets, numbered

EVALUATION = -1
"""Stands in a key for the epoch, so that a prediction is the same whenever it is made."""


class Asked(NamedTuple):
    """What one batch asks.

    Attributes:
        seeds: [n] ids of nodes, or node type -> ids: the first nodes of the batch's part of the graph.
        index: what `Batch.index` is, as positions among the seeds of a type.
        targets, mask: as in a Batch; None when predicting.
        times: like `seeds`, the time up to which each may look; None where data has no times.
        columns: of questions about edges, what Batch.asked is.
        weights, groups: what Batch.weights and Batch.groups are.
    """

    seeds: Any
    index: Array
    targets: np.ndarray | None = None
    mask: np.ndarray | None = None
    times: Any = None
    columns: Any = None
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None


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

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        """Return what a batch of predictions for a split asks."""
        ...

    def cut(self, split: str | None, size: int) -> list[np.ndarray]:
        """Return places in `rows(split)`, each once, in pieces about no more nodes than `size` rows of training are."""
        ...

    def predicted(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Predictions:
        """Return the predictions for `rows(split)` beside the truth."""
        ...

    def baselines(self, split: str) -> Mapping[str, Predictions]:
        """Return baseline -> what a trivial rule answers to the questions of a split; {} where none is known."""
        ...


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
            own = numbered(np.asarray(dataset.groups)[self._train])
            self._together = np.split(
                self._train[np.argsort(own, kind="stable")], np.cumsum(np.bincount(own))[:-1]
            )

    def __len__(self) -> int:
        return len(self._train) if self._groups is None else len(self._together)

    def learn(self, places: np.ndarray, epoch: int) -> Asked:
        ranking = self._groups is not None
        ids = np.concatenate([self._together[at] for at in places]) if ranking else self._train[places]
        asked = Asked(ids, np.arange(len(ids)), *known_targets(self._targets[ids]), self._times(ids, "train"))
        if self._groups is not None:
            asked = asked._replace(groups=numbered(np.asarray(self._groups)[ids]))
        return asked if self._weights is None else asked._replace(weights=self._weights[ids])

    def rows(self, split: str | None) -> np.ndarray:
        return np.arange(len(self._targets)) if split is None else self._splits[split]

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        return Asked(rows, np.arange(len(rows)), times=self._times(rows, split))

    def cut(self, split: str | None, size: int) -> list[np.ndarray]:
        return _regular(len(self.rows(split)), size)

    def predicted(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Predictions:
        found = Predictions(rows, outputs, *known_targets(self._targets[rows]))
        return found.in_groups(None if self._groups is None else np.asarray(self._groups)[rows])

    def baselines(self, split: str) -> Mapping[str, Predictions]:
        return {}

    def _times(self, ids: np.ndarray, split: str | None) -> np.ndarray | None:
        return None if self._until is None else self._until[split][ids]


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

    def learn(self, places: np.ndarray, epoch: int) -> Asked:
        return self._between(super().learn(places, epoch))

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


class LinkQuestion:
    """Which pairs (sender, receiver) of nodes of one type or of two, or triples (head, relation, tail), are true.

    A true link's false ones are new in every epoch, whatever batch it comes in: of a pair both ends are drawn anew, of
    a triple one. For predictions they are fixed, as many as there are true ones; each link is ranked among candidates
    of its own. Links of any split are no false ones, nor are `known` ones.

    With times, a false link is asked at the time of its true one, and its ends were there by then.

    Args:
        negatives: false links for each true one in training.
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
        self._predicted: dict[str | None, _Links] = {split: self._fixed(split) for split in SPLITS}
        times = None if until is None else until[None]
        self._predicted[None] = _Links(np.concatenate(list(self._links.values())), times)
        self._moments = dataset.times.asked if until is not None and dataset.times is not None else None
        self._ranked: dict[str, tuple[Candidates, _Links]] = {}

    def __len__(self) -> int:
        return len(self._links["train"])

    def learn(self, places: np.ndarray, epoch: int) -> Asked:
        n = self._negatives
        true = _Links(self._links["train"], None if self._until is None else self._until["train"]).at(places)
        names = np.repeat(places, n), np.tile(np.arange(n), len(places))
        rows = true.and_(self._false_of(true.at(np.repeat(np.arange(len(places)), n)), epoch, names))
        targets = (np.arange(len(rows.links)) < len(places)).astype(np.float32)
        return self._asked(rows)._replace(targets=targets, mask=np.ones(len(targets), bool))

    def rows(self, split: str | None) -> np.ndarray:
        return np.arange(len(self._all(split).links))

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        return self._asked(self._all(split).at(rows))

    def cut(self, split: str | None, size: int) -> list[np.ndarray]:
        """Return first the links and their false ones, then the candidates, of which few nodes may make very many."""
        own, every = len(self._predicted[split].links), self._all(split)
        pieces, places, at = _regular(own, size), np.arange(own, len(every.links)), 0
        if split is not None and len(places) and every.times is None and not self._typed:
            found, _ = self._candidates(split)  # some links after the other, so that they share receivers
            places = places[np.lexsort((found.rows[:, -1], found.of // size))]
        ordered = every.at(places)
        while at < len(places):
            count = _fitting(ordered, at, size)
            pieces.append(places[at : at + count])
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
        return {name: self.predicted(split, self.rows(split), own) for name, own in scores.items()}

    def _history(self, asked: "_Links") -> tuple[np.ndarray, History]:
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

    def _all(self, split: str | None) -> "_Links":
        """Return what is predicted of a split: its links, their false ones, the candidates."""
        if split is None or self._how is None:
            return self._predicted[split]
        return self._candidates(split)[1]

    def _candidates(self, split: str) -> tuple[Candidates, "_Links"]:
        if split in self._ranked or self._how is None:
            return self._ranked[split]
        links, until, together, met = self._links[split], self._until, None, None
        if until is not None and self._moments is not None and not self._typed:
            moments, met = np.asarray(self._moments[split]), self._links["train"]
            meetings = Meetings(links, moments, self._counts[1], not self._node_types[1])

            def together(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
                return meetings.at(rows, moments[places])

        times = None if until is None else until[split]
        rules = Rules(
            self._counts,
            self._true.refuses,
            lambda rows, places: self._unborn(rows, None if times is None else times[places]),
            together,
            met,
            (-1, 0) if self._typed else (-1,),
        )
        ranked = places_ranked(links, split, self._seed)
        found = candidates(self._how, links, split, self._seed, rules, ranked)
        own = found.positive[found.of]
        rows = _Links(found.rows, None if times is None else times[own])
        self._ranked[split] = found, self._predicted[split].and_(rows)
        return self._ranked[split]

    def _unborn(self, links: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Tell which links have an end that was not there by their times."""
        late = np.zeros(len(links), bool)
        for born, end in zip(self._born, (0, -1), strict=True):
            if born is not None and times is not None:
                late |= born[links[:, end]] > times
        return late

    def _asked(self, rows: "_Links") -> Asked:
        return ask_links(rows.links, rows.times, self._node_types)

    def _false_of(self, true: "_Links", epoch: int, names: tuple[np.ndarray, ...]) -> "_Links":
        """Return a false link for each of `true`, fewer where none was found."""
        key, both = sample_key(self._seed, epoch), not self._typed

        def unborn(links: np.ndarray, places: np.ndarray) -> np.ndarray:
            return self._unborn(links, None if true.times is None else true.times[places])

        false, found = negative_edges(
            true.links, self._counts, self._true.refuses, key, names, both=both, refused=unborn
        )
        return _Links(false, true.times).at(np.flatnonzero(found))

    def _fixed(self, split: str) -> "_Links":
        """Return the links of a split, then their false ones."""
        true = _Links(self._links[split], None if self._until is None else self._until[split])
        names = np.arange(len(true.links)), np.full(len(true.links), SPLITS.index(split))
        return true.and_(self._false_of(true, EVALUATION, names))


def ask_links(links: np.ndarray, times: np.ndarray | None, node_types: tuple[str, str]) -> Asked:
    """Return what a batch about links asks; each of their ends is a seed once, or once for each of its times.

    Args:
        links: [n, c] int64, senders in the first column and receivers in the last.
        times: [n] int64, the time up to which each may look; None where data has no times.
        node_types: of the first and the last ends; the second is "" where both are of one type.
    """
    index = links.copy()
    seeds, index[:, [0, -1]], times = ends_as_seeds(links[:, [0, -1]], node_types, times)
    return Asked(seeds, index, times=times)


class _Links(NamedTuple):
    """Links [n, c] and the times [n] up to which each may look, or None."""

    links: np.ndarray
    times: np.ndarray | None

    def at(self, places: np.ndarray) -> "_Links":
        """Return some of them."""
        return _Links(self.links[places], None if self.times is None else self.times[places])

    def and_(self, others: "_Links") -> "_Links":
        """Return both, one after the other."""
        times = None
        if self.times is not None and others.times is not None:
            times = np.concatenate([self.times, others.times])
        return _Links(np.concatenate([self.links, others.links]), times)


def ends_as_seeds(
    ends: np.ndarray, node_types: tuple[str, str], times: np.ndarray | None
) -> tuple[Any, np.ndarray, Any]:
    """Return (seeds, [n, 2] positions among them, their times or None) of the ends [n, 2] of links or edges.

    Each end is a seed once, or once for each of its times.

    Args:
        node_types: of both ends; the last is "" where it is the first, and both in a homogeneous graph.
        times: [n] up to which each may look, or None.
    """
    moments = np.zeros(len(ends), np.int64) if times is None else times
    if not node_types[1]:
        seeds, own, flat = _distinct(ends.reshape(-1), np.repeat(moments, 2))
        return seeds, flat.reshape(-1, 2), None if times is None else own
    found = [_distinct(ends[:, end], moments) for end in (0, 1)]
    by_type: Any = {kind: ids for kind, (ids, _, _) in zip(node_types, found, strict=True)}
    until: Any = {kind: own for kind, (_, own, _) in zip(node_types, found, strict=True)}
    places = np.stack([place for _, _, place in found], axis=1)
    return by_type, places, None if times is None else until


def _distinct(ids: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct (id, time) pairs, sorted by id, and the place of each given one among them."""
    order = np.lexsort((times, ids))
    own, moments = ids[order], times[order]
    new = np.ones(len(ids), bool)
    new[1:] = (own[1:] != own[:-1]) | (moments[1:] != moments[:-1])
    places = np.empty(len(ids), np.int64)
    places[order] = np.cumsum(new) - 1
    return own[new], moments[new], places


def _regular(n: int, size: int) -> list[np.ndarray]:
    return np.split(np.arange(n), range(size, n, size))


def _fitting(every: _Links, at: int, size: int) -> int:
    """Count the links from `at` on that together have no more distinct ends than `size` links may have."""
    width = size
    while True:
        some = every.at(np.arange(at, min(at + width, len(every.links))))
        ends = (2 * some.links[:, [0, -1]] + [0, 1]).reshape(-1)  # of two types, or counted twice at most
        times = np.zeros(len(ends), np.int64) if some.times is None else np.repeat(some.times, 2)
        _, _, places = _distinct(ends, times)
        _, first = np.unique(places, return_index=True)
        over = np.sort(first)[2 * size :]
        if len(over):
            return max(1, int(over[0]) // 2)
        if at + width >= len(every.links):
            return len(some.links)
        width *= 2
