"""GraphsTuple: Jraph's container with its order of fields, and the way to core's Graph and back."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Graph
from heddle_jax.ops.jax_ops import JaxOps

ArrayTree = Any
"""Arrays in any pytree that JAX knows: dicts, tuples, lists, dataclasses registered as pytrees ...; or None."""


IDS = ("receivers", "senders", "n_node", "n_edge")
"""Fields of integers; the others are pytrees of features."""

EDGES = ("senders", "receivers")
"""Fields that hold one id for each edge."""

COUNTS = ("n_node", "n_edge")
"""Fields that hold one integer for each graph; a count by itself is that of one graph."""

_EXPECTED = {
    "receivers": ("[n_edges] int", "give one id to each edge, np.zeros(0, 'int32') without edges"),
    "senders": ("[n_edges] int", "give one id to each edge, np.zeros(0, 'int32') without edges"),
    "n_node": ("[n_graphs] int", "give the number of nodes of each graph"),
    "n_edge": ("[n_graphs] int", "give the number of edges of each graph"),
}
"""What a field must hold where it can't be None, and what to do."""


class GraphsTuple(NamedTuple):
    """One graph, or several as one batch; `heddle.graphs.graph.Graph` with `receivers` before `senders`.

    Attributes:
        nodes: pytree of [n_nodes, ...]; None for a graph without node features.
        edges: pytree of [n_edges, ...]; None for edges without features.
        receivers: [n_edges] int, the node an edge enters.
        senders: [n_edges] int, the node an edge leaves.
        globals: pytree of [n_graphs, ...], or None.
        n_node: [n_graphs] int, nodes of each graph; a number by itself for one graph.
        n_edge: [n_graphs] int, edges of each graph; a number by itself for one graph.

    Any field may be None where nothing needs it; what needs it raises a GraphError that names the field.
    """

    nodes: ArrayTree
    edges: ArrayTree
    receivers: Any
    senders: Any
    globals: ArrayTree
    n_node: Any
    n_edge: Any


def to_graph(graph: GraphsTuple) -> Graph:
    """Return core's Graph of a GraphsTuple's arrays, without a copy."""
    return Graph(**graph._asdict())


def from_graph(graph: Graph) -> GraphsTuple:
    """Return the GraphsTuple of a Graph's arrays, without a copy."""
    return GraphsTuple(**graph._asdict())


def is_traced(graph: Any) -> bool:
    """Tell whether a pytree holds values that only a running jit, grad or vmap knows."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(graph))


def on_host(graph: GraphsTuple, needed: Sequence[str] = IDS, where: str = "") -> GraphsTuple:
    """Return the graph in numpy, its ids and counts as integer arrays.

    Args:
        needed: ids and counts that can't be None.
        where: what errors put before a field's name.

    Raises:
        GraphError: a needed field is None; ids or counts of another kind, or of another number of graphs. An empty
            array of floats is taken for no ids.
    """
    require(graph, needed, where)
    nodes, edges, globals_ = jax.tree.map(_host, (graph.nodes, graph.edges, graph.globals))
    ids = {field: _ids(graph, field, where, _host) for field in IDS}
    _check_counts(ids, needed, where)
    return GraphsTuple(nodes=nodes, edges=edges, globals=globals_, **ids)


def on_device(graph: GraphsTuple, needed: Sequence[str] = IDS, where: str = "") -> GraphsTuple:
    """Return the graph as JAX arrays, its ids and counts as integers.

    Args:
        needed: ids and counts that can't be None.
        where: what errors put before a field's name.

    Raises:
        GraphError: a needed field is None; ids or counts of another kind, of another number of graphs, or beyond 32
            bits while JAX's 64-bit mode is off.
    """
    require(graph, needed, where)
    nodes, edges, globals_ = jax.tree.map(_array, (graph.nodes, graph.edges, graph.globals))
    ids = {field: _ids(graph, field, where, _array) for field in IDS}
    _check_counts(ids, needed, where)
    return GraphsTuple(nodes=nodes, edges=edges, globals=globals_, **ids)


def require(graph: Any, fields: Sequence[str], where: str = "") -> None:
    """Check that none of `fields` is None.

    Raises:
        GraphError: names the first that is, after `where`.
    """
    for field in fields:
        if getattr(graph, field) is None:
            raise GraphError(problem(f"{where}{field}", None, *_EXPECTED[field]))


def counts(graph: GraphsTuple, field: str, where: str = "") -> jax.Array:
    """Return `n_node` or `n_edge` as a JAX array [n_graphs].

    Raises:
        GraphError: the field is None, or not of integers.
    """
    require(graph, (field,), where)
    ids: jax.Array = _ids(graph, field, where, jnp.asarray)
    return ids


def as_given(graph: GraphsTuple, given: GraphsTuple) -> GraphsTuple:
    """Return the graph with counts in the shape they were given in, a count by itself as such."""
    return graph._replace(
        **{
            field: jnp.reshape(getattr(graph, field), ())
            for field in COUNTS
            if getattr(given, field) is not None and not np.ndim(getattr(given, field))
        }
    )


def id_dtype(dtype: Any, n: int) -> Any:
    """Return the dtype of ids below `n`: `dtype`, or a wider one where they don't fit."""
    if n - 1 <= np.iinfo(dtype).max:
        return dtype
    return np.dtype(np.int32 if n <= 2**31 else np.int64)


def num_nodes(graph: GraphsTuple) -> Any:
    """Count nodes: known from shapes where nodes have features, else the sum of `n_node`."""
    rows = jax.tree.leaves(graph.nodes)
    return rows[0].shape[0] if rows else jnp.sum(graph.n_node)


def check_nodes(graph: GraphsTuple) -> None:
    """Check that the number of nodes is known, and is that of every array of node features.

    Raises:
        GraphError: arrays of different lengths; no features, while `n_node` is None or is known to a running jit alone.
    """
    rows = jax.tree.leaves(graph.nodes)
    for leaf in rows:
        if leaf.shape[0] != rows[0].shape[0]:
            raise GraphError(
                problem(
                    "nodes",
                    f"arrays of {rows[0].shape[0]} and {leaf.shape[0]} rows",
                    "all node arrays in pytree to contain the same number of nodes",
                    "give every node a row in each",
                )
            )
    if not rows:
        require(graph, ("n_node",))
    if not rows and is_traced(graph.n_node):
        raise GraphError(
            "nodes: found no features inside jit, expected an array that tells the number of nodes; "
            "give each node a 1"
        )


def _host(value: Any) -> np.ndarray:
    """Return a numpy array of anything that is one, or a list of numbers; numpy's own as it is."""
    return value if type(value) is np.ndarray else np.asarray(jax.device_get(value))


def _array(value: Any) -> jax.Array:
    """Return a JAX array of anything that is one, or a list of numbers."""
    return value if isinstance(value, jax.Array) else JaxOps().asarray(np.asarray(value))


def _check_counts(ids: dict[str, Any], needed: Sequence[str], where: str) -> None:
    if set(COUNTS) <= set(needed) and len(ids["n_node"]) != len(ids["n_edge"]):
        got, expected = (f"counts of {len(ids[field])} graphs" for field in ("n_edge", "n_node"))
        raise GraphError(problem(f"{where}n_edge", got, f"{expected} as in n_node", "count every graph"))


def _ids(graph: GraphsTuple, field: str, where: str, convert: Callable[[Any], Any]) -> Any:
    """Return a field of integers as an array, a count by itself as that of one graph; None for None."""
    value = getattr(graph, field)
    if value is None:
        return None
    array = _integers(convert(value), f"{where}{field}")
    return array.reshape(1) if field in COUNTS and not array.ndim else array


def _integers(array: Any, field: str) -> Any:
    if array.dtype.kind not in "iu":
        if array.size == 0:
            return array.astype(np.int32)
        raise GraphError(problem(field, f"dtype {array.dtype}", "integers", "cast with astype('int32')"))
    return array
