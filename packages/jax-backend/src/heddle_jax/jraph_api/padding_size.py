"""How much of a graph is padding, told from its counts and edges, inside jit too."""

import jax.numpy as jnp
from jax import Array

from heddle_jax.jraph_api.graphs_tuple import GraphsTuple


def get_number_of_padding_with_graphs_graphs(padded_graph: GraphsTuple) -> Array:
    """Return how many of the graphs are padding: the last one with nodes and the empty ones after it.

    A graph doesn't say whether it was padded, so this is told from what `pad_with_graphs` leaves: empty graphs at the
    end, or a last graph whose edges, if it has any, all run from its first node to itself. Where neither is so, or
    where there is one graph only, nothing is padding and the answer is 0.
    """
    n_node = jnp.asarray(padded_graph.n_node)
    if n_node.shape[0] < 2:
        return jnp.zeros((), jnp.int32)
    trailing = jnp.argmin(n_node[::-1] == 0).astype(jnp.int32)
    padded = (trailing > 0) | _ends_in_loops(padded_graph)
    return jnp.where(padded, trailing + 1, jnp.zeros_like(trailing))


def get_number_of_padding_with_graphs_nodes(padded_graph: GraphsTuple) -> Array:
    """Return how many of the nodes are padding, 0 for a graph that isn't padded."""
    return _of_padding_graph(padded_graph, padded_graph.n_node)


def get_number_of_padding_with_graphs_edges(padded_graph: GraphsTuple) -> Array:
    """Return how many of the edges are padding, 0 for a graph that isn't padded."""
    return _of_padding_graph(padded_graph, padded_graph.n_edge)


def _of_padding_graph(graph: GraphsTuple, counts: Array) -> Array:
    counts, n_padding = jnp.asarray(counts), get_number_of_padding_with_graphs_graphs(graph)
    if not counts.shape[0]:
        return jnp.zeros((), counts.dtype)
    first = counts[-jnp.maximum(n_padding, jnp.ones_like(n_padding))]
    return jnp.where(n_padding > 0, first, jnp.zeros_like(first))


def _ends_in_loops(graph: GraphsTuple) -> Array:
    """Tell whether each edge of the last graph is a loop on that graph's first node."""
    senders, receivers = jnp.asarray(graph.senders), jnp.asarray(graph.receivers)
    n_node, n_edge = (jnp.asarray(counts, senders.dtype) for counts in (graph.n_node, graph.n_edge))
    first_node = jnp.sum(n_node[:-1], dtype=senders.dtype)
    loops = (senders == first_node) & (receivers == first_node)
    others = jnp.arange(len(senders), dtype=senders.dtype) < len(senders) - n_edge[-1]
    return jnp.all(loops | others)
