"""graph_network: one block of a graph network on pytrees, with the caller's own update functions, and its cases."""

from collections.abc import Callable
from typing import Any

from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array, Graph, PyTree, num_nodes
from heddle.graphs.pytree import leaves, tree_map
from heddle.ops.graph_ops import GraphOps
from heddle.ops.message_passing import Reducer, reducer

Update = Callable[..., Any]


def graph_network(
    ops: GraphOps,
    graph: Graph,
    update_edge: Update | None = None,
    update_node: Update | None = None,
    update_global: Update | None = None,
    *,
    adjacency: Adjacency | None = None,
    aggregate_sent: str | Reducer | None = None,
    aggregate_received: str | Reducer | None = "sum",
    aggregate_nodes: str | Reducer | None = "sum",
    aggregate_edges: str | Reducer | None = "sum",
    attention_logit: Update | None = None,
    attention_reduce: Update | None = None,
    attention_normalise: Reducer | None = None,
) -> Graph:
    """Update edges, then nodes, then globals, and return the graph with its edges in the caller's order.

    Source: Battaglia et al., Relational inductive biases, deep learning, and graph networks (2018), algorithm 1.
    Every feature is a pytree; an update function may return another pytree. No update leaves its part as it is.

    Args:
        graph: one graph, or a batch of them.
        update_edge: (edges, sent, received, globals) -> edges, the last three taken to the edges.
        update_node: (nodes, sent, received, globals) -> nodes: the node's updated edges, those it sends and
            those it receives, each aggregated, and its graph's globals.
        update_global: (nodes, edges, globals) -> globals, with nodes and edges aggregated per graph.
        adjacency: the graph's own, to work on edges sorted by receiver; None works in the caller's order.
        aggregate_sent, aggregate_received, aggregate_nodes, aggregate_edges: "sum", "mean", "max", "min",
            "std" or a `Reducer`; None if the update function has no use for them: it gets None, and nothing is
            computed. As in the paper only received edges are aggregated unless `aggregate_sent` is given.
        attention_logit: (edges, sent, received, globals) -> logits, on the updated edges.
        attention_reduce: (edges, weights) -> edges, with weights the logits normalised over each receiver.
        attention_normalise: by default `ops.segment_softmax`.

    Raises:
        ConfigError: one of `attention_logit` and `attention_reduce` without the other.
    """
    if (attention_logit is None) != (attention_reduce is None):
        raise ConfigError(
            "graph_network: attention needs attention_logit and attention_reduce; give both or none"
        )
    changes = update_edge is not None or attention_logit is not None
    order = adjacency.order if adjacency is not None and changes else None
    senders, receivers = graph.senders, graph.receivers
    nodes, edges, globals_ = graph.nodes, graph.edges, graph.globals
    n_nodes = adjacency.n_receivers if adjacency is not None else num_nodes(graph)
    if adjacency is not None and order is not None:
        senders, receivers = adjacency.senders, adjacency.receivers
        edges = tree_map(lambda leaf: ops.gather(leaf, order), edges)
    if changes:
        sent = tree_map(lambda leaf: ops.gather(leaf, senders), nodes)
        received = tree_map(lambda leaf: ops.gather(leaf, receivers), nodes)
        context = spread(ops, globals_, graph.n_edge, senders.shape[0])
        if update_edge is not None:
            edges = update_edge(edges, sent, received, context)
        if attention_logit is not None and attention_reduce is not None:
            normalise = attention_normalise or ops.segment_softmax
            logits = attention_logit(edges, sent, received, context)
            weights = tree_map(lambda leaf: normalise(leaf, receivers, n_nodes), logits)
            edges = attention_reduce(edges, weights)
    if update_node is not None:
        gone = _reduce(ops, aggregate_sent, edges, senders, n_nodes)
        come = _reduce(ops, aggregate_received, edges, receivers, n_nodes)
        nodes = update_node(nodes, gone, come, spread(ops, globals_, graph.n_node, n_nodes))
    if update_global is not None:
        globals_ = update_global(
            pool(ops, aggregate_nodes, nodes, graph.n_node),
            pool(ops, aggregate_edges, edges, graph.n_edge),
            globals_,
        )
    if order is not None:  # edge i of the sorted order was edge order[i] of the caller
        edges = tree_map(lambda leaf: ops.segment_sum(leaf, order, order.shape[0]), edges)
    return graph._replace(nodes=nodes, edges=edges, globals=globals_)


def interaction_network(
    ops: GraphOps,
    graph: Graph,
    update_edge: Update,
    update_node: Update,
    *,
    adjacency: Adjacency | None = None,
    aggregate: str | Reducer = "sum",
    include_sent: bool = False,
) -> Graph:
    """Apply `graph_network` without globals (Battaglia et al. 2016).

    `update_edge` takes (edges, sent, received); `update_node` (nodes, received), or (nodes, sent, received) with
    `include_sent`.
    """

    def node(nodes: PyTree, sent: PyTree, received: PyTree, _: PyTree) -> PyTree:
        return update_node(nodes, sent, received) if include_sent else update_node(nodes, received)

    return graph_network(
        ops,
        graph,
        lambda edges, sent, received, _: update_edge(edges, sent, received),
        node,
        adjacency=adjacency,
        aggregate_sent=aggregate if include_sent else None,
        aggregate_received=aggregate,
    )


def relation_network(
    ops: GraphOps,
    graph: Graph,
    update_edge: Update,
    update_global: Update,
    *,
    adjacency: Adjacency | None = None,
    aggregate: str | Reducer = "sum",
) -> Graph:
    """Apply `update_edge`(sent, received) and `update_global`(aggregated edges); Santoro et al. 2017, eq. 1."""
    return graph_network(
        ops,
        graph,
        lambda _, sent, received, __: update_edge(sent, received),
        None,
        lambda _, edges, __: update_global(edges),
        adjacency=adjacency,
        aggregate_nodes=None,
        aggregate_edges=aggregate,
    )


def deep_sets(
    ops: GraphOps,
    graph: Graph,
    update_node: Update,
    update_global: Update,
    *,
    aggregate: str | Reducer = "sum",
) -> Graph:
    """Apply `update_node`(nodes, globals) and `update_global`(aggregated nodes), edges unused; Zaheer et al. 2017."""
    return graph_network(
        ops,
        graph,
        None,
        lambda nodes, _, __, context: update_node(nodes, context),
        lambda nodes, _, __: update_global(nodes),
        aggregate_received=None,
        aggregate_nodes=aggregate,
        aggregate_edges=None,
    )


def spread(ops: GraphOps, globals_: PyTree, counts: Array, n_rows: int) -> PyTree:
    """Give each row the globals of its graph: pytree of [n_graphs, ...] -> pytree of [n_rows, ...]."""
    if not leaves(globals_):
        return globals_
    if counts.shape[0] == 1:
        return tree_map(lambda leaf: ops.xp.broadcast_to(leaf, (n_rows, *leaf.shape[1:])), globals_)
    ids = ops.graph_ids(counts, n_rows)
    return tree_map(lambda leaf: ops.gather(leaf, ids), globals_)


def pool(ops: GraphOps, how: str | Reducer | None, pytree: PyTree, counts: Array) -> PyTree:
    """Aggregate the rows of each graph: pytree of [n_rows, ...] -> pytree of [n_graphs, ...]; None where `how` is."""
    rows = leaves(pytree)
    if how is None or not rows:
        return None if how is None else pytree
    if counts.shape[0] == 1 and how == "sum":
        return tree_map(lambda leaf: ops.xp.sum(leaf, axis=0, keepdims=True), pytree)
    ids = ops.graph_ids(counts, rows[0].shape[0])
    return tree_map(lambda leaf: reducer(ops, how)(leaf, ids, counts.shape[0]), pytree)


def _reduce(ops: GraphOps, how: str | Reducer | None, pytree: PyTree, ids: Array, n: int) -> PyTree:
    return None if how is None else tree_map(lambda leaf: reducer(ops, how)(leaf, ids, n), pytree)
