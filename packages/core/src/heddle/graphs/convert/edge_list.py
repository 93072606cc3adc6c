"""Edge lists: rows of (sender, receiver) in numpy."""

from collections.abc import Sequence

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Array, Graph, PyTree
from heddle.graphs.pytree import leaves, tree_map
from heddle.graphs.validate import validate


def from_edge_list(
    edge_list: Array | Sequence[Sequence[int]],
    n_node: int | None = None,
    *,
    nodes: PyTree = None,
    edges: PyTree = None,
    globals: PyTree = None,
    directed: bool = True,
) -> Graph:
    """Return the graph of [n_edges, 2] rows (sender, receiver), in copies, its rules checked.

    Args:
        n_node: number of nodes; None for that of `nodes`, or without those the largest id and 1.
        nodes, edges, globals: pytrees of features, [n_nodes, ...], [n_edges, ...] and [1, ...].
        directed: False adds the way back of each edge that isn't a loop, after all those given, features alike.

    Raises:
        GraphError: rows that aren't pairs of ids, an id out of range, or features of another length.
    """
    pairs = np.asarray(edge_list)
    if pairs.size == 0:
        pairs = np.empty((0, 2), np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        actual = f"dtype {pairs.dtype} and shape {pairs.shape}"
        raise GraphError(
            problem("edge_list", actual, "integers of shape (n_edges, 2)", "give one pair an edge")
        )
    senders, receivers = np.array(pairs[:, 0]), np.array(pairs[:, 1])
    if not directed:
        senders, receivers, edges = with_way_back(senders, receivers, edges)
    graph = single_graph(senders, receivers, n_node, nodes, edges, globals)
    result: Graph = validate(graph, finite=False)
    return result


def to_edge_list(graph: Graph) -> np.ndarray:
    """Return [n_edges, 2] rows (sender, receiver), a copy."""
    return np.stack([np.asarray(graph.senders), np.asarray(graph.receivers)], axis=1)


def single_graph(
    senders: np.ndarray,
    receivers: np.ndarray,
    n_node: int | None,
    nodes: PyTree = None,
    edges: PyTree = None,
    globals: PyTree = None,
) -> Graph:
    """Return one graph of copied features.

    Args:
        senders, receivers: [n_edges] int.
        n_node: number of nodes; None for that of the features' rows, or up to the highest id.
        nodes, edges: pytrees of [n_nodes, ...] and [n_edges, ...], or None.
        globals: a pytree of [...], or None.
    """
    nodes, edges, globals = (tree_map(np.array, pytree) for pytree in (nodes, edges, globals))
    if n_node is None:
        features = leaves(nodes)
        largest = int(max(senders.max(initial=-1), receivers.max(initial=-1)))
        n_node = len(features[0]) if features else largest + 1
    counts = np.array([n_node], np.int64), np.array([len(senders)], np.int64)
    return Graph(nodes, edges, senders, receivers, globals, *counts)


def with_way_back(
    senders: np.ndarray, receivers: np.ndarray, edges: PyTree
) -> tuple[np.ndarray, np.ndarray, PyTree]:
    """Return (senders, receivers, edges): the edges, and after them the way back of each that isn't a loop.

    Args:
        senders, receivers: [n_edges] int.
        edges: a pytree of [n_edges, ...]; a way back has the features of the way there.
    """
    there = np.flatnonzero(senders != receivers)

    def doubled(leaf: Array) -> np.ndarray:
        leaf = np.asarray(leaf)
        if len(leaf) != len(senders):
            expected = f"{len(senders)}, one an edge before the way back is added"
            raise GraphError(problem("edges: length", len(leaf), expected, "give one row an edge"))
        return np.concatenate([leaf, leaf[there]])

    return (
        np.concatenate([senders, receivers[there]]),
        np.concatenate([receivers, senders[there]]),
        tree_map(doubled, edges),
    )
