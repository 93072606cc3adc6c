"""Appender: how the one writer of a generation checks what comes and puts it in."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.data.prepared.key_hashes import key_hashes
from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeType
from heddle.serving.live.batch import Append, NewNodes
from heddle.serving.live.generation import NONE, Generation
from heddle.serving.live.store import NO_TIME, Entries


class Appender:
    """Appends to one generation; one thread calls `apply`, any may call `check`."""

    def __init__(self, state: Generation):
        self.state = state

    def apply(self, append: Append) -> None:
        """Append what `check` let pass; new keys get the next numbers."""
        n_node = dict(self.state.store.cut().n_node)
        new_times: dict[str, list[np.ndarray]] = {node_type: [] for node_type in self.state.timed}
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
            rows = self.state.n_rows[key] + np.arange(len(time))
            self.state.n_rows[key] += len(time)
            for name, column in self.state.new_columns[key].items():
                blank = self.state.base.columns[key][name][0]
                given = new.features.get(name)
                column.extend(
                    np.zeros((len(time), *blank.shape[1:]), blank.dtype) if given is None else given
                )
            edges[key] = Entries(ends[1], ends[0], time, rows)
            for other, original in self.state.reverse.items():
                if original == key:
                    edges[other] = Entries(ends[0], ends[1], time, rows)
                    self.state.n_rows[other] = self.state.n_rows[key]
        joined = {
            node_type: Entries(*(np.concatenate(column) for column in zip(*parts)))
            for node_type, parts in changes.items()
        }
        times = {node_type: np.concatenate([NONE, *parts]) for node_type, parts in new_times.items()}
        for node_type, time in times.items():
            self.state.since[node_type].extend(time)
        hashes = {
            node_type: self._hashed(node_type, n_node[node_type])
            for node_type in self.state.base.graph.key_hashes
        }
        self.state.store.append(n_node, edges, joined, times, hashes)

    def _hashed(self, node_type: str, n: int) -> np.ndarray:
        """Return what draws know new nodes of a type by, up to the nth, and keep it."""
        base, rows, keys = (
            self.state.base.graph.n_node[node_type],
            self.state.hashes[node_type],
            self.state.keys[node_type],
        )
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
        for name, rows in self.state.fresh[node_type].items():
            given = of.features.get(name)
            rows.extend(self._blank(node_type, name, int(is_new.sum())) if given is None else given[is_new])
        if node_type in new_times:
            new_times[node_type].append(since[is_new])
        known = ~is_new
        if of.features and known.any():
            rest = {name: of.features[name][known] for name in self.state.fresh[node_type]}
            changes.setdefault(node_type, []).append(
                self.state.change(node_type, numbers[known], since[known], rest)
            )

    def _ends(
        self, node_type: str, keys: np.ndarray, time: np.ndarray, n_node: dict[str, int], new_times: Any
    ) -> np.ndarray:
        """Return the numbers of ends; those with new keys become nodes without features."""
        numbers, is_new = self._numbers(node_type, keys, n_node)
        for name, rows in self.state.fresh[node_type].items():
            rows.extend(self._blank(node_type, name, int(is_new.sum())))
        if node_type in new_times:
            new_times[node_type].append(time[is_new])
        return numbers

    def _numbers(
        self, node_type: str, keys: np.ndarray, n_node: dict[str, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of each key and where a new node is met for the first time."""
        known, first = self.state.keys[node_type], n_node[node_type]
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

    def _blank(self, node_type: str, name: str, n: int) -> np.ndarray:
        array = self.state.base.features[node_type][name][0]
        return np.zeros((n, *array.shape[1:]), array.dtype)

    def check(self, append: Append) -> None:
        """Check that an append fits the graph.

        Raises:
            GraphError: an unknown type or relation, a key, times or features that don't fit.
        """
        for node_type, of in append.nodes.items():
            if node_type not in self.state.keys:
                raise GraphError(
                    problem("live: node type", node_type, f"one of {sorted(self.state.keys)}", "rename it")
                )
            self.state.keys[node_type].find(of.keys)
            self._check_new(node_type, of.keys)
            if (of.time is None) and node_type in self.state.timed:
                raise GraphError(problem(f"live: {node_type!r}", "no times", "one for each node", "add them"))
            _check_features(
                f"live: features of {node_type!r}",
                of.features,
                self.state.base.features[node_type],
                len(of.keys),
            )
        for key, new in append.edges.items():
            if key not in self.state.base.graph.edges or key in self.state.reverse:
                known = [list(of) for of in self.state.base.graph.edges if of not in self.state.reverse]
                raise GraphError(problem("live: relation", list(key), f"one of {known}", "rename it"))
            timed = self.state.base.graph.edges[key].time is not None
            if (
                timed != (new.time is not None)
                or len({len(column) for column in new[:3] if column is not None}) != 1
            ):
                expected = f"as many senders, receivers{' and times' if timed else ', and no times'}"
                raise GraphError(
                    problem(f"live: edges of {list(key)}", "other columns", expected, "correct them")
                )
            _check_features(
                f"live: features of {list(key)}", new.features, self.state.base.columns[key], len(new.senders)
            )
            for node_type, column in ((key[0], new.senders), (key[2], new.receivers)):
                self.state.keys[node_type].find(column)
                self._check_new(node_type, column)

    def _check_new(self, node_type: str, keys: np.ndarray) -> None:
        known = self.state.keys[node_type]
        if known.numbered and len(keys) and (known.find(keys) < 0).any():
            bad = keys[int(np.argmax(known.find(keys) < 0))]
            expected = f"numbers in [0, {len(known)}), as its table has no key"
            raise GraphError(problem(f"live: {node_type!r}", bad, expected, "prepare it with a key"))


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
