"""Generation: a base and what was appended since, as readers see it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from heddle.graphs.graph import EdgeType
from heddle.serving.live.base import Base
from heddle.serving.live.growing import Growing
from heddle.serving.live.keys import Keys
from heddle.serving.live.store import Cut, Entries, LiveStore, Source, Sources

NONE = np.zeros(0, np.int64)


class Generation:
    """A base and what was appended to it. One `Appender` writes; any number of threads read by a store's `cut`.

    Args:
        keys: node type -> Keys, shared with the generations before and after.
        reverse: relation -> the one whose rows it shares, turned around.
        make: of a LiveStore.
        room: nodes of each type that may come.
        capacity: entries that may come.
    """

    def __init__(
        self,
        base: Base,
        keys: Mapping[str, Keys],
        reverse: Mapping[EdgeType, EdgeType],
        make: Callable[..., LiveStore],
        room: int,
        capacity: int,
    ):
        self.base, self.keys, self.reverse, self.room, self.capacity = base, keys, reverse, room, capacity
        counts = base.graph.n_node
        changed = sum(len(node) for node, _, _ in base.changes.values())
        self.store = make(
            base.graph, {node_type: n + room for node_type, n in counts.items()}, capacity + changed
        )
        self.n_rows = dict(base.n_rows)
        self.timed = base.graph.node_time
        shapes = {
            node_type: {name: (arrays[0].shape[1:], arrays[0].dtype) for name, arrays in columns.items()}
            for node_type, columns in base.features.items()
        }
        self.fresh = {
            node_type: {name: Growing(*of) for name, of in columns.items()}
            for node_type, columns in shapes.items()
        }
        self._changes = {
            node_type: {name: Growing(*of) for name, of in columns.items()}
            for node_type, columns in shapes.items()
        }
        self._changed = {node_type: (Growing((), np.int64), Growing((), np.int64)) for node_type in shapes}
        self.new_columns = {
            key: {name: Growing(arrays[0].shape[1:], arrays[0].dtype) for name, arrays in columns.items()}
            for key, columns in base.columns.items()
        }
        self.since = {node_type: Growing((), np.int64) for node_type in self.timed}
        self.hashes = {node_type: Growing((), np.uint64) for node_type in base.graph.key_hashes}
        held = {
            node_type: self.change(node_type, *of) for node_type, of in base.changes.items() if len(of[0])
        }
        if held:
            nothing = {node_type: np.zeros(0, np.uint64) for node_type in base.graph.key_hashes}
            self.store.append(counts, {}, held, {node_type: NONE for node_type in self.timed}, nothing)
        self._held = self.store.cut().upto

    @property
    def entries(self) -> int:
        """How many entries were appended since the base."""
        return self.store.cut().upto - self._held

    def fits(self, nodes: int, entries: int) -> bool:
        """Tell whether so many nodes of one type and entries would still fit."""
        cut = self.store.cut()
        most = max((n - self.base.graph.n_node[node_type] for node_type, n in cut.n_node.items()), default=0)
        return most + nodes <= self.room and cut.upto - self._held + entries <= self.capacity

    def change(
        self, node_type: str, node: np.ndarray, time: np.ndarray, features: Mapping[str, Any]
    ) -> Entries:
        """Keep changes of nodes' features and return what the store appends for them; the writer calls.

        Args:
            node, time: [n] int, which nodes change and when.
            features: name -> [n, ...], what they are from then on.
        """
        first = self._changed[node_type][0].rows
        for name, rows in self._changes[node_type].items():
            rows.extend(features[name])
        for rows, column in zip(self._changed[node_type], (node, time)):
            rows.extend(column)
        number = first + np.arange(len(node))
        return Entries(np.asarray(node, np.int64), number, np.asarray(time, np.int64), number)

    def features(
        self, cut: Cut, node_type: str, ids: np.ndarray, time: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """Return name -> features [n, ...] of nodes `ids` [n] as they were known at a time.

        A node that isn't there has zeros.

        Args:
            time: [n] int64, or None for now.
        """
        ids = np.asarray(ids, np.int64)
        blank = ids >= cut.n_node[node_type]
        if blank.any():  # a node that isn't there: it has no edges, and features of zeros
            known = self.features(cut, node_type, ids[~blank], None if time is None else time[~blank])
            rows_of = {}
            for name, rows in known.items():
                rows_of[name] = np.zeros((len(ids), *rows.shape[1:]), rows.dtype)
                rows_of[name][~blank] = rows
            return rows_of
        changed = None
        if self._changed[node_type][0].rows:
            latest = self.store.latest(cut, node_type, ids, time)
            changed = latest >= 0 if (latest >= 0).any() else None
        rows_of = {}
        for name, arrays in self.base.features[node_type].items():
            rows = _gather((*arrays, self.fresh[node_type][name]), ids)
            if changed is not None:
                rows[changed] = self._changes[node_type][name][latest[changed]]
            rows_of[name] = rows
        return rows_of

    def columns(self, key: EdgeType, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> features [n, ...] of `rows` [n] of a relation, or of the one whose reverse it is."""
        stored = self.reverse.get(key, key)
        return {
            name: _gather((*arrays, self.new_columns[stored][name]), rows)
            for name, arrays in self.base.columns[stored].items()
        }

    def sources(self) -> Sources | None:
        """Return where all features lie; None where a type has several arrays of floats or of codes."""

        def named(
            stored: Mapping[str, tuple[np.ndarray, ...]], more: Mapping[str, Growing], base: bool
        ) -> Any:
            by_role = {}
            for name, arrays in stored.items():
                role = "x" if arrays[0].dtype == np.float32 else "codes"
                plain = all(array.flags.c_contiguous and array.ndim == 2 for array in arrays)
                if role in by_role or not plain or arrays[0].dtype not in (np.float32, np.int32):
                    raise LookupError
                by_role[role] = Source(arrays if base else (), more[name])
            return by_role

        features, columns = self.base.features.items(), self.base.columns.items()
        try:
            nodes = {node_type: named(of, self.fresh[node_type], True) for node_type, of in features}
            changes = {node_type: named(of, self._changes[node_type], False) for node_type, of in features}
            by_row = {key: named(of, self.new_columns[key], True) for key, of in columns}
        except LookupError:
            return None
        by_relation = {key: by_row[self.reverse.get(key, key)] for key in self.base.graph.edges}
        return Sources(nodes, changes, by_relation, self.base.rows)

    def rows(self, key: EdgeType, edges: np.ndarray) -> np.ndarray:
        """Return the table rows of a sample's edges, [n] int64."""
        held, base_rows = len(self.base.graph.edges[key].senders), self.base.rows[key]
        rows_of = np.asarray(edges, np.int64)
        late = rows_of >= held
        rows = rows_of.copy() if base_rows is None else np.empty(len(rows_of), np.int64)
        if base_rows is not None:
            rows[~late] = base_rows[rows_of[~late]]
        if late.any():
            rows[late] = self.store.rows(rows_of[late] - held)
        return rows

    def added(self, cut: Cut, node_type: str, first: int) -> dict[str, np.ndarray]:
        """Return name -> features [n, ...], as first known, of a type's nodes from the number `first` on."""
        ids = np.arange(first, cut.n_node[node_type])
        arrays = self.base.features[node_type].items()
        return {name: _gather((*parts, self.fresh[node_type][name]), ids) for name, parts in arrays}

    def added_times(self, cut: Cut, node_type: str, first: int) -> np.ndarray:
        """Return when a type's nodes from the number `first` on came into being, [n] int64."""
        held, more = self.timed[node_type], cut.n_node[node_type] - self.base.graph.n_node[node_type]
        return np.concatenate([held[first:], self.since[node_type].whole(more)])

    def added_hashes(self, cut: Cut, node_type: str, first: int) -> np.ndarray:
        """Return what draws know a type's nodes from the number `first` on by, [n] uint64."""
        held, more = (
            self.base.graph.key_hashes[node_type],
            cut.n_node[node_type] - self.base.graph.n_node[node_type],
        )
        return np.concatenate([held[first:], self.hashes[node_type].whole(more)])

    def changes(self, node_type: str, count: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Return (node [count], time [count], name -> features [count, ...]) of the first `count` changes of a type."""
        node, time = (rows.whole(count) for rows in self._changed[node_type])
        return node, time, {name: rows.whole(count) for name, rows in self._changes[node_type].items()}

    def changed(self) -> dict[str, int]:
        """Return node type -> number of changes."""
        return {node_type: of[0].rows for node_type, of in self._changed.items()}


def _gather(parts: tuple[Any, ...], ids: np.ndarray) -> np.ndarray:
    """Return rows of arrays that lie one behind the other; the last grows."""
    first = parts[0]
    if not len(ids) or int(ids.max()) < len(first):
        return np.take(np.asarray(first), ids, axis=0)
    rows = np.empty((len(ids), *first.shape[1:]), first.dtype)
    start = 0
    for part in parts:
        end = start + (part.rows if isinstance(part, Growing) else len(part))
        here = (ids >= start) & (ids < end)
        if here.any():
            rows[here] = part[ids[here] - start]
        start = end
    return rows
