"""LiveEmbedder: core's `Embedder`, natively: a sample and a model's layers on it in one call."""

import ctypes
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.sampling.stream import MASK
from heddle.serving.live.growing import BLOCK
from heddle.serving.live.store import Cut, Source, Sources
from heddle.serving.scoring.plan import Embedded, Plan
from heddle_kernels.calls.live import COLUMNS, PLAN, ROWS
from heddle_kernels.library import native
from heddle_kernels.live.graph import LiveGraph
from heddle_kernels.memory import pointer
from heddle_kernels.sampling.handles import NativeSample

USED = 1024
"""Rows of edges that a sample is thought to have at first."""


def live_embed(store: Any, plan: Plan, sources: Sources) -> "LiveEmbedder | None":
    """Return what embeds nodes of a live graph by the library; None for a store that isn't the library's.

    Args:
        store: a LiveStore.
        plan: the layers, as averages over relations.
        sources: features of nodes by type.
    """
    return LiveEmbedder(store, plan, sources) if isinstance(store, LiveGraph) else None


class LiveEmbedder:
    """A plan on one LiveGraph; any number of threads may call it."""

    def __init__(self, store: LiveGraph, plan: Plan, sources: Sources):
        self._store, self._width = store, plan.layers[-1].terms.out_dim
        self._types, self._relations = list(store.base.n_node), list(store.base.edges)
        self._keep: list[Any] = [sources]
        self._plan = self._native(plan, sources)
        self._plan_at = ctypes.addressof(self._plan)
        self._of_thread = threading.local()

    def __call__(
        self, cut: Cut, seeds: Mapping[str, np.ndarray], times: Mapping[str, np.ndarray] | None
    ) -> Embedded:
        """Return what the model gives of seeds; see `heddle.serving.scoring.plan.Embedder`."""
        given = [node_type for node_type in self._types if node_type in seeds]
        counts = [len(seeds[node_type]) if node_type in seeds else 0 for node_type in self._types]
        sizes = np.array([*map(cut.n_node.__getitem__, self._types), *counts], np.int64)
        columns = [seeds[node_type] for node_type in given]
        n, types = sum(counts), len(counts)
        if times is not None:
            columns += [times[node_type] for node_type in given]
        asked = np.concatenate(columns, dtype=np.int64, casting="unsafe")
        out = np.empty((n, self._width), np.float32)
        if not hasattr(self._of_thread, "sample"):
            self._of_thread.sample = NativeSample(self._store.graph)
        sample, of_sizes, of_asked = self._of_thread.sample, pointer(sizes), pointer(asked)
        assert of_sizes is not None and of_asked is not None
        native.live_embed(
            live=self._store.handle,
            sample=sample.handle,
            plan=self._plan_at,
            upto=cut.upto,
            n_node=of_sizes,
            n_seeds=of_sizes + 8 * types,
            seeds=of_asked,
            seed_time=None if times is None else of_asked + 8 * n,
            threads=0,
            out=pointer(out),
        )
        rows, at = {}, 0
        for node_type in given:
            rows[node_type], at = out[at : at + len(seeds[node_type])], at + len(seeds[node_type])
        return Embedded(rows, lambda: self._used(sample))

    def _used(self, sample: NativeSample) -> dict[EdgeType, np.ndarray]:
        """Return the rows of the edges of this thread's last sample."""
        n = len(self._relations)
        both = np.empty(n + USED, np.int64)
        while True:
            at = pointer(both)
            assert at is not None
            native.live_used(
                live=self._store.handle,
                sample=sample.handle,
                plan=self._plan_at,
                capacity=len(both) - n,
                rows=at + 8 * n,
                counts=at,
            )
            counts = both[:n].tolist()
            if n + sum(counts) <= len(both):
                break
            both = np.empty(n + sum(counts), np.int64)
        used, first = {}, n
        for relation, count in zip(self._relations, counts):
            used[relation], first = both[first : first + count], first + count
        return used

    def _native(self, plan: Plan, sources: Sources) -> Any:
        """Return the plan as the library reads it."""
        named = {key for layer in plan.layers for key in (*layer.terms.weights, *layer.edges)}
        sizes = [
            list(plan.fanout.sizes) if key in named else [0] * len(plan.layers) for key in self._relations
        ]
        columns = [
            self._columns(
                plan.nodes.get(node_type, ()), sources.nodes[node_type], sources.changes[node_type], None
            )
            if node_type in plan.nodes
            else self._columns((), {}, {}, None)
            for node_type in self._types
        ]
        columns += [
            self._columns(plan.edges[key], sources.columns[key], {}, sources.rows[key])
            if key in plan.edges
            else self._columns((), {}, {}, sources.rows[key])
            for key in self._relations
        ]
        first = plan.layers[0].terms
        ids = [0 if node_type in plan.nodes else _rows_by_id(first, node_type) for node_type in self._types]
        terms, edges = [layer.terms for layer in plan.layers], [layer.edges for layer in plan.layers]
        return PLAN.ctype(
            columns=self._pointers([ctypes.addressof(of) for of in columns]),
            sizes=self._array(np.array(sizes, np.int64)),
            roots=self._pointers([self._matrix(of.roots.get(key)) for of in terms for key in self._types]),
            biases=self._pointers([self._matrix(of.biases.get(key)) for of in terms for key in self._types]),
            weights=self._pointers(
                [self._matrix(of.weights.get(key)) for of in terms for key in self._relations]
            ),
            edge_weights=self._pointers(
                [self._matrix(of.get(key)) for of in edges for key in self._relations]
            ),
            ids=self._array(np.array(ids, np.int64)),
            widths=self._array(np.array([layer.terms.out_dim for layer in plan.layers], np.int64)),
            layers=len(plan.layers),
            first_hop=plan.first_hop,
            window=plan.fanout.window or 0,
            key=plan.key & MASK,
            replace=plan.fanout.replace,
            newest=plan.fanout.newest,
        )

    def _columns(
        self,
        tables: Sequence[np.ndarray],
        held: Mapping[str, Source],
        changes: Mapping[str, Source],
        rows: np.ndarray | None,
    ) -> Any:
        x, codes = (self._rows(held.get(name)) for name in ("x", "codes"))
        changed_x, changed_codes = (self._rows(changes.get(name)) for name in ("x", "codes"))
        made = COLUMNS.ctype(
            x=x,
            codes=codes,
            changed_x=changed_x,
            changed_codes=changed_codes,
            tables=self._pointers([self._matrix(table) for table in tables]),
            table_rows=self._array(np.array([len(table) for table in tables], np.int64)),
            table_widths=self._array(np.array([table.shape[1] for table in tables], np.int64)),
            rows=None if rows is None else self._array(rows),
        )
        self._keep.append(made)
        return made

    def _rows(self, source: Source | None) -> int | None:
        if source is None:
            return None
        arrays = [*source.arrays, np.zeros((0, 0)), np.zeros((0, 0))]
        made = ROWS.ctype(
            first=self._array(arrays[0]),
            second=self._array(arrays[1]),
            blocks=self._array(source.more.addresses),
            n_first=len(arrays[0]),
            n_second=len(arrays[1]),
            block=BLOCK,
            width=source.more.width,
        )
        self._keep.append(made)
        return ctypes.addressof(made)

    def _matrix(self, array: np.ndarray | None) -> int | None:
        return None if array is None else self._array(np.ascontiguousarray(array, np.float32))

    def _array(self, array: np.ndarray) -> int:
        self._keep.append(array)
        return array.ctypes.data

    def _pointers(self, addresses: Sequence[int | None]) -> int:
        return self._array(np.array([of or 0 for of in addresses], np.uint64))


def _rows_by_id(first: Any, node_type: str) -> int:
    """Return how many rows the tables have that stand for a type's features in the first layer."""
    matrices = [weight for key, weight in first.weights.items() if key[0] == node_type]
    matrices += [root for of, root in first.roots.items() if of == node_type]
    return len(matrices[0]) if matrices else 1
