"""The sum over relations on any engine's arrays: what a fused kernel is compared with, and stands in for it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Array
from heddle.ops.relational.bundle import AggregateFirst, Bundle, TransformFirst, extents, n_relations

if TYPE_CHECKING:
    from heddle.ops.graph_ops import GraphOps


def relational_conv(
    ops: "GraphOps",
    bundles: Sequence[tuple[str, Bundle]],
    x: Mapping[str, Array | None],
    weights: Array | Sequence[Array],
    roots: Mapping[str, Array],
    biases: Mapping[str, Array],
    activation: str = "none",
    order: Array | None = None,
) -> dict[str, Array]:
    """Return y[t] = activation of x[t] roots[t] + biases[t] + sum over relations r into t of A_r x[s] W_r.

    Args:
        bundles: (source type, Bundle) of each bundle; each relation in one of them.
        x: node type -> [n_nodes, in_dim], or None for a type without features, whose rows are those of the unit
            matrix; a type that is left out sends nothing.
        weights: for each bundle [relations, in_dim, out_dim], in the order of `extents`; or those of all bundles in
            one array, where in_dim is one, in that order or in any other that `order` gives.
        roots: node type -> [in_dim, out_dim]; types of x.
        biases: node type -> [out_dim]; added to a type that has a value.
        activation: as in `GraphOps.activate`.
        order: [relations] int, the position of each relation, bundle after bundle, in the one array of weights; it
            may have more.

    Returns: node type -> [n_nodes, out_dim] for types with a root or a relation from a type of x.

    Raises:
        GraphError: an order with weights by bundle.
    """
    y = {
        node_type: root if x[node_type] is None else x[node_type] @ root for node_type, root in roots.items()
    }
    if order is not None:
        weights = ops.gather(one_array(weights), order)
    for (source, bundle), weight in zip(bundles, weights_by_bundle(bundles, weights)):
        if source not in x:
            continue
        if isinstance(bundle, TransformFirst):
            parts = _transform_first(ops, bundle, x[source], weight)
        else:
            parts = _aggregate_first(ops, bundle, x[source], weight)
        for target, part in parts.items():
            y[target] = y[target] + part if target in y else part
    shifted = {
        node_type: value + ops.xp.expand_dims(biases[node_type], axis=0) if node_type in biases else value
        for node_type, value in y.items()
    }
    return {node_type: ops.activate(value, activation) for node_type, value in shifted.items()}


def one_array(weights: Array | Sequence[Array]) -> Array:
    """Return the weights [relations, in_dim, out_dim] of all bundles, which an order is given for.

    Raises:
        GraphError: weights by bundle.
    """
    if not isinstance(weights, (list, tuple)):
        return weights
    actual, expected = f"an order for a list of {len(weights)}", "one array of weights"
    raise GraphError(problem("relational_conv", actual, expected, "leave out the order"))


def weights_by_bundle(
    bundles: Sequence[tuple[str, Bundle]], weights: Array | Sequence[Array]
) -> Sequence[Array]:
    """Return the weights of each bundle, [relations, in_dim, out_dim] each; one array holds those of all."""
    if isinstance(weights, (list, tuple)):
        return weights
    ends = np.cumsum([0, *(n_relations(bundle) for _, bundle in bundles)])
    return [weights[first:last] for first, last in pairwise(ends)]


def _transform_first(
    ops: "GraphOps", bundle: TransformFirst, x: Array | None, weight: Array
) -> dict[str, Array]:
    xp, members = ops.xp, list(extents(bundle))
    count, rows_in, out_dim = weight.shape
    if x is None:
        columns = xp.reshape(weight, (count * rows_in, out_dim))
    elif bundle.sources is None:
        columns = xp.reshape(ops.multiply_by_each(x, weight), (count * x.shape[0], out_dim))
    else:
        columns = _grouped(ops, ops.gather(x, bundle.sources), weight, [extent.columns for extent in members])
    rows = ops.scaled_spmm(bundle.adjacency, columns, bundle.weight, bundle.scale)
    parts, targets = {}, sorted(bundle.entered)
    sizes = [sum(extent.rows for extent in members if extent.target == target) for target in targets]
    for target, block in zip(targets, ops.split(rows, sizes)):
        entered = bundle.entered[target]
        n_nodes = entered.nodes.shape[0]
        if entered.rows is None:
            parts[target] = xp.sum(xp.reshape(block, (len(entered.extents), n_nodes, out_dim)), axis=0)
        else:
            parts[target] = ops.segment_sum(block, entered.rows, n_nodes)
    return parts


def _aggregate_first(ops: "GraphOps", bundle: AggregateFirst, x: Array, weight: Array) -> dict[str, Array]:
    xp, out_dim = ops.xp, weight.shape[2]
    rows = ops.scaled_spmm(bundle.adjacency, x, bundle.weight, bundle.scale)
    parts, targets = {}, sorted(bundle.entered)
    heights = [
        [extent.shape[1] for _, extent in sorted(bundle.entered[target].extents.items())]
        for target in targets
    ]
    blocks = ops.split(rows, [sum(sizes) for sizes in heights])
    groups = ops.split(weight, [len(sizes) for sizes in heights])
    for target, sizes, block, matrices in zip(targets, heights, blocks, groups):
        entered = bundle.entered[target]
        n_nodes, count = entered.nodes.shape[0], len(sizes)
        if entered.rows is None:  # the relations' rows side by side: the product sums over them
            stacked = xp.permute_dims(xp.reshape(block, (count, n_nodes, x.shape[1])), (1, 0, 2))
            parts[target] = xp.reshape(stacked, (n_nodes, count * x.shape[1])) @ xp.reshape(
                matrices, (count * x.shape[1], out_dim)
            )
        else:
            parts[target] = ops.segment_sum(_grouped(ops, block, matrices, sizes), entered.rows, n_nodes)
    return parts


def _grouped(ops: "GraphOps", rows: Array, weight: Array, sizes: Sequence[int]) -> Array:
    """Multiply groups of rows by a matrix each, in one batched product where all are of one size."""
    if len(set(sizes)) == 1:
        xp = ops.xp
        batched = xp.reshape(rows, (len(sizes), sizes[0], rows.shape[1])) @ weight
        return xp.reshape(batched, (len(sizes) * sizes[0], weight.shape[2]))
    return ops.segment_matmul(rows, weight, np.array(sizes))
