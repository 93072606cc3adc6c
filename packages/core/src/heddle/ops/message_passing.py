"""message_passing: send along edges, aggregate at the receivers, update; over one kind of edge or over relations."""

from collections.abc import Callable, Mapping
from typing import Any

from heddle.errors import ConfigError, nearest
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array, EdgeType, PyTree
from heddle.graphs.pytree import tree_map
from heddle.ops.graph_ops import GraphOps

AGGREGATORS = ("sum", "mean", "max", "min", "std", "softmax-sum")

MessageFn = Callable[[PyTree, PyTree, PyTree], Any]
"""(sent, received, edges), each a pytree of [n_edges, ...] -> messages, a pytree of [n_edges, ...]."""

Reducer = Callable[[Array, Array, int], Array]
"""(data [n, ...], segment_ids [n], num_segments) -> [num_segments, ...]."""

UpdateFn = Callable[[PyTree, Any], Any]
"""(the receivers' own features, aggregated messages) -> new features."""


def message_passing(
    ops: GraphOps,
    adjacency: Adjacency,
    x: PyTree,
    message: MessageFn | None = None,
    aggregate: str | Reducer = "sum",
    update: UpdateFn | None = None,
    *,
    edges: PyTree = None,
    receivers: PyTree = None,
) -> Any:
    """Return update(x, aggregate over the edges each node receives of message(sent, received, edges)).

    Args:
        x: pytree of [n_senders, ...].
        message: None sends x itself; with "sum" and "mean" that never builds [n_edges, ...] arrays.
        aggregate: "sum", "mean", "max", "min", "std" or a `Reducer`, leaf by leaf; "softmax-sum" takes a pair
            (logits, values) from `message` and sums the values (a pytree), weighted by the softmax of the logits
            over each receiver: logits [n_edges] or [n_edges, heads] against values [n_edges, heads, ...].
        update: None returns the aggregate.
        edges: pytree of [n_edges, ...] in the adjacency's order.
        receivers: pytree of [n_receivers, ...] where the receivers are another kind of node; None for x.

    A receiver without edges gets 0 ("std": sqrt of its small constant, see `GraphOps.segment_std`).

    Raises:
        ConfigError: an unknown aggregator, or "softmax-sum" without a message function.

    >>> import numpy as np
    >>> from heddle.graphs.adjacency import build_adjacency; from heddle.ops.reference import NumpyOps
    >>> path = build_adjacency(np.array([0, 1]), np.array([1, 2]), 3, 3)
    >>> message_passing(NumpyOps(), path, np.array([[1.0], [10.0], [100.0]])).tolist()
    [[0.0], [1.0], [10.0]]
    """
    targets = x if receivers is None else receivers
    if message is None:
        aggregated = _aggregate_sent(ops, adjacency, x, aggregate)
    else:
        sent = tree_map(lambda leaf: ops.gather(leaf, adjacency.senders), x)
        received = tree_map(lambda leaf: ops.gather(leaf, adjacency.receivers), targets)
        aggregated = _aggregate(ops, adjacency, message(sent, received, edges), aggregate)
    return aggregated if update is None else update(targets, aggregated)


def hetero_message_passing(
    ops: GraphOps,
    adjacencies: Mapping[EdgeType, Adjacency],
    x: Mapping[str, PyTree],
    message: MessageFn | Mapping[EdgeType, MessageFn | None] | None = None,
    aggregate: str | Reducer = "sum",
    update: UpdateFn | Mapping[str, UpdateFn] | None = None,
    *,
    across: str = "sum",
    edges: Mapping[EdgeType, PyTree] | None = None,
) -> dict[str, Any]:
    """Pass messages along every relation, combine what each node type receives, and update it.

    Args:
        x: node type -> pytree of [n_nodes of the type, ...].
        message, aggregate, edges: as in `message_passing`; a mapping gives each relation its own function.
        across: how the aggregates of several relations into one type are combined: "sum", "mean" (over
            relations, each counting once), "max" or "min".
        update: one function for all types or one a type; None returns the combination.

    Returns: node type -> new features, for every type that some relation enters.
    """
    arrived: dict[str, list[Any]] = {}
    for edge_type in sorted(adjacencies):
        source, _, target = edge_type
        function = message[edge_type] if isinstance(message, Mapping) else message
        features = None if edges is None else edges.get(edge_type)
        aggregated = message_passing(
            ops, adjacencies[edge_type], x[source], function, aggregate, edges=features, receivers=x[target]
        )
        arrived.setdefault(target, []).append(aggregated)
    combined = {node_type: _combine(ops, across, pytrees) for node_type, pytrees in arrived.items()}
    if update is None:
        return combined
    return {k: (update[k] if isinstance(update, Mapping) else update)(x[k], m) for k, m in combined.items()}


def reducer(ops: GraphOps, how: str | Reducer) -> Reducer:
    """Return the segment operation that `how` names, or `how` itself if it is a function already.

    Raises:
        ConfigError: a name that isn't an aggregation.
    """
    if callable(how):
        return how
    if how not in AGGREGATORS or how == "softmax-sum":
        names = [name for name in AGGREGATORS if name != "softmax-sum"]
        raise ConfigError(f"aggregate: found {how!r}, expected one of {names}{nearest(how, names)}")
    result: Reducer = getattr(ops, f"segment_{how}")
    return result


def _aggregate_sent(ops: GraphOps, adjacency: Adjacency, x: PyTree, how: str | Reducer) -> PyTree:
    if how == "softmax-sum":
        raise ConfigError(
            "aggregate: found 'softmax-sum' without a message function; give one (logits, values)"
        )
    if how not in ("sum", "mean"):
        return _aggregate(ops, adjacency, tree_map(lambda v: ops.gather(v, adjacency.senders), x), how)

    def fused(leaf: Array) -> Array:
        if how == "sum":
            return ops.spmm(adjacency, leaf)
        wide = ops.widened(leaf)
        degree = ops.degree(adjacency, wide)
        degree = ops.xp.where(degree > 0, degree, ops.xp.ones_like(degree))
        mean = ops.spmm(adjacency, wide) / ops.xp.reshape(degree, degree.shape + (1,) * (leaf.ndim - 1))
        return mean if wide is leaf else ops.xp.astype(mean, leaf.dtype)

    return tree_map(fused, x)


def _aggregate(ops: GraphOps, adjacency: Adjacency, messages: Any, how: str | Reducer) -> Any:
    ids, count = adjacency.receivers, adjacency.n_receivers
    if how != "softmax-sum":
        reduce = reducer(ops, how)
        return tree_map(lambda leaf: reduce(leaf, ids, count), messages)
    logits, values = messages
    weights = ops.edge_softmax(adjacency, logits)

    def weighted(leaf: Array) -> Array:
        shape = weights.shape + (1,) * (leaf.ndim - weights.ndim)
        return ops.segment_sum(leaf * ops.xp.reshape(weights, shape), ids, count)

    return tree_map(weighted, values)


def _combine(ops: GraphOps, across: str, pytrees: list[Any]) -> Any:
    if across not in ("sum", "mean", "max", "min"):
        raise ConfigError(f"across: found {across!r}, expected one of sum, mean, max, min")
    pairwise = {"max": ops.xp.maximum, "min": ops.xp.minimum}.get(across, lambda a, b: a + b)
    result = pytrees[0]
    for pytree in pytrees[1:]:
        result = tree_map(pairwise, result, pytree)
    return tree_map(lambda leaf: leaf / len(pytrees), result) if across == "mean" else result
