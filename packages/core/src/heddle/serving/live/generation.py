"""Generation: a base, what was appended since, and how a reader and the one writer see it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.graphs import in_edges, key_hashes_of
from heddle.data.prepared.key_hashes import key_hashes
from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeType
from heddle.sampling.types import InEdges, SampleGraph
from heddle.serving.live.batch import Append, NewNodes
from heddle.serving.live.growing import Growing
from heddle.serving.live.keys import Keys
from heddle.serving.live.layout import map_array, relation_name
from heddle.serving.live.store import NO_TIME, Cut, Entries, LiveStore

NONE = np.zeros(0, np.int64)


class Base(NamedTuple):
    """What a generation begins with; arrays are mapped.

    Attributes:
        graph: edges, sorted by receiver, time and arrival, and times of nodes.
        rows: relation -> [edges] the row at each position, or None for itself.
        n_rows: relation -> rows of the table; a reverse relation shares those of its original.
        features: node type -> name -> the arrays that nodes' features lie in, one behind the other.
        columns: relation -> the same of its rows; a reverse relation is left out.
        changes: node type -> (node, time, name -> features) of changes that the base holds.
    """

    graph: SampleGraph
    rows: Mapping[EdgeType, np.ndarray | None]
    n_rows: Mapping[EdgeType, int]
    features: Mapping[str, Mapping[str, tuple[np.ndarray, ...]]]
    changes: Mapping[str, tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray]]]
    columns: Mapping[EdgeType, Mapping[str, tuple[np.ndarray, ...]]]


def prepared_base(opened: Prepared) -> Base:
    """Return a prepared folder as a Base."""
    edges, rows = {}, {}
    for key, stored in opened.edges.items():
        indptr, senders, ids = in_edges(opened, key)
        time = stored.time if stored.time is None or ids is None else stored.time[ids]
        edges[key], rows[key] = InEdges(indptr, senders, None, time), ids
    counts = {node_type: nodes.rows for node_type, nodes in opened.nodes.items()}
    times = {node_type: nodes.time for node_type, nodes in opened.nodes.items() if nodes.time is not None}
    features = {
        node_type: {name: (array,) for name, array in nodes.features.items()}
        for node_type, nodes in opened.nodes.items()
    }
    n_rows = {key: stored.rows for key, stored in opened.edges.items()}
    columns = {
        key: {name: (array,) for name, array in stored.features.items()}
        for key, stored in opened.edges.items()
        if stored.rows_of is None
    }
    graph = SampleGraph(counts, edges, times, key_hashes_of(opened))
    return Base(graph, rows, n_rows, features, {}, columns)


def written_base(opened: Prepared, folder: Path, counts: Mapping[str, Any]) -> Base:
    """Return what a compaction wrote as a Base; features of the prepared folder's nodes stay where they are."""
    edges, rows, n_rows, columns = {}, {}, {}, {}
    for key in opened.edges:
        subfolder = folder / "edges" / relation_name(key)
        time = map_array(subfolder / "time.npy") if (subfolder / "time.npy").exists() else None
        edges[key] = InEdges(
            map_array(subfolder / "indptr.npy"), map_array(subfolder / "senders.npy"), None, time
        )
        rows[key], n_rows[key] = map_array(subfolder / "rows.npy"), counts["rows"][relation_name(key)]
        if opened.edges[key].rows_of is None:
            held = opened.edges[key].features.items()
            columns[key] = {
                name: (array, map_array(subfolder / "columns" / f"{name}.npy")) for name, array in held
            }
    times, hashes, features, changes = {}, {}, {}, {}
    for node_type, nodes in opened.nodes.items():
        subfolder, changed = folder / "nodes" / node_type, folder / "changes" / node_type
        if nodes.time is not None:
            times[node_type] = np.concatenate([nodes.time, map_array(subfolder / "time.npy")])
        if nodes.hashes is not None:
            hashes[node_type] = np.concatenate([nodes.hashes, map_array(subfolder / "hashes.npy")])
        features[node_type] = {
            name: (array, map_array(subfolder / f"{name}.npy")) for name, array in nodes.features.items()
        }
        changes[node_type] = (
            map_array(changed / "node.npy"),
            map_array(changed / "time.npy"),
            {name: map_array(changed / f"{name}.npy") for name in nodes.features},
        )
    graph = SampleGraph(dict(counts["nodes"]), edges, times, hashes)
    return Base(graph, rows, n_rows, features, changes, columns)


class Generation:
    """A base and what was appended to it. One thread calls `apply`; any number take `cut` and read by it.

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
        self._timed = base.graph.node_time
        shapes = {
            node_type: {name: (arrays[0].shape[1:], arrays[0].dtype) for name, arrays in columns.items()}
            for node_type, columns in base.features.items()
        }
        self._fresh = {
            node_type: {name: Growing(*of) for name, of in columns.items()}
            for node_type, columns in shapes.items()
        }
        self._changes = {
            node_type: {name: Growing(*of) for name, of in columns.items()}
            for node_type, columns in shapes.items()
        }
        self._changed = {node_type: (Growing((), np.int64), Growing((), np.int64)) for node_type in shapes}
        self._columns = {
            key: {name: Growing(arrays[0].shape[1:], arrays[0].dtype) for name, arrays in columns.items()}
            for key, columns in base.columns.items()
        }
        self._row_time = {key: Growing((), np.int64) for key in base.columns}
        self._since = {node_type: Growing((), np.int64) for node_type in self._timed}
        self._hashes = {node_type: Growing((), np.uint64) for node_type in base.graph.key_hashes}
        held = {
            node_type: self._change(node_type, *of) for node_type, of in base.changes.items() if len(of[0])
        }
        if held:
            nothing = {node_type: np.zeros(0, np.uint64) for node_type in base.graph.key_hashes}
            self.store.append(counts, {}, held, {node_type: NONE for node_type in self._timed}, nothing)
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

    def apply(self, append: Append) -> None:
        """Append what `check` let pass; new keys get the next numbers."""
        n_node = dict(self.store.cut().n_node)
        new_times: dict[str, list[np.ndarray]] = {node_type: [] for node_type in self._timed}
        changes: dict[str, list[Entries]] = {}
        for node_type, of in append.nodes.items():
            self._nodes(node_type, of, n_node, new_times, changes)
        edges: dict[EdgeType, Entries] = {}
        for key, new in append.edges.items():
            time = np.full(len(new.senders), NO_TIME) if new.time is None else new.time
            ends = [
                self._ends(key[at], column, time, n_node, new_times)
                for at, column in ((0, new.senders), (2, new.receivers))
            ]
            rows = self.n_rows[key] + np.arange(len(time))
            self.n_rows[key] += len(time)
            self._row_time[key].extend(time)
            for name, column in self._columns[key].items():
                blank = self.base.columns[key][name][0]
                given = new.features.get(name)
                column.extend(
                    np.zeros((len(time), *blank.shape[1:]), blank.dtype) if given is None else given
                )
            edges[key] = Entries(ends[1], ends[0], time, rows)
            for other, original in self.reverse.items():
                if original == key:
                    edges[other] = Entries(ends[0], ends[1], time, rows)
                    self.n_rows[other] = self.n_rows[key]
        joined = {
            node_type: Entries(*(np.concatenate(column) for column in zip(*parts)))
            for node_type, parts in changes.items()
        }
        times = {node_type: np.concatenate([NONE, *parts]) for node_type, parts in new_times.items()}
        for node_type, time in times.items():
            self._since[node_type].extend(time)
        hashes = {
            node_type: self._hashed(node_type, n_node[node_type]) for node_type in self.base.graph.key_hashes
        }
        self.store.append(n_node, edges, joined, times, hashes)

    def _hashed(self, node_type: str, n: int) -> np.ndarray:
        """Return what draws know new nodes of a type by, up to the nth, and keep it."""
        base, rows, keys = self.base.graph.n_node[node_type], self._hashes[node_type], self.keys[node_type]
        new = [keys.name(number) for number in range(base + rows.rows, n)]
        hashes = key_hashes(node_type, new) if new else np.zeros(0, np.uint64)
        rows.extend(hashes)
        return hashes

    def _nodes(
        self,
        node_type: str,
        of: NewNodes,
        n_node: dict[str, int],
        new_times: Any,
        changes: dict[str, list[Entries]],
    ) -> None:
        """Put in nodes: a new one with its features, of one that is there a change of them."""
        numbers, is_new = self._numbers(node_type, of.keys, n_node)
        since = np.full(len(numbers), NO_TIME) if of.time is None else of.time
        for name, rows in self._fresh[node_type].items():
            given = of.features.get(name)
            rows.extend(self._blank(node_type, name, int(is_new.sum())) if given is None else given[is_new])
        if node_type in new_times:
            new_times[node_type].append(since[is_new])
        known = ~is_new
        if of.features and known.any():
            rest = {name: of.features[name][known] for name in self._fresh[node_type]}
            changes.setdefault(node_type, []).append(
                self._change(node_type, numbers[known], since[known], rest)
            )

    def _ends(
        self, node_type: str, keys: np.ndarray, time: np.ndarray, n_node: dict[str, int], new_times: Any
    ) -> np.ndarray:
        """Return the numbers of ends; those with new keys become nodes without features."""
        numbers, is_new = self._numbers(node_type, keys, n_node)
        for name, rows in self._fresh[node_type].items():
            rows.extend(self._blank(node_type, name, int(is_new.sum())))
        if node_type in new_times:
            new_times[node_type].append(time[is_new])
        return numbers

    def _numbers(
        self, node_type: str, keys: np.ndarray, n_node: dict[str, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of each key and where a new node is met for the first time."""
        known, first = self.keys[node_type], n_node[node_type]
        numbers = known.find(keys)
        unknown = np.flatnonzero(numbers < 0).tolist()
        if unknown:
            known.add(list(dict.fromkeys(keys[at] if known.is_text else int(keys[at]) for at in unknown)))
            numbers = known.find(keys)
        is_new = np.zeros(len(numbers), bool)
        later = np.flatnonzero(numbers >= first)
        if len(later):
            fresh, places = np.unique(numbers[later], return_index=True)
            assert fresh[0] == first and fresh[-1] == first + len(fresh) - 1, "numbers follow each other"
            is_new[later[places]] = True
            n_node[node_type] = first + len(fresh)
            assert (np.diff(numbers[is_new]) > 0).all(), "new nodes come in the order of their numbers"
        return numbers, is_new

    def _change(
        self, node_type: str, node: np.ndarray, time: np.ndarray, features: Mapping[str, Any]
    ) -> Entries:
        first = self._changed[node_type][0].rows
        for name, rows in self._changes[node_type].items():
            rows.extend(features[name])
        for rows, column in zip(self._changed[node_type], (node, time)):
            rows.extend(column)
        number = first + np.arange(len(node))
        return Entries(np.asarray(node, np.int64), number, np.asarray(time, np.int64), number)

    def _blank(self, node_type: str, name: str, n: int) -> np.ndarray:
        array = self.base.features[node_type][name][0]
        return np.zeros((n, *array.shape[1:]), array.dtype)

    def check(self, append: Append) -> None:
        """Raise a GraphError where an append doesn't fit the graph: a type, a key, a time or features."""
        for node_type, of in append.nodes.items():
            if node_type not in self.keys:
                raise GraphError(
                    problem("live: node type", node_type, f"one of {sorted(self.keys)}", "rename it")
                )
            self.keys[node_type].find(of.keys)
            self._check_new(node_type, of.keys)
            if (of.time is None) and node_type in self._timed:
                raise GraphError(problem(f"live: {node_type!r}", "no times", "one for each node", "add them"))
            _check_features(
                f"live: features of {node_type!r}", of.features, self.base.features[node_type], len(of.keys)
            )
        for key, new in append.edges.items():
            if key not in self.base.graph.edges or key in self.reverse:
                known = [list(of) for of in self.base.graph.edges if of not in self.reverse]
                raise GraphError(problem("live: relation", list(key), f"one of {known}", "rename it"))
            timed = self.base.graph.edges[key].time is not None
            if (
                timed != (new.time is not None)
                or len({len(column) for column in new[:3] if column is not None}) != 1
            ):
                expected = f"as many senders, receivers{' and times' if timed else ', and no times'}"
                raise GraphError(
                    problem(f"live: edges of {list(key)}", "other columns", expected, "correct them")
                )
            _check_features(
                f"live: features of {list(key)}", new.features, self.base.columns[key], len(new.senders)
            )
            for node_type, column in ((key[0], new.senders), (key[2], new.receivers)):
                self.keys[node_type].find(column)
                self._check_new(node_type, column)

    def _check_new(self, node_type: str, keys: np.ndarray) -> None:
        known = self.keys[node_type]
        if known.numbered and len(keys) and (known.find(keys) < 0).any():
            bad = keys[int(np.argmax(known.find(keys) < 0))]
            expected = f"numbers in [0, {len(known)}), as its table has no key"
            raise GraphError(problem(f"live: {node_type!r}", bad, expected, "prepare it with a key"))

    # --- reading ---

    def features(
        self, cut: Cut, node_type: str, ids: np.ndarray, time: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """Return name -> rows of features of nodes as they were known at `time` (None: now)."""
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
            rows = _gather((*arrays, self._fresh[node_type][name]), ids)
            if changed is not None:
                rows[changed] = self._changes[node_type][name][latest[changed]]
            rows_of[name] = rows
        return rows_of

    def columns(self, key: EdgeType, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> features of rows of a relation, or of the one whose reverse it is."""
        stored = self.reverse.get(key, key)
        return {
            name: _gather((*arrays, self._columns[stored][name]), rows)
            for name, arrays in self.base.columns[stored].items()
        }

    def times(self, key: EdgeType, edges: np.ndarray) -> np.ndarray:
        """Return when a sample's edges came into being, [n] int64, of a relation with times."""
        base, stored = self.base.graph.edges[key], self.reverse.get(key, key)
        assert base.time is not None
        late = edges >= len(base.senders)
        moments = np.empty(len(edges), np.int64)
        moments[~late] = base.time[edges[~late]]
        if late.any():
            moments[late] = self._row_time[stored][self.rows(key, edges[late]) - self.base.n_rows[stored]]
        return moments

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

    # --- what a compaction writes ---

    def added(self, cut: Cut, node_type: str, first: int) -> dict[str, np.ndarray]:
        """Return the features, as first known, of nodes from `first` on."""
        ids = np.arange(first, cut.n_node[node_type])
        arrays = self.base.features[node_type].items()
        return {name: _gather((*parts, self._fresh[node_type][name]), ids) for name, parts in arrays}

    def added_times(self, cut: Cut, node_type: str, first: int) -> np.ndarray:
        """Return when nodes from `first` on came into being."""
        held, more = self._timed[node_type], cut.n_node[node_type] - self.base.graph.n_node[node_type]
        return np.concatenate([held[first:], self._since[node_type].whole(more)])

    def added_hashes(self, cut: Cut, node_type: str, first: int) -> np.ndarray:
        """Return what draws know nodes from `first` on by."""
        held, more = (
            self.base.graph.key_hashes[node_type],
            cut.n_node[node_type] - self.base.graph.n_node[node_type],
        )
        return np.concatenate([held[first:], self._hashes[node_type].whole(more)])

    def changes(self, node_type: str, count: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Return (node, time, features) of the first `count` changes of a type."""
        node, time = (rows.whole(count) for rows in self._changed[node_type])
        return node, time, {name: rows.whole(count) for name, rows in self._changes[node_type].items()}

    def changed(self) -> dict[str, int]:
        """Return node type -> number of changes."""
        return {node_type: of[0].rows for node_type, of in self._changed.items()}


def _check_features(
    where: str, given: Mapping[str, np.ndarray], stored: Mapping[str, tuple[np.ndarray, ...]], n: int
) -> None:
    """Raise a GraphError where features aren't those that are wanted: all of them, or none."""
    if given and set(given) != set(stored):
        raise GraphError(problem(where, sorted(given), f"all of {sorted(stored)}, or none", "add them"))
    for name, rows in given.items():
        shape, dtype = (n, *stored[name][0].shape[1:]), stored[name][0].dtype
        if rows.shape != shape or rows.dtype != dtype:
            actual, expected = f"{rows.dtype} {rows.shape}", f"{dtype} {shape}"
            raise GraphError(problem(f"{where}: {name!r}", actual, expected, "correct it"))


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
