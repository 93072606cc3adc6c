"""GraphConvolution by Jraph's name and arguments, and its operator, built once per graph."""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import GraphError, problem
from heddle.graphs.adjacency import build_adjacency
from heddle.ops.propagation import Propagation, aggregate
from heddle_jax.jraph_api.functions import AggregateEdgesToNodesFn, NodeFeatures
from heddle_jax.jraph_api.graphs_tuple import (
    EDGES,
    GraphsTuple,
    as_given,
    check_nodes,
    id_dtype,
    num_nodes,
    on_device,
    on_host,
)
from heddle_jax.jraph_api.segments import DroppingOps, as_float, segment_sum
from heddle_jax.ops import segments
from heddle_jax.ops.jax_ops import JaxOps


class Convolution(Protocol):
    """What `GraphConvolution` returns: graph -> graph, faster with what `convolution_propagation` prepared."""

    def __call__(self, graph: GraphsTuple, propagation: Propagation | None = None) -> GraphsTuple: ...


def GraphConvolution(
    update_node_fn: Callable[[NodeFeatures], NodeFeatures],
    aggregate_nodes_fn: AggregateEdgesToNodesFn = segment_sum,
    add_self_edges: bool = False,
    symmetric_normalization: bool = True,
) -> Convolution:
    """Return graph -> graph with nodes' = D_r^-1/2 A D_s^-1/2 update(nodes), D_s and D_r counting edges by either end.

    Source: Kipf & Welling (2017), eq. 2. A count of 0 is taken for 1. Edges and globals stay as they are.

    Args:
        update_node_fn: pytree of [n_nodes, ...] -> pytree of [n_nodes, ...] with any number of axes.
        aggregate_nodes_fn: (rows, segment_ids, num_segments) -> [num_segments, ...], leaf by leaf; a `propagation`
            holds the sum and nothing else.
        add_self_edges: add a loop to every node, also to one that has a loop.
        symmetric_normalization: False leaves both D out.

    Raises:
        GraphError: no senders, receivers or features of nodes; a number of nodes that nothing tells.
    """

    def apply(graph: GraphsTuple, propagation: Propagation | None = None) -> GraphsTuple:
        given, ops = graph, DroppingOps()
        graph = on_device(graph, EDGES if propagation is None else (), "GraphConvolution: ")
        nodes = update_node_fn(graph.nodes)
        if nodes is None:
            expected = "features of nodes, [n_nodes, ...]"
            raise GraphError(problem("GraphConvolution: nodes", None, expected, "give each node some"))
        if symmetric_normalization:
            nodes = jax.tree.map(as_float, nodes)
        if propagation is not None:
            return as_given(
                graph._replace(nodes=jax.tree.map(lambda x: _aggregated(propagation, x), nodes)), given
            )
        check_nodes(graph._replace(nodes=nodes))
        n = num_nodes(graph._replace(nodes=nodes))
        senders, receivers = _edges(jnp, graph, n, add_self_edges)

        def convolve(x: Array) -> Array:
            if symmetric_normalization:
                x = x * _scale(senders, n, x)
            y = aggregate_nodes_fn(ops.gather(x, senders), receivers, n)
            return y * _scale(receivers, n, y) if symmetric_normalization else y

        return as_given(graph._replace(nodes=jax.tree.map(convolve, nodes)), given)

    return apply


def convolution_propagation(
    graph: GraphsTuple, add_self_edges: bool = False, symmetric_normalization: bool = True
) -> Propagation:
    """Return the operator of `GraphConvolution` on a graph with concrete edges: sorted once, degrees counted once.

    Not in Jraph. Weights are in JAX's default float dtype.

    Raises:
        GraphError: no senders or receivers; a number of nodes that nothing tells.
    """
    host = on_host(graph, EDGES, "convolution_propagation: ")
    check_nodes(host)
    n = int(num_nodes(host))
    adjacency = build_adjacency(*_edges(np, host, n, add_self_edges), n, n)
    weight = None
    if symmetric_normalization:
        scales = (1 / np.sqrt(np.maximum(np.bincount(ids, minlength=n), 1)) for ids in adjacency[:2])
        weight = np.prod([scale[ids] for scale, ids in zip(scales, adjacency[:2])], axis=0)
    return jax.tree.map(JaxOps().asarray, Propagation(adjacency, weight))


def _aggregated(propagation: Propagation, x: Array) -> Array:
    weight = None if propagation.weight is None else propagation.weight.astype(x.dtype)
    return aggregate(JaxOps(), propagation._replace(weight=weight), x)


def _edges(xp: Any, graph: GraphsTuple, n: int, add_self_edges: bool) -> tuple[Any, Any]:
    """Return senders and receivers, with a loop for each node after them if asked."""
    if not add_self_edges:
        return graph.senders, graph.receivers
    dtype = id_dtype(graph.senders.dtype, n)
    loops = xp.arange(n, dtype=dtype)
    return tuple(xp.concatenate([ids.astype(dtype), loops]) for ids in (graph.senders, graph.receivers))


def _scale(ids: Array, n: int, like: Array) -> Array:
    """Return 1 / sqrt(rows of each id, at least 1), shaped to multiply [n, ...] rows of `like`."""
    degree = segments.segment_count(ids, n)
    degree = jnp.maximum(degree, jnp.ones_like(degree)).astype(segments.wide_dtype(like.dtype))
    return jnp.expand_dims(jax.lax.rsqrt(degree).astype(like.dtype), range(1, like.ndim))
