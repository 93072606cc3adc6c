"""Graphs from a sparse matrix, and graphs in which all nodes are linked."""

import jax
import jax.numpy as jnp
import numpy as np

from heddle.errors import GraphError, problem
from heddle_jax.jraph_api.graphs_tuple import ArrayTree, GraphsTuple


def sparse_matrix_to_graphs_tuple(
    senders: np.ndarray, receivers: np.ndarray, values: np.ndarray, n_node: np.ndarray
) -> GraphsTuple:
    """Return the graph, in numpy and without features, that has `values[i]` edges from `senders[i]` to `receivers[i]`.

    Args:
        senders, receivers: [n] int, rows and columns of the matrix's entries.
        values: [n] int, how many edges each entry stands for.
        n_node: int, or [n_graphs] int.

    Raises:
        GraphError: a value that is no count of edges, or an argument that is None.
    """
    given = {"senders": senders, "receivers": receivers, "values": values, "n_node": n_node}
    for name, value in given.items():
        if value is None:
            raise GraphError(problem(name, None, "an array of integers", "give it"))
    values = np.asarray(values)
    counts = values.astype(np.int64)
    wrong = (counts != values) | (counts < 0)
    if wrong.any():
        at = int(wrong.argmax())
        raise GraphError(
            problem(f"values[{at}]", values[at], "a number of edges", "give weights as the features of edges")
        )

    def repeated(ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids)
        ids = ids if ids.size else ids.astype(np.int32)
        return np.repeat(ids, counts)

    return GraphsTuple(
        nodes=None,
        edges=None,
        receivers=repeated(receivers),
        senders=repeated(senders),
        globals=None,
        n_node=np.atleast_1d(n_node),
        n_edge=np.atleast_1d(counts.sum()),
    )


def get_fully_connected_graph(
    n_node_per_graph: int,
    n_graph: int,
    node_features: ArrayTree = None,
    global_features: ArrayTree = None,
    add_self_edges: bool = True,
) -> GraphsTuple:
    """Return graphs in which every node sends to every node; sizes are static inside jit.

    Edges are ordered by receiver. With loops each receiver's senders ascend; without, they count up from the
    receiver, round the end.

    Args:
        node_features: pytree of [n_node_per_graph * n_graph, ...], or None.
        global_features: pytree of [n_graph, ...], or None.

    Raises:
        ValueError: features with another number of rows.
    """
    for field, pytree, rows in (
        ("node_features", node_features, n_node_per_graph * n_graph),
        ("global_features", global_features, n_graph),
    ):
        for leaf in jax.tree.leaves(pytree):
            if leaf.shape[0] != rows:
                raise GraphError(problem(field, f"{leaf.shape[0]} rows", str(rows), "give one row to each"))
    nodes = np.arange(n_node_per_graph, dtype=np.int32)
    hops = nodes if add_self_edges else nodes[1:]
    receivers = np.repeat(nodes, len(hops))
    senders = np.tile(hops, len(nodes))
    if not add_self_edges and len(nodes):
        senders = (senders + receivers) % np.int32(len(nodes))
    offsets = np.repeat(np.arange(n_graph, dtype=np.int32) * n_node_per_graph, len(senders)).astype(np.int32)
    return GraphsTuple(
        nodes=node_features,
        edges=None,
        receivers=jnp.asarray(np.tile(receivers, n_graph) + offsets),
        senders=jnp.asarray(np.tile(senders, n_graph) + offsets),
        globals=global_features,
        n_node=jnp.full(n_graph, n_node_per_graph, jnp.int32),
        n_edge=jnp.full(n_graph, len(senders), jnp.int32),
    )
