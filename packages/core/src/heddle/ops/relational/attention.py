"""Attention over relations on bundles: one softmax at each node, over the edges of all relations that enter it."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from heddle.graphs.graph import Array
from heddle.ops.relational.bundle import Bundle, TransformFirst, extents

if TYPE_CHECKING:
    from heddle.ops.graph_ops import GraphOps


class Attended(NamedTuple):
    """A node type's keys, queries and values, [n_nodes, heads, d] each."""

    keys: Array
    queries: Array
    values: Array


class _Side(NamedTuple):
    """A bundle, opened: its rows' queries and nodes, its columns' keys and values."""

    queries: Array  # [rows, heads, d]
    nodes: Array  # [rows] ids among all nodes that are entered
    keys: Array  # [columns, heads, d]
    values: Array
    late: Array | None  # matrices of the values, where they are applied to sums


def attention(
    ops: "GraphOps",
    bundles: Sequence[tuple[str, Bundle]],
    projected: Mapping[str, Attended],
    matrices: Sequence[tuple[Array, Array]],
) -> dict[str, Array]:
    """Return m[t][i] = sum over edges (j, r) into i of softmax(q_i . k_j K_r) v_j V_r, head by head.

    A relation that is transformed first multiplies keys and values once for each node that sends; one that is
    aggregated first multiplies queries by K_r transposed and sums by V_r, once for each node that receives.

    Args:
        bundles: (source type, Bundle) of each bundle, their weights and scales unread; relations whose source or target
            isn't in `projected` are left out.
        matrices: for each bundle K and V, [relations, heads, d, d] in the order of `extents`.

    Returns: node type -> [n_nodes, heads, d] for types that are entered; 0 for a node without edges.
    """
    parts = [(b, source, pair) for (source, b), pair in zip(bundles, matrices) if source in projected]
    if not parts:
        return {}
    counts = {
        node_type: share.nodes.shape[0]
        for bundle, _, _ in parts
        for node_type, share in bundle.entered.items()
    }
    sizes = [counts[node_type] for node_type in sorted(counts)]
    first = dict(zip(sorted(counts), np.cumsum([0, *sizes]).tolist()))
    sides = [_side(ops, bundle, projected, source, pair, first) for bundle, source, pair in parts]
    logits = [ops.sddmm(b.adjacency, side.queries, side.keys, "dot") for (b, _, _), side in zip(parts, sides)]
    ids = [ops.gather(side.nodes, b.adjacency.receivers) for (b, _, _), side in zip(parts, sides)]
    weights = ops.segment_softmax(ops.xp.concat(logits), ops.xp.concat(ids), sum(sizes))
    totals, edge = [], 0
    for (bundle, _, _), side in zip(parts, sides):
        share = weights[edge : edge + bundle.adjacency.n_edges]
        edge += bundle.adjacency.n_edges
        rows = ops.spmm(bundle.adjacency, side.values, share)
        if side.late is not None:
            rows = _grouped(ops, rows, side.late, [extent.rows for extent in extents(bundle)])
        totals.append(ops.segment_sum(rows, side.nodes, sum(sizes)))
    total = reduce(add, totals)
    return {
        node_type: total[first[node_type] : first[node_type] + n]
        for node_type, n in counts.items()
        if node_type in projected
    }


def _side(
    ops: "GraphOps",
    bundle: Bundle,
    projected: Mapping[str, Attended],
    source: str,
    matrices: tuple[Array, Array],
    first: Mapping[str, int],
) -> _Side:
    xp, (keys, _, values), (by_key, by_value) = ops.xp, projected[source], matrices
    members = list(extents(bundle))
    queries, nodes = _rows(ops, bundle, projected, keys, first)
    if not isinstance(bundle, TransformFirst):
        transposed = xp.permute_dims(by_key, (0, 1, 3, 2))
        queries = _grouped(ops, queries, transposed, [extent.rows for extent in members])
        return _Side(queries, nodes, keys, values, by_value)
    columns = [extent.columns for extent in members]
    if bundle.sources is None:
        keys, values = (xp.concat([z] * len(members)) for z in (keys, values))
    else:
        keys, values = (ops.gather(z, bundle.sources) for z in (keys, values))
    keys, values = _grouped(ops, keys, by_key, columns), _grouped(ops, values, by_value, columns)
    return _Side(queries, nodes, keys, values, None)


def _rows(
    ops: "GraphOps", bundle: Bundle, projected: Mapping[str, Attended], like: Array, first: Mapping[str, int]
) -> tuple[Array, Array]:
    """Return the queries of a bundle's rows, and the rows' nodes among all that are entered."""
    xp, queries, nodes = ops.xp, [], []
    for target in sorted(bundle.entered):
        entered = bundle.entered[target]
        n_nodes, dtype = entered.nodes.shape[0], bundle.adjacency.receivers.dtype
        if target in projected:
            queries_of_type = projected[target].queries
        else:  # its sums aren't used
            queries_of_type = ops.asarray(np.zeros((n_nodes, *like.shape[1:])), like=like)
        if entered.rows is None:
            count = len(entered.extents)
            queries += [queries_of_type] * count
            nodes += [
                xp.astype(ops.asarray(np.arange(n_nodes), like=queries_of_type), dtype) + first[target]
            ] * count
        else:
            queries.append(ops.gather(queries_of_type, entered.rows))
            nodes.append(xp.astype(entered.rows, dtype) + first[target])
    return xp.concat(queries), xp.concat(nodes)


def _grouped(ops: "GraphOps", rows: Array, matrices: Array, sizes: Sequence[int]) -> Array:
    """Multiply groups of rows [n, heads, d] by matrices [groups, heads, d, d], head by head, in one product."""
    xp, (n, heads, d), groups = ops.xp, rows.shape, len(sizes)
    by_head = xp.reshape(xp.permute_dims(rows, (1, 0, 2)), (heads * n, d))
    flat = xp.reshape(xp.permute_dims(matrices, (1, 0, 2, 3)), (heads * groups, d, d))
    product = ops.segment_matmul(by_head, flat, np.array([*sizes] * heads))
    return xp.permute_dims(xp.reshape(product, (heads, n, d)), (1, 0, 2))
