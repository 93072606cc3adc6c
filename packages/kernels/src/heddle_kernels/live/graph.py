"""LiveGraph: core's `LiveStore`, natively: readers take no lock, and chains of entries are walked where needed."""

import ctypes
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.sampling.request import open_request
from heddle.sampling.types import Fanout, HeteroSample, Sample, SampleGraph
from heddle.serving.live.reference import check_room, open_base
from heddle.serving.live.store import Cut, Entries, Merged
from heddle_kernels.library import native
from heddle_kernels.memory import pointer
from heddle_kernels.sampling.handles import NativeGraph, NativeSample
from heddle_kernels.sampling.sampler import draw


class LiveGraph:
    """A base that never changes and entries appended to it; see `heddle.serving.live.store.LiveStore`.

    Args:
        base: its arrays are read in place and must not be written to.
        room: node type -> nodes that there may come to be, the base's included; memory is taken as they come.
        capacity: entries that there may come to be, 32 bytes each.

    Raises:
        GraphError: arrays that don't fit each other, an id out of range, weights, edges not in the order of times.
    """

    def __init__(self, base: SampleGraph, room: Mapping[str, int], capacity: int):
        self.base = open_base(base)
        self._kinds, self._relations = list(self.base.n_node), list(self.base.edges)
        self._room, self._capacity = dict(room), capacity
        self.graph = NativeGraph(self.base, 0)
        rooms = np.array([room[node_type] for node_type in self._kinds], np.int64)
        self.handle = ctypes.c_void_p()
        native.live_new(
            base=self.graph.handle, room=pointer(rooms), capacity=capacity, live=ctypes.byref(self.handle)
        )
        weakref.finalize(self, native.live_free, self.handle)
        self._hashes = {node_type: [column] for node_type, column in self.base.key_hashes.items()}
        self._of_thread = threading.local()

    def append(
        self,
        n_node: Mapping[str, int],
        edges: Mapping[EdgeType, Entries],
        changes: Mapping[str, Entries],
        node_time: Mapping[str, np.ndarray],
        key_hashes: Mapping[str, np.ndarray],
    ) -> None:
        """Append entries, which readers see together or not at all.

        Args:
            n_node: node type -> number of nodes from now on, of all types.
            edges: relation -> edges that come, as Entries.
            changes: node type -> changes of nodes, as Entries.
            node_time, key_hashes: node type -> [new nodes], int64 and uint64, of types of the base that have them.

        Raises:
            ConfigError: there is no room for so many.
            GraphError: an end that isn't there.
        """
        lists = [(self._relations.index(key), of) for key, of in edges.items()]
        lists += [
            (len(self._relations) + self._kinds.index(node_type), of) for node_type, of in changes.items()
        ]
        nothing = np.zeros(0, np.int64)
        columns = [
            np.concatenate([nothing, *(getattr(of, name) for _, of in lists)]).astype(np.int64)
            for name in Entries._fields
        ]
        which = np.repeat([number for number, _ in lists], [len(of.node) for _, of in lists]).astype(np.int64)
        before = self.cut()
        check_room(self._room, self._capacity, before, n_node, len(which))
        for number, node_type in enumerate(self._kinds):
            time, hashes = node_time.get(node_type), key_hashes.get(node_type)
            time = None if time is None else np.ascontiguousarray(time, np.int64)
            hashes = None if hashes is None else np.ascontiguousarray(hashes, np.uint64)
            fields = {
                "type": number,
                "first": before.n_node[node_type],
                "n": n_node[node_type] - before.n_node[node_type],
            }
            native.live_nodes(live=self.handle, **fields, time=pointer(time), hash=pointer(hashes))
            if hashes is not None:
                self._hashes[node_type].append(hashes)
        counts = np.array([n_node[node_type] for node_type in self._kinds], np.int64)
        node, other, time, row = columns
        native.live_append(
            live=self.handle,
            n=len(which),
            list=pointer(which),
            node=pointer(node),
            other=pointer(other),
            time=pointer(time),
            row=pointer(row),
            n_node=pointer(counts),
        )

    def cut(self) -> Cut:
        """Return the state that is there now."""
        upto, counts = ctypes.c_int64(), (ctypes.c_int64 * len(self._kinds))()
        native.live_published(live=self.handle, upto=ctypes.addressof(upto), n_node=ctypes.addressof(counts))
        return Cut(upto.value, dict(zip(self._kinds, counts)))

    def sample(self, cut: Cut, seeds: Any, fanout: Fanout, key: int, seed_time: Any) -> Sample | HeteroSample:
        """Return a sample of the graph that has the entries of `cut`, too.

        `edges` of the sample are positions of the base, and from the base's number of edges on entries.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids.
            fanout, key: neighbours to take at each hop, and what draws depend on.
            seed_time: like seeds, up to when each knows; None without times.

        Raises:
            GraphError: a seed out of range or without its time.
            ConfigError: a fanout that can't be followed.
        """
        graph = self.base._replace(n_node=cut.n_node)
        if fanout.disjoint:  # then draws depend on the seeds' hashes too
            graph = graph._replace(
                key_hashes={node_type: np.concatenate(of) for node_type, of in self._hashes.items()}
            )
        request = open_request(graph, seeds, fanout, seed_time)
        if not hasattr(self._of_thread, "sample"):
            self._of_thread.sample = NativeSample(self.graph)
        counts = np.array([cut.n_node[node_type] for node_type in self._kinds], np.int64)

        def call(request: Any, sample: Any) -> None:
            fields = {"upto": cut.upto, "n_node": pointer(counts)}
            native.live_sample(live=self.handle, sample=sample, request=request, **fields)

        return draw(call, graph, self._of_thread.sample.handle, request, request.sizes, key, fanout, 1)

    def rows(self, entries: np.ndarray) -> np.ndarray:
        """Return the row of each entry, [n] int64."""
        entries = np.ascontiguousarray(entries, np.int64)
        rows = np.empty(len(entries), np.int64)
        native.live_rows(live=self.handle, n=len(entries), entries=pointer(entries), rows=pointer(rows))
        return rows

    def latest(self, cut: Cut, node_type: str, nodes: np.ndarray, time: np.ndarray | None) -> np.ndarray:
        """Return the number of the last change of each node that isn't newer than its time, -1 for none: [n] int64.

        Args:
            nodes: [n] int.
            time: [n] int64, or None for the last change of all.
        """
        nodes = np.ascontiguousarray(nodes, np.int64)
        times = None if time is None else np.ascontiguousarray(time, np.int64)
        latest = np.empty(len(nodes), np.int64)
        native.live_latest(
            live=self.handle,
            type=self._kinds.index(node_type),
            upto=cut.upto,
            n=len(nodes),
            nodes=pointer(nodes),
            time=pointer(times),
            latest=pointer(latest),
        )
        return latest

    def last(self, cut: Cut, relation: EdgeType, nodes: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the time of the newest edge into each node that isn't newer than its time: [n] int64.

        It is NO_TIME where there is none.

        Args:
            relation: one with times.
            nodes: [n] int; one may be the first number that no node has.
            time: [n] int64.
        """
        n = len(nodes)
        columns = np.empty((3, n), np.int64)
        columns[0], columns[1] = nodes, time
        at = pointer(columns)
        if n and at is not None:
            native.live_last(
                live=self.handle,
                relation=self._relations.index(relation),
                upto=cut.upto,
                n=n,
                nodes=at,
                time=at + 8 * n,
                last=at + 16 * n,
            )
        return columns[2]

    def merged(self, cut: Cut, relation: EdgeType, base_rows: np.ndarray | None) -> Merged:
        """Return a relation with the entries of `cut`, in numpy.

        Args:
            base_rows: [n_edges], the row of each position of the base; None where a position is its row.
        """
        base, receivers = self.base.edges[relation], cut.n_node[relation[2]]
        number, dtype = self._relations.index(relation), base.senders.dtype
        held = None if base_rows is None else np.ascontiguousarray(base_rows, dtype)
        indptr = np.empty(receivers + 1, np.int64)
        native.live_count(
            live=self.handle, relation=number, upto=cut.upto, receivers=receivers, indptr=pointer(indptr)
        )
        senders, rows = np.empty(indptr[-1], dtype), np.empty(indptr[-1], dtype)
        time = None if base.time is None else np.empty(indptr[-1], np.int64)
        native.live_merge(
            live=self.handle,
            relation=number,
            upto=cut.upto,
            first=0,
            last=receivers,
            base_rows=pointer(held),
            senders=pointer(senders),
            time=pointer(time),
            rows=pointer(rows),
        )
        return Merged(indptr.astype(dtype), senders, time, rows)
