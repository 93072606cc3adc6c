"""Graph networks by Jraph's names and arguments: core's block, on pytrees of any kind."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from heddle.errors import ConfigError, GraphError, problem
from heddle.nn.layers import graph_block
from heddle_jax.jraph_api.batching import packed, unpacked
from heddle_jax.jraph_api.functions import (
    AggregateEdgesToGlobalsFn,
    AggregateEdgesToNodesFn,
    AggregateNodesToGlobalsFn,
    AttentionLogitFn,
    AttentionNormalizeFn,
    AttentionReduceFn,
    EmbedEdgeFn,
    EmbedGlobalFn,
    EmbedNodeFn,
    GNUpdateEdgeFn,
    GNUpdateGlobalFn,
    GNUpdateNodeFn,
    GraphFn,
    InteractionUpdateEdgeFn,
    InteractionUpdateNodeFn,
)
from heddle_jax.jraph_api.graphs_tuple import COUNTS, GraphsTuple, as_given, check_nodes, on_device
from heddle_jax.jraph_api.pytrees import on_packed
from heddle_jax.jraph_api.segments import DroppingOps, segment_softmax, segment_sum


def GraphNetwork(
    update_edge_fn: GNUpdateEdgeFn | None,
    update_node_fn: GNUpdateNodeFn | None,
    update_global_fn: GNUpdateGlobalFn | None = None,
    aggregate_edges_for_nodes_fn: AggregateEdgesToNodesFn = segment_sum,
    aggregate_nodes_for_globals_fn: AggregateNodesToGlobalsFn = segment_sum,
    aggregate_edges_for_globals_fn: AggregateEdgesToGlobalsFn = segment_sum,
    attention_logit_fn: AttentionLogitFn | None = None,
    attention_normalize_fn: AttentionNormalizeFn | None = segment_softmax,
    attention_reduce_fn: AttentionReduceFn | None = None,
    *,
    include_sent_messages_in_node_update: bool = True,
) -> GraphFn:
    """Return graph -> graph: update edges, then nodes, then globals; no function leaves its part as it is.

    Source: Battaglia et al. (2018), algorithm 1, with attention over the edges a node receives.

    Args:
        update_edge_fn: (edges, sent, received, globals) -> edges.
        update_node_fn: (nodes, sent, received, globals) -> nodes, with edges aggregated by sender and by receiver.
        update_global_fn: (nodes, edges, globals) -> globals, with nodes and edges aggregated by graph.
        aggregate_*_fn: (rows, segment_ids, num_segments) -> [num_segments, ...], leaf by leaf.
        attention_logit_fn: (edges, sent, received, globals) -> logits.
        attention_normalize_fn: (logits, segment_ids=..., num_segments=...) -> weights, leaf by leaf.
        attention_reduce_fn: (edges, weights) -> edges.
        include_sent_messages_in_node_update: whether `update_node_fn` has use for `sent`; it gets None otherwise,
            and nothing is aggregated by sender. Not in Jraph.

    Raises:
        ValueError: one of `attention_logit_fn` and `attention_reduce_fn` without the other.
    """
    if (attention_logit_fn is None) != (attention_reduce_fn is None):
        raise ConfigError(
            "GraphNetwork: found one alone, but attention_logit_fn and attention_reduce_fn must both be supplied; "
            "give both or none"
        )
    aggregate_sent = aggregate_edges_for_nodes_fn if include_sent_messages_in_node_update else None
    normalise = attention_normalize_fn or segment_softmax
    updates_nodes, updates_globals = update_node_fn is not None, update_global_fn is not None
    needs = _needs(
        update_edge_fn is not None or attention_logit_fn is not None,
        updates_nodes,
        updates_nodes,
        updates_globals,
        updates_globals,
    )

    def apply(graph: GraphsTuple) -> GraphsTuple:
        return _run(
            graph_block.graph_network,
            needs,
            graph,
            on_packed(update_edge_fn),
            on_packed(update_node_fn),
            on_packed(update_global_fn),
            aggregate_sent=aggregate_sent,
            aggregate_received=aggregate_edges_for_nodes_fn,
            aggregate_nodes=_pooled(aggregate_nodes_for_globals_fn),
            aggregate_edges=_pooled(aggregate_edges_for_globals_fn),
            attention_logit=on_packed(attention_logit_fn),
            attention_reduce=on_packed(attention_reduce_fn),
            attention_normalise=lambda logits, ids, n: normalise(logits, segment_ids=ids, num_segments=n),
        )

    return apply


def InteractionNetwork(
    update_edge_fn: InteractionUpdateEdgeFn,
    update_node_fn: InteractionUpdateNodeFn,
    aggregate_edges_for_nodes_fn: AggregateEdgesToNodesFn = segment_sum,
    include_sent_messages_in_node_update: bool = False,
) -> GraphFn:
    """Return graph -> graph: a GraphNetwork without globals (Battaglia et al. 2016).

    Args:
        update_edge_fn: (edges, sent, received) -> edges.
        update_node_fn: (nodes, received) -> nodes; (nodes, sent, received) with
            `include_sent_messages_in_node_update`.
    """

    def apply(graph: GraphsTuple) -> GraphsTuple:
        updated = _run(
            graph_block.interaction_network,
            _needs(True, True, False, False, False),
            graph._replace(globals=None),
            on_packed(update_edge_fn),
            on_packed(update_node_fn),
            aggregate=aggregate_edges_for_nodes_fn,
            include_sent=include_sent_messages_in_node_update,
        )
        return updated._replace(globals=graph.globals)

    return apply


def RelationNetwork(
    update_edge_fn: Callable[[Any, Any], Any],
    update_global_fn: Callable[[Any], Any],
    aggregate_edges_for_globals_fn: AggregateEdgesToGlobalsFn = segment_sum,
) -> GraphFn:
    """Return graph -> graph: edges of (sent, received), globals of the aggregated edges (Santoro et al. 2017).

    Args:
        update_edge_fn: (sent [n_edges, ...], received [n_edges, ...]) -> edges.
        update_global_fn: (aggregated edges [n_graphs, ...]) -> globals.
        aggregate_edges_for_globals_fn: (edges, graph of each edge, number of graphs) -> [n_graphs, ...].
    """

    def apply(graph: GraphsTuple) -> GraphsTuple:
        return _run(
            graph_block.relation_network,
            _needs(True, False, False, False, True),
            graph,
            on_packed(update_edge_fn),
            on_packed(update_global_fn),
            aggregate=_pooled(aggregate_edges_for_globals_fn),
        )

    return apply


def DeepSets(
    update_node_fn: Callable[[Any, Any], Any],
    update_global_fn: Callable[[Any], Any],
    aggregate_nodes_for_globals_fn: AggregateNodesToGlobalsFn = segment_sum,
) -> GraphFn:
    """Return graph -> graph with nodes of (nodes, globals) and globals of the aggregated nodes (Zaheer et al. 2017).

    Args:
        update_node_fn: (nodes [n_nodes, ...], their graph's globals [n_nodes, ...]) -> nodes.
        update_global_fn: (aggregated nodes [n_graphs, ...]) -> globals.
        aggregate_nodes_for_globals_fn: (nodes, graph of each node, number of graphs) -> [n_graphs, ...].
    """

    def apply(graph: GraphsTuple) -> GraphsTuple:
        return _run(
            graph_block.deep_sets,
            _needs(False, False, True, True, False),
            graph,
            on_packed(update_node_fn),
            on_packed(update_global_fn),
            aggregate=_pooled(aggregate_nodes_for_globals_fn),
        )

    return apply


def GraphNetGAT(
    update_edge_fn: GNUpdateEdgeFn | None,
    update_node_fn: GNUpdateNodeFn | None,
    attention_logit_fn: AttentionLogitFn,
    attention_reduce_fn: AttentionReduceFn,
    update_global_fn: GNUpdateGlobalFn | None = None,
    aggregate_edges_for_nodes_fn: AggregateEdgesToNodesFn = segment_sum,
    aggregate_nodes_for_globals_fn: AggregateNodesToGlobalsFn = segment_sum,
    aggregate_edges_for_globals_fn: AggregateEdgesToGlobalsFn = segment_sum,
) -> GraphFn:
    """Return graph -> graph: a GraphNetwork whose attention functions are not optional, see there for the arguments.

    Args:
        attention_logit_fn: (edges, sent, received, globals) -> logits [n_edges, ...].
        attention_reduce_fn: (edges, weights) -> edges, for what is aggregated.

    Raises:
        ValueError: one of the attention functions is None.
    """
    if attention_logit_fn is None or attention_reduce_fn is None:
        raise ConfigError(
            "GraphNetGAT: found None, expected attention_logit_fn and attention_reduce_fn; "
            "`None` value not supported, use GraphNetwork without attention"
        )
    return GraphNetwork(
        update_edge_fn,
        update_node_fn,
        update_global_fn,
        aggregate_edges_for_nodes_fn,
        aggregate_nodes_for_globals_fn,
        aggregate_edges_for_globals_fn,
        attention_logit_fn=attention_logit_fn,
        attention_reduce_fn=attention_reduce_fn,
    )


def GraphMapFeatures(
    embed_edge_fn: EmbedEdgeFn | None = None,
    embed_node_fn: EmbedNodeFn | None = None,
    embed_global_fn: EmbedGlobalFn | None = None,
) -> GraphFn:
    """Return graph -> graph with each of edges, nodes and globals through its own function; None changes nothing."""

    def apply(graph: GraphsTuple) -> GraphsTuple:
        return graph._replace(
            nodes=embed_node_fn(graph.nodes) if embed_node_fn else graph.nodes,
            edges=embed_edge_fn(graph.edges) if embed_edge_fn else graph.edges,
            globals=embed_global_fn(graph.globals) if embed_global_fn else graph.globals,
        )

    return apply


def _run(
    block: Callable[..., Any],
    needs: Callable[[GraphsTuple], Iterator[str]],
    graph: GraphsTuple,
    *functions: Any,
    **options: Any,
) -> GraphsTuple:
    """Apply one of core's blocks, which know a graph by its fields' names, to a graph of any arrays.

    Args:
        needs: graph -> ids and counts that the block reads; the others may be None.
    """
    given, needed = graph, tuple(needs(graph))
    graph = on_device(graph, needed)
    check_nodes(graph)
    _check_globals(graph, needed)
    return as_given(unpacked(block(DroppingOps(), packed(graph), *functions, **options)), given)


def _needs(
    to_edges: bool,
    edges_to_nodes: bool,
    globals_to_nodes: bool,
    nodes_to_globals: bool,
    edges_to_globals: bool,
) -> Callable[[GraphsTuple], Iterator[str]]:
    """Return graph -> the ids and counts that these ways of features through a network read.

    Args:
        to_edges: nodes and globals to new edges, or to attention.
        edges_to_nodes, globals_to_nodes, nodes_to_globals, edges_to_globals: what is aggregated or spread.
    """

    def needs(graph: GraphsTuple) -> Iterator[str]:
        edges, globals_ = to_edges or bool(jax.tree.leaves(graph.edges)), bool(jax.tree.leaves(graph.globals))
        if to_edges or (edges_to_nodes and edges):
            yield from ("senders", "receivers")
        if (globals_to_nodes and globals_) or nodes_to_globals:
            yield "n_node"
        if (to_edges and globals_) or (edges_to_globals and edges):
            yield "n_edge"

    return needs


def _pooled(aggregate: Any) -> Any:
    """Return what core pools with: its own sum for Jraph's, which is faster for a single graph."""
    return "sum" if aggregate is segment_sum else aggregate


def _check_globals(graph: GraphsTuple, needed: Sequence[str]) -> None:
    for field in (field for field in needed if field in COUNTS):
        n_graphs = getattr(graph, field).shape[0]
        for leaf in jax.tree.leaves(graph.globals):
            if leaf.shape[0] not in (1, n_graphs):  # one row stands for all, as in Jraph
                expected = f"{n_graphs}, one for each graph of {field}"
                raise GraphError(problem("globals: rows", leaf.shape[0], expected, "give each graph one"))
