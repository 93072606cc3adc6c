"""delta_between: the delta that leads from one snapshot to another."""

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.dynamic.deltas import EdgeDelta, Rows, find_rows
from heddle.graphs.dynamic.snapshots import Snapshot
from heddle.graphs.graph import PyTree
from heddle.graphs.pytree import leaves_with_paths, tree_map


def delta_between(before: Snapshot, after: Snapshot) -> EdgeDelta:
    """Return the delta that turns `before` into `after`, but for the order of its nodes and edges.

    Edges are matched by their ends; of repeated edges as many stay as both have. Nodes and edges that stay are named
    as changed if any of their features differ.

    Raises:
        GraphError: features in different pytrees.
    """
    ids, next_ids = np.asarray(before.ids), np.asarray(after.ids)
    gone, come = ~np.isin(ids, next_ids), ~np.isin(next_ids, ids)
    stay = ids[~gone]
    ends = ids[np.stack([before.graph.senders, before.graph.receivers])]
    next_ends = next_ids[np.stack([after.graph.senders, after.graph.receivers])]
    kept, kept_next = _matched(ends, next_ends)
    removed = np.setdiff1d(np.arange(ends.shape[1]), kept)
    added = np.setdiff1d(np.arange(next_ends.shape[1]), kept_next)
    row, next_row = (
        find_rows(stay, ids, "before", "a node's id"),
        find_rows(stay, next_ids, "after", "a node's id"),
    )
    node_changes = _differing(before.graph.nodes, after.graph.nodes, row, next_row, "nodes")
    edge_changes = _differing(before.graph.edges, after.graph.edges, kept, kept_next, "edges")
    moved = bool(gone.any() or come.any())
    return EdgeDelta(
        removed,
        next_ends[0, added],
        next_ends[1, added],
        tree_map(lambda leaf: leaf[added], after.graph.edges),
        Rows(kept[edge_changes], tree_map(lambda leaf: leaf[kept_next[edge_changes]], after.graph.edges)),
        ids[gone] if moved else None,
        Rows(next_ids[come], tree_map(lambda leaf: leaf[come], after.graph.nodes)) if moved else None,
        Rows(stay[node_changes], tree_map(lambda leaf: leaf[next_row[node_changes]], after.graph.nodes)),
    )


def _matched(ends: np.ndarray, next_ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of equal columns in both, each used once; repeated columns are matched in their order."""
    _, code = np.unique(np.concatenate([ends, next_ends], axis=1), axis=1, return_inverse=True)
    code, next_code = code.reshape(-1)[: ends.shape[1]], code.reshape(-1)[ends.shape[1] :]
    numbered, next_numbered = _numbered(code), _numbered(next_code)
    width = int(max(numbered.max(initial=0), next_numbered.max(initial=0))) + 1
    _, kept, kept_next = np.intersect1d(
        code * width + numbered, next_code * width + next_numbered, assume_unique=True, return_indices=True
    )
    order = np.argsort(kept)
    return kept[order], kept_next[order]


def _numbered(code: np.ndarray) -> np.ndarray:
    """Number the occurrences of each value: [5, 7, 5] -> [0, 0, 1]."""
    order = np.argsort(code, kind="stable")
    _, first, inverse = np.unique(code[order], return_index=True, return_inverse=True)
    numbers = np.empty(len(code), np.int64)
    numbers[order] = np.arange(len(code)) - first[inverse.reshape(-1)] if len(code) else 0
    return numbers


def _differing(
    pytree: PyTree, other: PyTree, rows: np.ndarray, other_rows: np.ndarray, field: str
) -> np.ndarray:
    """Tell for each pair of rows whether any leaf differs."""
    old, new = dict(leaves_with_paths(pytree)), dict(leaves_with_paths(other))
    if old.keys() != new.keys():
        actual, expected = sorted(new) or "None", f"{sorted(old) or None}, the pytree before"
        raise GraphError(problem(f"{field} after", actual, expected, "give the same features"))
    differs = np.zeros(len(rows), bool)
    for path, leaf in old.items():
        unequal = np.asarray(leaf)[rows] != np.asarray(new[path])[other_rows]
        differs |= unequal.any(axis=tuple(range(1, unequal.ndim)))
    return differs
