"""pad, unpad: graphs at fixed sizes, so that a compiler sees few shapes; masks say what is real."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from heddle.errors import BudgetError
from heddle.graphs.graph import Array, EdgeSet, EdgeType, Graph, HeteroGraph, PyTree
from heddle.graphs.pytree import tree_map


class Budget(NamedTuple):
    """Sizes to pad to, padding included."""

    n_node: int
    n_edge: int
    n_graph: int


def rounded(n_node: float, n_edge: float, n_graph: int) -> Budget:
    """Return a budget for `n_node` real nodes, `n_edge` edges and `n_graph` graphs, and for padding.

    Its numbers of nodes and edges are multiples of 8; padding has a node and a graph.
    """
    return Budget(8 * math.ceil((n_node + 1) / 8), 8 * math.ceil(n_edge / 8), n_graph + 1)


def fits(size: Sequence[int] | np.ndarray, budget: Budget) -> bool:
    """Tell whether `size`, [3] int (nodes, edges, graphs), leaves a node and a graph of a budget for padding."""
    return bool(size[0] < budget.n_node and size[1] <= budget.n_edge and size[2] < budget.n_graph)


class HeteroBudget(NamedTuple):
    """Sizes to pad a HeteroGraph to, for each node type and relation, padding included."""

    n_node: Mapping[str, int]
    n_edge: Mapping[EdgeType, int]
    n_graph: int


class Padded(NamedTuple):
    """A padded graph and what of it is real.

    Attributes:
        graph: at the sizes of its budget. Padding nodes, edges and globals are zeros; all padding nodes and edges
            belong to the first padding graph, and padding edges run from the first padding node to itself.
        node_mask: [budget.n_node] bool, True for real nodes; node type -> mask in a HeteroGraph.
        edge_mask: [budget.n_edge] bool; relation -> mask in a HeteroGraph.
        graph_mask: [budget.n_graph] bool.
    """

    graph: Any
    node_mask: Any
    edge_mask: Any
    graph_mask: Array


@overload
def pad(graph: Graph, budget: Budget) -> Padded: ...
@overload
def pad(graph: HeteroGraph, budget: HeteroBudget) -> Padded: ...
def pad(graph: Any, budget: Any) -> Padded:
    """Return `graph` (numpy, one or a batch) at the sizes of `budget`, with masks of what is real.

    A graph that fills its budget exactly is returned whole. Otherwise padding edges need a padding node, and padding
    nodes a padding graph: leave room for one of each.

    Raises:
        BudgetError: the graph is larger than the budget, or leaves no room for what padding needs.

    >>> two = Graph(None, None, np.array([0]), np.array([1]), None, np.array([2]), np.array([1]))
    >>> padded = pad(two, Budget(4, 3, 2))
    >>> padded.graph.senders.tolist(), padded.graph.n_node.tolist(), padded.node_mask.tolist()
    ([0, 2, 2], [2, 2], [True, True, False, False])
    """
    return _pad_homogeneous(graph, budget) if isinstance(graph, Graph) else _pad_hetero(graph, budget)


def unpad(padded: Padded) -> Any:
    """Return the real part of a padded graph, as copies, by its masks; `unpad(pad(graph, budget))` is `graph`."""
    graph, n_graphs = padded.graph, int(np.sum(padded.graph_mask))
    if isinstance(graph, Graph):
        n_nodes, n_edges = int(np.sum(padded.node_mask)), int(np.sum(padded.edge_mask))
        return Graph(
            _cut(graph.nodes, n_nodes),
            _cut(graph.edges, n_edges),
            _cut(graph.senders, n_edges),
            _cut(graph.receivers, n_edges),
            _cut(graph.globals, n_graphs),
            _cut(graph.n_node, n_graphs),
            _cut(graph.n_edge, n_graphs),
        )

    def edge_set(key: EdgeType, edges: EdgeSet) -> EdgeSet:
        n_edges = int(np.sum(padded.edge_mask[key]))
        features, senders, receivers = (_cut(field, n_edges) for field in edges[:3])
        return EdgeSet(features, senders, receivers, _cut(edges.n_edge, n_graphs))

    return HeteroGraph(
        {
            node_type: _cut(pytree, int(np.sum(padded.node_mask[node_type])))
            for node_type, pytree in graph.nodes.items()
        },
        {key: edge_set(key, edges) for key, edges in graph.edges.items()},
        {node_type: _cut(counts, n_graphs) for node_type, counts in graph.n_node.items()},
    )


def _pad_homogeneous(graph: Graph, budget: Budget) -> Padded:
    n_nodes, n_edges, n_graphs = int(np.sum(graph.n_node)), len(graph.senders), len(graph.n_node)
    _check("nodes", n_nodes, budget.n_node, "n_node")
    _check("edges", n_edges, budget.n_edge, "n_edge")
    _check("graphs", n_graphs, budget.n_graph, "n_graph")
    _check_room(n_edges, budget.n_edge, ((n_nodes, budget.n_node, "n_node"),))
    _check_graphs(n_nodes < budget.n_node or n_edges < budget.n_edge, n_graphs, budget.n_graph)
    padded = Graph(
        _grown(graph.nodes, budget.n_node),
        _grown(graph.edges, budget.n_edge),
        _grown_ids(graph.senders, budget.n_edge, n_nodes),
        _grown_ids(graph.receivers, budget.n_edge, n_nodes),
        _grown(graph.globals, budget.n_graph),
        _grown_counts(graph.n_node, budget.n_graph, budget.n_node - n_nodes),
        _grown_counts(graph.n_edge, budget.n_graph, budget.n_edge - n_edges),
    )
    return Padded(
        padded, _mask(n_nodes, budget.n_node), _mask(n_edges, budget.n_edge), _mask(n_graphs, budget.n_graph)
    )


def _pad_hetero(graph: HeteroGraph, budget: HeteroBudget) -> Padded:
    for field, needed, given in (
        ("n_node", graph.n_node, budget.n_node),
        ("n_edge", graph.edges, budget.n_edge),
    ):
        for key in needed:
            if key not in given:
                raise BudgetError(
                    f"pad: graph has {key!r}, budget.{field} does not name it; add it to the budget"
                )
    n_nodes = {node_type: int(np.sum(counts)) for node_type, counts in graph.n_node.items()}
    n_edges = {key: len(edges.senders) for key, edges in graph.edges.items()}
    n_graphs = len(next(iter(graph.n_node.values()))) if graph.n_node else 0
    for node_type, count in n_nodes.items():
        _check(f"nodes of {node_type!r}", count, budget.n_node[node_type], f"n_node[{node_type!r}]")
    for key, count in n_edges.items():
        _check(f"edges of {key!r}", count, budget.n_edge[key], f"n_edge[{key!r}]")
        ends = sorted({key[0], key[2]})
        _check_room(
            count, budget.n_edge[key], [(n_nodes[k], budget.n_node[k], f"n_node[{k!r}]") for k in ends]
        )
    _check("graphs", n_graphs, budget.n_graph, "n_graph")
    pads = any(count < budget.n_node[node_type] for node_type, count in n_nodes.items())
    _check_graphs(pads or any(c < budget.n_edge[key] for key, c in n_edges.items()), n_graphs, budget.n_graph)

    def edge_set(key: EdgeType, edges: EdgeSet) -> EdgeSet:
        size = budget.n_edge[key]
        return EdgeSet(
            _grown(edges.features, size),
            _grown_ids(edges.senders, size, n_nodes[key[0]]),
            _grown_ids(edges.receivers, size, n_nodes[key[2]]),
            _grown_counts(edges.n_edge, budget.n_graph, size - n_edges[key]),
        )

    padded = HeteroGraph(
        {node_type: _grown(pytree, budget.n_node[node_type]) for node_type, pytree in graph.nodes.items()},
        {key: edge_set(key, edges) for key, edges in graph.edges.items()},
        {
            k: _grown_counts(n_each, budget.n_graph, budget.n_node[k] - n_nodes[k])
            for k, n_each in graph.n_node.items()
        },
    )
    node_mask = {node_type: _mask(count, budget.n_node[node_type]) for node_type, count in n_nodes.items()}
    edge_mask = {key: _mask(count, budget.n_edge[key]) for key, count in n_edges.items()}
    return Padded(padded, node_mask, edge_mask, _mask(n_graphs, budget.n_graph))


def _check(what: str, actual: int, allowed: int, field: str) -> None:
    if actual > allowed:
        raise BudgetError(
            f"pad: graph has {actual} {what}, budget allows {allowed}; raise budget.{field} or lower batch_size"
        )


def _check_room(n_edges: int, allowed: int, ends: Any) -> None:
    """Check that padding edges, if there are any, have a padding node at either end."""
    for n_nodes, nodes_allowed, field in ends:
        if n_edges < allowed and n_nodes == nodes_allowed:
            raise BudgetError(
                f"pad: graph has {n_nodes} nodes, budget allows {nodes_allowed} with a padding node for "
                f"{allowed - n_edges} padding edges to join; raise budget.{field} by 1"
            )


def _check_graphs(pads: bool, n_graphs: int, allowed: int) -> None:
    if pads and n_graphs == allowed:
        raise BudgetError(
            f"pad: graph has {n_graphs} graphs, budget allows {allowed} with a graph for the padding; "
            "raise budget.n_graph by 1"
        )


def _mask(n: int, size: int) -> np.ndarray:
    return np.arange(size) < n


def _cut(pytree: PyTree, n: int) -> PyTree:
    return tree_map(lambda leaf: np.array(leaf[:n]), pytree)


def _grown(pytree: PyTree, size: int) -> PyTree:
    def grow(leaf: Array) -> np.ndarray:
        leaf = np.asarray(leaf)
        out = np.zeros((size, *leaf.shape[1:]), leaf.dtype)
        out[: len(leaf)] = leaf
        return out

    return tree_map(grow, pytree)


def _grown_ids(ids: Array, size: int, padding_node: int) -> np.ndarray:
    ids = np.asarray(ids)
    dtype = ids.dtype if padding_node <= np.iinfo(ids.dtype).max else np.int64
    out = np.full(size, padding_node if size > len(ids) else 0, dtype)
    out[: len(ids)] = ids
    return out


def _grown_counts(counts: Array, size: int, padding: int) -> np.ndarray:
    out = _grown(counts, size)
    if len(counts) < size:
        out[len(counts)] = padding
    result: np.ndarray = out
    return result
