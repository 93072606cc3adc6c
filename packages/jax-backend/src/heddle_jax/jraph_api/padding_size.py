"""How much of a graph is padding: what padding wrote into the counts, read by Jraph's rule, inside jit too."""

import jax.numpy as jnp
from jax import Array

from heddle.errors import GraphError, problem
from heddle_jax.jraph_api.graphs_tuple import GraphsTuple, counts


def get_number_of_padding_with_graphs_graphs(padded_graph: GraphsTuple) -> Array:
    """Return how many of the graphs are padding, an int []: the last one with nodes and the empty ones after it.

    `n_node` says it, and nothing that is done to features or edges changes it. Nothing says that a batch was *not*
    padded: of such a batch the last graph is taken for padding, as Jraph does; ask about graphs that were padded.
    A graph by itself holds no padding, since padding is a graph of its own: 0.

    Raises:
        GraphError: `n_node` is None.
    """
    n_node = counts(padded_graph, "n_node")
    if n_node.shape[0] < 2:
        return jnp.zeros((), jnp.int32)
    trailing = jnp.argmin(n_node[::-1] == 0).astype(jnp.int32)
    return trailing + jnp.ones_like(trailing)


def get_number_of_padding_with_graphs_nodes(padded_graph: GraphsTuple) -> Array:
    """Return how many of the nodes of a padded graph are padding, an int []; 0 for a graph by itself.

    Raises:
        GraphError: `n_node` is None.
    """
    return _of_padding_graph(padded_graph, counts(padded_graph, "n_node"))


def get_number_of_padding_with_graphs_edges(padded_graph: GraphsTuple) -> Array:
    """Return how many of the edges of a padded graph are padding, an int []; 0 for a graph by itself.

    Raises:
        GraphError: `n_node` or `n_edge` is None, or they count different numbers of graphs.
    """
    return _of_padding_graph(padded_graph, counts(padded_graph, "n_edge"))


def _of_padding_graph(graph: GraphsTuple, sizes: Array) -> Array:
    n_graphs = counts(graph, "n_node").shape[0]
    if sizes.shape[0] != n_graphs:
        expected = f"counts of {n_graphs} graphs as in n_node"
        raise GraphError(problem("n_edge", f"counts of {sizes.shape[0]}", expected, "count every graph"))
    if n_graphs < 2:
        return jnp.zeros((), sizes.dtype)
    return sizes[-get_number_of_padding_with_graphs_graphs(graph)]
