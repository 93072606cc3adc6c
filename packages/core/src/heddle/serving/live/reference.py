"""ReferenceStore: a live graph in plain numpy: it merges all entries into arrays and samples these."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.errors import ConfigError, GraphError, problem
from heddle.graphs.graph import EdgeType
from heddle.sampling.checked_graph import check_arrays, open_graph
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.types import Fanout, HeteroSample, InEdges, Sample, SampleGraph
from heddle.serving.live.store import NO_TIME, Cut, Entries, Merged


class ReferenceStore:
    """A `LiveStore` that is obvious and slow: a sample costs as much as sorting the graph.

    Args:
        base: the graph that entries are appended to; without weights.
        room: node type -> nodes that there may come to be, the base's included.
        capacity: entries that there may come to be.

    Raises:
        GraphError: a base that can't be sampled, or has weights, or edges out of the order of their times.
    """

    def __init__(self, base: SampleGraph, room: Mapping[str, int], capacity: int):
        self.base, self._room, self._capacity = open_base(base), dict(room), capacity
        check_arrays(self.base)
        self._cut = Cut(0, dict(self.base.n_node))
        self._entries: list[tuple[Any, int, int, int, int]] = []  # relation or type, node, other, time, row
        self._node_time = {node_type: list(time) for node_type, time in self.base.node_time.items()}
        self._hashes = {node_type: of.tolist() for node_type, of in self.base.key_hashes.items()}

    def append(
        self,
        n_node: Mapping[str, int],
        edges: Mapping[EdgeType, Entries],
        changes: Mapping[str, Entries],
        node_time: Mapping[str, np.ndarray],
        key_hashes: Mapping[str, np.ndarray],
    ) -> None:
        """Append entries, seen together or not at all.

        Args:
            n_node: node type -> number of nodes from now on, of all types.
            edges, changes: relation -> edges that come, node type -> changes of nodes, as Entries.
            node_time: node type -> [new nodes] int64, of types of the base with times.
            key_hashes: node type -> [new nodes] uint64, of types of the base with hashes of keys.

        Raises:
            GraphError: an entry of a node that isn't there.
        """
        given: list[tuple[Any, Entries]] = [*edges.items(), *changes.items()]
        entries = [(key, int(a), int(b), int(c), int(d)) for key, of in given for a, b, c, d in zip(*of)]
        check_room(self._room, self._capacity, self._cut, n_node, len(entries))
        for key, node, other, _, _ in entries:
            ends = (key, None) if isinstance(key, str) else (key[2], key[0])
            if not 0 <= node < n_node[ends[0]] or (ends[1] is not None and not 0 <= other < n_node[ends[1]]):
                raise GraphError(
                    problem(f"live: entry of {key}", (node, other), "ids that are there", "correct it")
                )
        self._entries += entries
        for node_type, times in node_time.items():
            self._node_time[node_type] += times.tolist()
        for node_type, hashes in key_hashes.items():
            self._hashes[node_type] += hashes.tolist()
        self._cut = Cut(len(self._entries), dict(n_node))

    def cut(self) -> Cut:
        """Return the state that is there now."""
        return self._cut

    def sample(self, cut: Cut, seeds: Any, fanout: Fanout, key: int, seed_time: Any) -> Sample | HeteroSample:
        """Return the sample of the graph with the entries of `cut` merged in.

        `edges` of the sample are positions of the base, and from the base's number of edges on entries.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids.
            fanout: neighbours to take at each hop.
            key: of the draws.
            seed_time: like seeds, up to when each knows; None without times.
        """
        edges, names = {}, {}
        for relation in self.base.edges:
            merged, names[relation] = self._merge(cut, relation)
            edges[relation] = InEdges(merged.indptr, merged.senders, None, merged.time)
        node_time = {
            node_type: _padded(time, cut.n_node[node_type], np.int64)
            for node_type, time in self._node_time.items()
        }
        hashes = {
            node_type: _padded(of, cut.n_node[node_type], np.uint64) for node_type, of in self._hashes.items()
        }
        sampler = ReferenceSampler(SampleGraph(cut.n_node, edges, node_time, hashes))
        drawn = sampler.sample(seeds, fanout, key=key, seed_time=seed_time)
        if isinstance(drawn, Sample):
            (name,) = names.values()
            return drawn._replace(edges=name[drawn.edges].astype(drawn.edges.dtype))
        places = {key: names[key][taken].astype(taken.dtype) for key, taken in drawn.edges.items()}
        return drawn._replace(edges=places)

    def rows(self, entries: np.ndarray) -> np.ndarray:
        """Return the row of each entry, [n] int64."""
        return np.array([self._entries[e][4] for e in entries.tolist()], np.int64)

    def latest(self, cut: Cut, node_type: str, nodes: np.ndarray, time: np.ndarray | None) -> np.ndarray:
        """Return the number of the last change of each node that isn't newer than its time, -1 for none: [n] int64.

        Args:
            nodes: [n] int.
            time: [n] int64, or None for the last change of all.
        """
        last = np.full(len(nodes), -1, np.int64)
        for i, node in enumerate(nodes.tolist()):
            changes = [
                (when, at, number)
                for at, (key, of, number, when, _) in enumerate(self._entries[: cut.upto])
                if key == node_type and of == node and (time is None or when <= time[i])
            ]
            if changes:
                last[i] = max(changes)[2]
        return last

    def last(self, cut: Cut, relation: EdgeType, nodes: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the time of the newest edge into each node that isn't newer than its time: [n] int64.

        It is NO_TIME where there is none.

        Args:
            relation: one with times.
            nodes: [n] int; one may be the first number that no node has.
            time: [n] int64.
        """
        merged, _ = self._merge(cut, relation)
        assert merged.time is not None
        last = np.full(len(nodes), NO_TIME, np.int64)
        for i, (node, until) in enumerate(zip(nodes.tolist(), time.tolist())):
            times = merged.time[merged.indptr[node] : merged.indptr[min(node + 1, len(merged.indptr) - 1)]]
            last[i] = max((when for when in times.tolist() if when <= until), default=NO_TIME)
        return last

    def merged(self, cut: Cut, relation: EdgeType, base_rows: np.ndarray | None) -> Merged:
        """Return a relation with the entries of `cut`, in numpy.

        Args:
            base_rows: [n_edges], the row of each position of the base; None where a position is its row.
        """
        merged, names = self._merge(cut, relation)
        n = len(self.base.edges[relation].senders)
        held = np.arange(n) if base_rows is None else np.asarray(base_rows)
        appended = np.array([entry[4] for entry in self._entries], np.int64)
        rows = np.concatenate([held, appended])[names]
        return merged._replace(rows=rows.astype(merged.senders.dtype))

    def _merge(self, cut: Cut, relation: EdgeType) -> tuple[Merged, np.ndarray]:
        """Return a relation's merged arrays, and of each edge its base position or base's edges + entry."""
        base = self.base.edges[relation]
        entries = [(e, entry) for e, entry in enumerate(self._entries[: cut.upto]) if entry[0] == relation]
        columns = np.array([entry[1:4] for _, entry in entries], np.int64).reshape(-1, 3).T
        receivers = np.concatenate(
            [np.repeat(np.arange(len(base.indptr) - 1), np.diff(base.indptr)), columns[0]]
        )
        senders = np.concatenate([base.senders, columns[1]]).astype(base.senders.dtype)
        names = np.concatenate(
            [np.arange(len(base.senders)), len(base.senders) + np.array([e for e, _ in entries], np.int64)]
        )
        time = None if base.time is None else np.concatenate([base.time, columns[2]])
        keys = (receivers,) if time is None else (time, receivers)
        order = np.lexsort(keys)
        counts = np.bincount(receivers, minlength=cut.n_node[relation[2]])
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(base.indptr.dtype)
        made = Merged(indptr, senders[order], None if time is None else time[order], names[order])
        return made, names[order].astype(np.int64)


def _padded(of_nodes: list[int], n: int, dtype: type) -> np.ndarray:
    """Return what n nodes have; of one that isn't there it doesn't matter, as nothing comes from it."""
    return np.array([*of_nodes, *[0] * (n - len(of_nodes))][:n], dtype)


def open_base(base: SampleGraph) -> SampleGraph:
    """Return a base as samplers read it. Raises GraphError: weights, or edges out of the order of their times."""
    base = open_graph(base)
    for key, edges in base.edges.items():
        if edges.weight is not None:
            raise GraphError(problem(f"live: edges[{key!r}]", "weights", "none", "drop them"))
        if edges.time is not None and len(edges.time) > 1:
            later = edges.time[1:] >= edges.time[:-1]
            later[
                edges.indptr[1:-1][(edges.indptr[1:-1] > 0) & (edges.indptr[1:-1] < len(edges.time))] - 1
            ] = True
            if not later.all():
                at = int(np.argmin(later)) + 1
                actual = f"time {edges.time[at]} after {edges.time[at - 1]}"
                do = "prepare the folder again: its edges come by receiver and time"
                raise GraphError(problem(f"live: edges[{key!r}].time[{at}]", actual, "rising times", do))
    return base


def check_room(
    room: Mapping[str, int], capacity: int, cut: Cut, n_node: Mapping[str, int], more: int
) -> None:
    """Check that `more` entries and nodes still fit.

    Raises:
        ConfigError: they don't; with the room there is.
    """
    do = "compact the live graph first, or give it more room"
    if more > capacity - cut.upto:
        raise ConfigError(problem("live: entries", cut.upto + more, f"at most {capacity}", do))
    for node_type, n in n_node.items():
        if n > room[node_type]:
            raise ConfigError(problem(f"live: nodes of {node_type!r}", n, f"at most {room[node_type]}", do))
