"""GAT by Jraph's name and arguments, and attention logits that are computed once per node."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from heddle.errors import GraphError
from heddle.nn.layers.graph_block import graph_network
from heddle_jax.jraph_api.functions import (
    EdgeFeatures,
    GATAttentionLogitFn,
    GATAttentionQueryFn,
    GATNodeUpdateFn,
    GraphFn,
)
from heddle_jax.jraph_api.graphs_tuple import EDGES, GraphsTuple, as_given, on_device, to_graph
from heddle_jax.jraph_api.segments import DroppingOps, as_float, segment_softmax, segment_sum


class NodeLogits(NamedTuple):
    """Attention logits that are a sum over an edge's two ends: `activation(sender(q[s]) + receiver(q[r]))`.

    Given to `GAT` in place of a function of edges, both parts are computed per node instead of per edge. Not in Jraph.

    Attributes:
        sender, receiver: (queries [n_nodes, ...]) -> [n_nodes, ...].
        activation: on the sum, per edge.
    """

    sender: Callable[[Array], Array]
    receiver: Callable[[Array], Array]
    activation: Callable[[Array], Array] = jax.nn.leaky_relu


def GAT(
    attention_query_fn: GATAttentionQueryFn,
    attention_logit_fn: GATAttentionLogitFn | NodeLogits,
    node_update_fn: GATNodeUpdateFn | None = None,
) -> GraphFn:
    """Return graph -> graph with nodes' = update(sum of the senders' queries, weighted by attention).

    Source: Velickovic et al., Graph Attention Networks (2018). Loops are not added: a graph without them gives a node
    nothing of its own. Edges and globals stay as they are.

    Args:
        attention_query_fn: nodes [n_nodes, ...] -> queries [n_nodes, ...].
        attention_logit_fn: (sent, received, edges) -> logits per edge that broadcast against the queries; or
            `NodeLogits`.
        node_update_fn: on the sums; None for leaky_relu with heads side by side.

    Raises:
        GraphError: no node features, or no senders or receivers.
    """
    update = node_update_fn or _side_by_side

    def apply(graph: GraphsTuple) -> GraphsTuple:
        if not _is_array(graph.nodes):
            raise GraphError(
                "GAT requires node features: found none, expected [n_nodes, ...]; give each node a 1"
            )
        given, ops = graph, DroppingOps()
        graph = on_device(graph, EDGES, "GAT: ")
        queries = as_float(attention_query_fn(graph.nodes))

        def logits(_: EdgeFeatures, sent: Array, received: Array, __: None) -> Array:
            if not isinstance(attention_logit_fn, NodeLogits):
                return attention_logit_fn(sent, received, graph.edges)
            from_sender = ops.gather(attention_logit_fn.sender(queries), graph.senders)
            from_receiver = ops.gather(attention_logit_fn.receiver(queries), graph.receivers)
            return attention_logit_fn.activation(from_sender + from_receiver)

        attended = graph_network(
            ops,
            to_graph(graph._replace(nodes=queries, edges=None, globals=None)),
            lambda _, sent, __, ___: sent,
            lambda _, __, received, ___: update(received),
            aggregate_received=segment_sum,
            attention_logit=logits,
            attention_reduce=lambda sent, weights: sent * weights,
            attention_normalise=segment_softmax,
        )
        return as_given(graph._replace(nodes=attended.nodes), given)

    return apply


def _is_array(value: Any) -> bool:
    """Tell whether `value` is an array with rows, rather than a pytree or nothing."""
    return bool(getattr(value, "ndim", 0))


def _side_by_side(nodes: Array) -> Array:
    return jnp.reshape(jax.nn.leaky_relu(nodes), (nodes.shape[0], -1))
