"""scipy.sparse: entry (s, r) is an edge from s to r, its value the edge's weight."""

from typing import Any

import numpy as np

from heddle.errors import GraphError, problem
from heddle.extras import require
from heddle.graphs.convert.edge_list import single_graph
from heddle.graphs.graph import Graph, PyTree, num_nodes
from heddle.graphs.pytree import leaves
from heddle.graphs.validate import validate


def from_scipy(matrix: Any, *, nodes: PyTree = None) -> Graph:
    """Return the graph of a square sparse matrix or array: its stored entries as edges {"weight": values}.

    Entries come in the order they are stored; repeated ones (COO) stay repeated edges, stored zeros stay edges.

    Raises:
        GraphError: a matrix that isn't square, or `nodes` of another length.
    """
    require("scipy", "convert")
    coo = matrix.tocoo()
    if coo.shape[0] != coo.shape[1]:
        raise GraphError(
            problem("matrix: shape", coo.shape, "a square one", "use one numbering for both ends")
        )
    edges = {"weight": np.array(coo.data)}
    senders, receivers = np.array(coo.row), np.array(coo.col)
    result: Graph = validate(single_graph(senders, receivers, coo.shape[0], nodes, edges), finite=False)
    return result


def to_scipy(graph: Graph, weight: str | None = "weight") -> Any:
    """Return the graph's adjacency as a [n_nodes, n_nodes] scipy.sparse.coo_array, one entry an edge, in their order.

    Args:
        weight: entry of `graph.edges` with one value an edge. Ones (float32) where the graph has no edge features,
            or for None. Bare [n_edges] features are taken as weights.

    Raises:
        GraphError: edge features without that entry, or with more than one value an edge.
    """
    sparse = require("scipy.sparse", "convert")
    n, senders = num_nodes(graph), np.asarray(graph.senders)
    values = np.ones(len(senders), np.float32)
    if weight is not None and leaves(graph.edges):
        edges = graph.edges if isinstance(graph.edges, dict) else {weight: graph.edges}
        if weight not in edges or np.ndim(edges[weight]) != 1:
            expected = f"an entry {weight!r} of shape [n_edges]"
            raise GraphError(
                problem("edges", list(edges), expected, "name another as weight=, or None for ones")
            )
        values = np.array(edges[weight])
    return sparse.coo_array((values, (np.array(senders), np.array(graph.receivers))), shape=(n, n))
