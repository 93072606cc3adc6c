"""LiveStore: a graph that grows while it is sampled; what a kernel named "live_graph" gives."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.sampling.types import Fanout, HeteroSample, Sample, SampleGraph
from heddle.serving.live.growing import Growing

NO_TIME = int(np.iinfo(np.int64).min)
"""The time of an entry of a relation without times."""


class Cut(NamedTuple):
    """One state of a live graph: what was there when a reader looked.

    Attributes:
        upto: how many entries are seen.
        n_node: node type -> number of nodes.
    """

    upto: int
    n_node: Mapping[str, int]


class Entries(NamedTuple):
    """New edges of one relation, or changes of the features of nodes of one type, in the order of their arrival.

    Attributes:
        node: [n] int64; the receivers, or the nodes that change.
        other: [n] int64; the senders, or the numbers of the changes.
        time: [n] int64, `NO_TIME` in a relation without times.
        row: [n] int64, the rows that they came from.
    """

    node: np.ndarray
    other: np.ndarray
    time: np.ndarray
    row: np.ndarray


class Merged(NamedTuple):
    """A relation with its entries merged in, sorted by receiver, then time, then arrival; a base's edges come before.

    Attributes:
        indptr, senders, time: as `heddle.sampling.types.InEdges` has them.
        rows: [n_edges], the row of each edge.
    """

    indptr: np.ndarray
    senders: np.ndarray
    time: np.ndarray | None
    rows: np.ndarray


class Source(NamedTuple):
    """Where rows lie: in arrays one behind the other, and then in one that grows."""

    arrays: tuple[np.ndarray, ...]
    more: Growing


class Sources(NamedTuple):
    """Where features lie; each by "x", float32, and "codes", int32, those that there are.

    Attributes:
        nodes: node type -> features as first known.
        changes: node type -> features by the number of a change.
        columns: relation -> features by row; a reverse relation has those of its original.
        rows: relation -> the row at each position of the base, None for itself.
    """

    nodes: Mapping[str, Mapping[str, Source]]
    changes: Mapping[str, Mapping[str, Source]]
    columns: Mapping[EdgeType, Mapping[str, Source]]
    rows: Mapping[EdgeType, np.ndarray | None]


class LiveStore(Protocol):
    """A base that never changes and entries appended to it. One thread appends, any number read without waiting.

    A kernel named "live_graph" for library "numpy" is a callable `(base: SampleGraph, room: node type -> nodes,
    capacity: int) -> LiveStore` that gives, bit for bit, what `reference.ReferenceStore` gives. A receiver's edges of a
    base with times are in the order of their times.
    """

    base: SampleGraph

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
            node_time: node type -> [new nodes] int64, of types of the base with times.
            key_hashes: node type -> [new nodes] uint64, of types of the base with hashes of keys.

        Raises:
            ConfigError: there is no room for so many.
            GraphError: an end that isn't there.
        """
        ...

    def cut(self) -> Cut:
        """Return the state that is there now."""
        ...

    def sample(self, cut: Cut, seeds: Any, fanout: Fanout, key: int, seed_time: Any) -> Sample | HeteroSample:
        """Return the sample of the graph with the entries of `cut` merged in.

        `edges` of the sample are positions of the base, and from the base's number of edges on entries.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids.
            fanout: neighbours to take at each hop.
            key: of the draws.
            seed_time: like seeds, up to when each knows; None without times.

        Raises:
            GraphError: a seed out of range or without its time.
            ConfigError: a fanout that can't be followed.
        """
        ...

    def rows(self, entries: np.ndarray) -> np.ndarray:
        """Return the row of each entry, [n] int64."""
        ...

    def latest(self, cut: Cut, node_type: str, nodes: np.ndarray, time: np.ndarray | None) -> np.ndarray:
        """Return the number of the last change of each node that isn't newer than its time, -1 for none: [n] int64.

        Args:
            nodes: [n] int.
            time: [n] int64, or None for the last change of all.
        """
        ...

    def last(self, cut: Cut, relation: EdgeType, nodes: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the time of the newest edge into each node that isn't newer than its time: [n] int64.

        It is NO_TIME where there is none.

        Args:
            relation: one with times.
            nodes: [n] int; one may be the first number that no node has.
            time: [n] int64.
        """
        ...

    def merged(self, cut: Cut, relation: EdgeType, base_rows: np.ndarray | None) -> Merged:
        """Return a relation with the entries of `cut`, in numpy.

        Args:
            base_rows: [n_edges], the row of each position of the base; None where a position is its row.
        """
        ...
