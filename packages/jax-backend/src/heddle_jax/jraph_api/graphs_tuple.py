"""GraphsTuple: Jraph's container with its order of fields, and the way to core's Graph and back."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle.errors import GraphError, problem
from heddle.graph import Graph
from heddle_jax.ops import JaxOps

ArrayTree = Any
"""Arrays in any nest that JAX knows: dicts, tuples, lists, dataclasses registered as pytrees ...; or None."""


IDS = ("receivers", "senders", "n_node", "n_edge")
"""Fields of integers; the others are nests of features."""


class GraphsTuple(NamedTuple):
    """One graph, or several as one batch; `heddle.graph.Graph` with `receivers` before `senders`.

    Attributes:
        nodes: nest of [n_nodes, ...]; None for a graph without node features.
        edges: nest of [n_edges, ...]; None for edges without features.
        receivers: [n_edges] int, the node an edge enters.
        senders: [n_edges] int, the node an edge leaves.
        globals: nest of [n_graphs, ...], or None.
        n_node: [n_graphs] int, nodes of each graph.
        n_edge: [n_graphs] int, edges of each graph.
    """

    nodes: ArrayTree
    edges: ArrayTree
    receivers: Any
    senders: Any
    globals: ArrayTree
    n_node: Any
    n_edge: Any


def to_graph(graph: GraphsTuple) -> Graph:
    """Return core's Graph of the same arrays."""
    return Graph(**graph._asdict())


def from_graph(graph: Graph) -> GraphsTuple:
    """Return the GraphsTuple of the same arrays; a GraphsTuple as it is."""
    return GraphsTuple(**graph._asdict())


def is_traced(graph: Any) -> bool:
    """Tell whether a nest holds values that only a running jit, grad or vmap knows."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(graph))


def on_host(graph: GraphsTuple) -> GraphsTuple:
    """Return the graph in numpy, its ids and counts as integer arrays.

    Raises:
        GraphError: ids or counts of another kind; an empty array of floats is taken for no ids.
    """
    features = jax.device_get((graph.nodes, graph.edges, graph.globals))
    nodes, edges, globals_ = jax.tree.map(np.asarray, features)
    ids = {field: _integers(np.asarray(jax.device_get(getattr(graph, field))), field) for field in IDS}
    return GraphsTuple(nodes=nodes, edges=edges, globals=globals_, **ids)


def on_device(graph: GraphsTuple) -> GraphsTuple:
    """Return the graph as JAX arrays, its ids and counts as integers.

    Raises:
        GraphError: ids or counts of another kind, or beyond 32 bits while JAX's 64-bit mode is off.
    """
    nodes, edges, globals_ = jax.tree.map(_array, (graph.nodes, graph.edges, graph.globals))
    ids = {field: _integers(_array(getattr(graph, field)), field) for field in IDS}
    return GraphsTuple(nodes=nodes, edges=edges, globals=globals_, **ids)


def num_nodes(graph: GraphsTuple) -> Any:
    """Count nodes: known from shapes where nodes have features, else the sum of `n_node`."""
    rows = jax.tree.leaves(graph.nodes)
    return rows[0].shape[0] if rows else jnp.sum(graph.n_node)


def _array(value: Any) -> jax.Array:
    """Return a JAX array of anything that is one, or a list of numbers."""
    return value if isinstance(value, jax.Array) else JaxOps().asarray(np.asarray(value))


def _integers(array: Any, field: str) -> Any:
    if array.size == 0 and not np.issubdtype(array.dtype, np.integer):
        return array.astype(np.int32)
    if not np.issubdtype(array.dtype, np.integer):
        raise GraphError(problem(field, f"dtype {array.dtype}", "integers", "cast with astype('int32')"))
    return array
