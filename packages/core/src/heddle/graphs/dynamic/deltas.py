"""EdgeDelta: what changes from one snapshot to the next, and how to apply it."""

from typing import NamedTuple

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.dynamic.snapshots import Snapshot
from heddle.graphs.graph import Array, Graph, PyTree
from heddle.graphs.pytree import leaves_with_paths, tree_map


class Rows(NamedTuple):
    """New features for some rows.

    Attributes:
        index: [k] int, node ids or positions of edges, none twice.
        features: pytree of [k, ...]; None where there are no features.
    """

    index: Array
    features: PyTree = None


class EdgeDelta(NamedTuple):
    """What changes from snapshot t - 1 to snapshot t; None in a field means nothing of its kind.

    Edges that stay keep their order and new ones come after them; nodes likewise. Nodes are named by their ids, which
    never change (in a graph whose nodes stay, ids are rows); edges by their position in snapshot t - 1. Globals stay.

    Attributes:
        removed: [k] int, positions of the edges that go.
        senders, receivers: [a] int, node ids of the edges that come.
        edges: pytree of [a, ...], their features.
        changed_edges: positions of edges that stay, with new features.
        removed_nodes: [j] int ids of the nodes that go; their edges go with them.
        added_nodes: ids of the nodes that come, not present before, with their features. One that went may return.
        changed_nodes: ids of nodes that stay, with new features.
    """

    removed: Array | None = None
    senders: Array | None = None
    receivers: Array | None = None
    edges: PyTree = None
    changed_edges: Rows | None = None
    removed_nodes: Array | None = None
    added_nodes: Rows | None = None
    changed_nodes: Rows | None = None


def apply_delta(snapshot: Snapshot, delta: EdgeDelta, where: str = "delta") -> Snapshot:
    """Return the next snapshot, in new arrays; `snapshot` stays as it is.

    Args:
        where: name of the delta in errors, e.g. "deltas[3]".

    Raises:
        GraphError: an id or position that is not there (a new node: that is there already) or given twice, or
            features whose pytree or widths differ from those before.
    """
    graph, ids = snapshot.graph, np.asarray(snapshot.ids)
    stays = np.ones(len(ids), bool)
    stays[find_rows(delta.removed_nodes, ids, f"{where}.removed_nodes", "a node's id")] = False
    nodes = _changed(graph.nodes, delta.changed_nodes, ids, f"{where}.changed_nodes", "a node's id")
    new_nodes = delta.added_nodes or Rows(np.empty(0, np.int64))
    new_ids = _new_ids(new_nodes.index, ids[stays], f"{where}.added_nodes.index")
    next_ids = np.concatenate([ids[stays], new_ids])

    positions = np.arange(len(graph.senders))
    keep = stays[graph.senders] & stays[graph.receivers]
    keep[find_rows(delta.removed, positions, f"{where}.removed", "an edge's position")] = False
    edges = _changed(
        graph.edges, delta.changed_edges, positions, f"{where}.changed_edges", "an edge's position"
    )
    senders = find_rows(delta.senders, next_ids, f"{where}.senders", "a node's id", unique=False)
    receivers = find_rows(delta.receivers, next_ids, f"{where}.receivers", "a node's id", unique=False)
    if len(senders) != len(receivers):
        expected = f"{len(senders)}, the length of senders"
        raise GraphError(
            problem(f"{where}.receivers: length", len(receivers), expected, "give each edge both ends")
        )

    row = np.cumsum(stays) - 1  # of a node that stays, in the next snapshot
    rebuilt = Graph(
        _appended(nodes, stays, new_nodes.features, len(new_ids), f"{where}.added_nodes.features"),
        _appended(edges, keep, delta.edges, len(senders), f"{where}.edges"),
        np.concatenate([row[graph.senders[keep]], senders]).astype(graph.senders.dtype),
        np.concatenate([row[graph.receivers[keep]], receivers]).astype(graph.receivers.dtype),
        tree_map(np.array, graph.globals),
        np.array([len(next_ids)], graph.n_node.dtype),
        np.array([keep.sum() + len(senders)], graph.n_edge.dtype),
    )
    moved = delta.removed_nodes is not None or delta.added_nodes is not None
    return Snapshot(rebuilt, snapshot.time + 1, next_ids if moved else snapshot.node_ids)


def find_rows(
    wanted: Array | None, known: np.ndarray, where: str, what: str, unique: bool = True
) -> np.ndarray:
    """Return where each of `wanted` stands in `known`, whose entries are all different; [] for None.

    Raises:
        GraphError: an entry of `wanted` that isn't in `known`, or one given twice where `unique`.
    """
    if wanted is None:
        return np.empty(0, np.int64)
    wanted = integers(wanted, where)
    order = np.argsort(known, kind="stable")
    position = np.searchsorted(known[order], wanted)
    bad = np.append(known[order], -1)[position] != wanted
    bad |= position == len(known)
    if bad.any():
        at = int(bad.argmax())
        expected = f"{what}, one of {len(known)} before it"
        raise GraphError(problem(f"{where}[{at}]", wanted[at], expected, "leave it out, or add it first"))
    if unique:
        check_unique(wanted, where)
    return order[position]


def _new_ids(index: Array, known: np.ndarray, where: str) -> np.ndarray:
    ids = integers(index, where)
    check_unique(ids, where)
    there = np.isin(ids, known)
    if there.any():
        at = int(there.argmax())
        raise GraphError(
            problem(f"{where}[{at}]", ids[at], "an id that is not there yet", "name it in changed_nodes")
        )
    return ids


def integers(values: Array, where: str) -> np.ndarray:
    """Return [k] int64, or say what `values` are instead.

    Raises:
        GraphError: not one axis of integers.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        actual = f"dtype {array.dtype} and shape {array.shape}"
        raise GraphError(problem(where, actual, "one axis of integers", "cast with astype('int64')"))
    return array.astype(np.int64)


def check_unique(ids: np.ndarray, where: str) -> None:
    """Check that no id of `ids` [n] is given twice.

    Raises:
        GraphError: the first id that is given a second time, after `where`.
    """
    first = np.unique(ids, return_index=True)[1]
    if len(first) < len(ids):
        at = int(np.setdiff1d(np.arange(len(ids)), first)[0])
        raise GraphError(problem(f"{where}[{at}]", f"{ids[at]} a second time", "each once", "leave it out"))


def _changed(pytree: PyTree, rows: Rows | None, known: np.ndarray, where: str, what: str) -> PyTree:
    """Return `pytree` with the features of some rows replaced."""
    if rows is None:
        return pytree
    positions = find_rows(rows.index, known, f"{where}.index", what)
    fresh = iter(_checked(pytree, rows.features, len(positions), f"{where}.features"))

    def change(leaf: np.ndarray) -> np.ndarray:
        leaf = np.array(leaf)
        leaf[positions] = next(fresh)
        return leaf

    return tree_map(change, pytree)


def _appended(pytree: PyTree, keep: np.ndarray, features: PyTree, count: int, where: str) -> PyTree:
    """Return the rows of `pytree` to keep, then those of `features`, in new arrays."""
    if not count:
        return tree_map(lambda leaf: np.asarray(leaf)[keep], pytree)
    fresh = iter(_checked(pytree, features, count, where))
    return tree_map(lambda leaf: np.concatenate([np.asarray(leaf)[keep], next(fresh)]), pytree)


def _checked(pytree: PyTree, features: PyTree, count: int, where: str) -> list[np.ndarray]:
    """Return the leaves of `features` in the dtypes of `pytree`, or say how they differ from it."""
    old, new = dict(leaves_with_paths(pytree)), dict(leaves_with_paths(features))
    if old.keys() != new.keys():
        actual, expected = sorted(new) or "None", f"{sorted(old) or None}, the pytree before"
        raise GraphError(problem(where, actual, expected, "give the same features"))
    fresh = []
    for path, leaf in old.items():
        values, before = np.asarray(new[path]), np.asarray(leaf)
        if values.shape != (count, *before.shape[1:]):
            expected = f"{(count, *before.shape[1:])}"
            raise GraphError(problem(f"{where}{path}: shape", values.shape, expected, "give one row to each"))
        if not np.can_cast(values.dtype, before.dtype, "same_kind"):
            raise GraphError(problem(f"{where}{path}: dtype", values.dtype, f"{before.dtype}", "convert it"))
        fresh.append(values.astype(before.dtype))
    return fresh
