"""Padding: graphs at fixed sizes, with a graph for the padding at the end, as Jraph does it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import BudgetError, GraphError
from heddle.graphs.batch import Budget, Padded, pad, unpad
from heddle_jax.jraph_api.batching import batch, packed, unpacked
from heddle_jax.jraph_api.graphs_tuple import (
    COUNTS,
    ArrayTree,
    GraphsTuple,
    counts,
    id_dtype,
    is_traced,
    num_nodes,
    on_device,
    on_host,
    require,
    to_graph,
)
from heddle_jax.jraph_api.padding_size import (
    get_number_of_padding_with_graphs_edges,
    get_number_of_padding_with_graphs_graphs,
    get_number_of_padding_with_graphs_nodes,
)


class TooLarge(BudgetError, RuntimeError):
    """A graph is larger than the sizes it was to be padded to; a RuntimeError, as Jraph raises."""


def pad_with_graphs(graph: GraphsTuple, n_node: int, n_edge: int, n_graph: int = 2) -> GraphsTuple:
    """Return the graph at the given sizes: a graph with all padding nodes and edges follows, then empty ones.

    In numpy outside jit, in JAX inside. Padding features are zeros; padding edges run from the first padding node to
    itself.

    Args:
        n_node: more than the graph has, since there is always a padding node.
        n_edge: at least what the graph has.
        n_graph: more than the graph has, and at least 2.

    Raises:
        ValueError: `n_graph` below 2.
        TooLarge: a size that doesn't hold the graph.
        GraphError: an id or a count that is None.
    """
    if n_graph < 2:
        raise BudgetError(
            f"pad_with_graphs: found n_graph {n_graph}, expected at least 2: one graph and one for the padding; "
            "raise n_graph"
        )
    traced, where = is_traced(graph), "pad_with_graphs: "
    graph = on_device(graph, where=where) if traced else on_host(graph, where=where)
    padding = Budget(
        n_node - _sum(graph, "n_node"), n_edge - _sum(graph, "n_edge"), n_graph - len(graph.n_node)
    )
    if not traced or jax.tree.leaves(graph.nodes):
        _check_room(padding)
    if traced:
        return batch([graph, _padding_graph(graph, padding)])
    return unpacked(pad(to_graph(packed(graph)), Budget(int(n_node), int(n_edge), int(n_graph))).graph)


def unpad_with_graphs(padded_graph: GraphsTuple) -> GraphsTuple:
    """Return the graph without its padding; not inside jit, since its sizes are data.

    The last graph with nodes is taken for padding (see `get_number_of_padding_with_graphs_graphs`): unpad what was
    padded, once.

    Raises:
        GraphError: a graph inside jit; counts that are None.
    """
    if is_traced(padded_graph):
        raise GraphError(
            "unpad_with_graphs: found a graph inside jit, expected concrete sizes; unpad outside jit"
        )
    graph = on_host(padded_graph, COUNTS, "unpad_with_graphs: ")
    n_edges = int(np.sum(graph.n_edge)) if graph.senders is None else len(graph.senders)
    masks = (
        np.arange(size) < size - int(padding(graph))
        for size, padding in (
            (int(num_nodes(graph)), get_number_of_padding_with_graphs_nodes),
            (n_edges, get_number_of_padding_with_graphs_edges),
            (len(graph.n_node), get_number_of_padding_with_graphs_graphs),
        )
    )
    whole = unpacked(unpad(Padded(to_graph(packed(graph)), *masks)))
    device = any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(padded_graph))
    return jax.tree.map(jnp.asarray, whole) if device else whole


def get_node_padding_mask(padded_graph: GraphsTuple) -> Array:
    """Return [n_nodes] bool, False for padding; inside jit too.

    Raises:
        ValueError: no node features, whose first axis would tell the number of nodes.
    """
    if not jax.tree.leaves(padded_graph.nodes):
        raise GraphError(
            "get_node_padding_mask: found no node features, expected at least one array of node features; "
            "give the nodes an array with a row each"
        )
    return _mask(num_nodes(padded_graph), get_number_of_padding_with_graphs_nodes(padded_graph))


def get_edge_padding_mask(padded_graph: GraphsTuple) -> Array:
    """Return [n_edges] bool, False for padding; inside jit too.

    Padding edges come last, as many as `n_edge` says: take the mask before edges are appended or put in another order.

    Raises:
        GraphError: senders or a count that is None.
    """
    require(padded_graph, ("senders",), "get_edge_padding_mask: ")
    return _mask(padded_graph.senders.shape[0], get_number_of_padding_with_graphs_edges(padded_graph))


def get_graph_padding_mask(padded_graph: GraphsTuple) -> Array:
    """Return [n_graphs] bool, False for padding; inside jit too.

    Raises:
        GraphError: `n_node` is None.
    """
    n_graphs = counts(padded_graph, "n_node", "get_graph_padding_mask: ").shape[0]
    return _mask(n_graphs, get_number_of_padding_with_graphs_graphs(padded_graph))


def zero_out_padding(graph: GraphsTuple) -> GraphsTuple:
    """Return the graph with 0 for every feature of its padding, whatever was there: infinities and NaN, too."""

    def zeroed(pytree: ArrayTree, mask: Callable[[GraphsTuple], Array]) -> ArrayTree:
        if not jax.tree.leaves(pytree):
            return pytree
        real = mask(graph)

        def zero(leaf: Any) -> Array:
            rows = jnp.expand_dims(real, range(1, leaf.ndim))
            return jnp.where(rows, leaf, jnp.zeros_like(leaf))

        return jax.tree.map(zero, pytree)

    return graph._replace(
        nodes=zeroed(graph.nodes, get_node_padding_mask),
        edges=zeroed(graph.edges, get_edge_padding_mask),
        globals=zeroed(graph.globals, get_graph_padding_mask),
    )


def with_zero_out_padding_outputs(
    graph_net: Callable[[GraphsTuple], GraphsTuple],
) -> Callable[[GraphsTuple], GraphsTuple]:
    """Return graph -> zero_out_padding(graph_net(graph))."""

    @wraps(graph_net)
    def zeroed(graph: GraphsTuple) -> GraphsTuple:
        return zero_out_padding(graph_net(graph))

    return zeroed


def _sum(graph: GraphsTuple, field: str) -> Any:
    """Return the number of nodes or edges, from shapes where counts are traced."""
    if field == "n_edge":
        return graph.senders.shape[0]
    return num_nodes(graph) if is_traced(graph) else int(np.sum(graph.n_node))


def _check_room(padding: Budget) -> None:
    if padding.n_node < 1 or padding.n_edge < 0 or padding.n_graph < 1:
        raise TooLarge(
            f"pad_with_graphs: the graph is too large for the padding: {padding.n_node} nodes, {padding.n_edge} edges "
            f"and {padding.n_graph} graphs are left, expected at least 1, 0 and 1; raise n_node, n_edge or n_graph"
        )


def _padding_graph(graph: GraphsTuple, padding: Budget) -> GraphsTuple:
    """Return what is appended inside jit: one graph with all padding, then empty ones."""

    def zeros(pytree: ArrayTree, rows: Any) -> ArrayTree:
        return jax.tree.map(lambda leaf: jnp.zeros((rows, *leaf.shape[1:]), leaf.dtype), pytree)

    def sizes(value: Any, like: Array) -> Array:
        return jnp.zeros(padding.n_graph, like.dtype).at[0].set(jnp.asarray(value, like.dtype))

    loops = jnp.zeros(padding.n_edge, graph.senders.dtype)
    return GraphsTuple(
        zeros(graph.nodes, padding.n_node),
        zeros(graph.edges, padding.n_edge),
        loops,
        loops,
        zeros(graph.globals, padding.n_graph),
        sizes(padding.n_node, graph.n_node),
        sizes(padding.n_edge, graph.n_edge),
    )


def _mask(size: Any, padding: Array) -> Array:
    padding = padding.astype(id_dtype(padding.dtype, 2**31))  # positions needn't fit into the counts' type
    return jnp.arange(size, dtype=padding.dtype) < size - padding
