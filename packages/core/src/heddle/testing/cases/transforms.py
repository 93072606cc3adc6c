"""Transforms: graphs that hold another graph's nodes in other places, and the way back to them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.batch import Budget, HeteroBudget, batch, pad
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph
from heddle.graphs.pytree import tree_map

Rows = Mapping[str, Any]
"""Where rows of the original lie, by field: "nodes" and "edges" (or, in a HeteroGraph, "nodes" by type), "globals"."""


class Moved(NamedTuple):
    """A graph that holds another one, and where: row i of the original's nodes is `rows["nodes"][i]` here."""

    graph: Any
    rows: Rows


def permuted(graph: Any, seed: int = 0) -> Moved:
    """Return a graph with its nodes renumbered and its edges in another order; a single graph, no batch."""
    rng = np.random.default_rng(seed)
    if isinstance(graph, HeteroGraph):
        return _permuted_hetero(graph, rng)
    positions, order = rng.permutation(int(graph.n_node.sum())), rng.permutation(len(graph.senders))
    moved = graph._replace(
        nodes=_moved(graph.nodes, positions),
        edges=_taken(graph.edges, order),
        senders=positions[graph.senders[order]],
        receivers=positions[graph.receivers[order]],
    )
    return Moved(
        moved, {"nodes": positions, "edges": np.argsort(order), "globals": np.arange(len(graph.n_node))}
    )


def padded(graph: Any) -> Moved:
    """Return a graph with three more nodes (of each type), five more edges (of each relation), two more graphs."""
    n_graphs = _n_graphs(graph)
    if isinstance(graph, HeteroGraph):
        n_node = {node_type: int(count.sum()) + 3 for node_type, count in graph.n_node.items()}
        n_edge = {key: len(edges.senders) + 5 for key, edges in graph.edges.items()}
        return Moved(pad(graph, HeteroBudget(n_node, n_edge, n_graphs + 2)).graph, _first(graph))
    budget = Budget(int(graph.n_node.sum()) + 3, len(graph.senders) + 5, n_graphs + 2)
    return Moved(pad(graph, budget).graph, _first(graph))


def batched(graphs: list[Any]) -> tuple[Any, list[Rows]]:
    """Return the graphs as one, and where each of them lies in it."""
    joined, positions, start = batch(graphs), [], None
    for graph in graphs:
        first = _first(graph)
        start = tree_map(lambda _: 0, first) if start is None else start
        positions.append(tree_map(lambda rows, offset: rows + offset, first, start))
        start = tree_map(lambda rows, offset: len(rows) + offset, first, start)
    return joined, positions


def take(pytrees: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    """Return the rows of a layer's outputs, or of a graph's fields, that an original graph's rows moved to."""
    return {
        field: {key: _taken(value, rows[field][key]) for key, value in pytree.items()}
        if isinstance(rows[field], dict)
        else _taken(pytree, rows[field])
        for field, pytree in pytrees.items()
    }


def _permuted_hetero(graph: HeteroGraph, rng: np.random.Generator) -> Moved:
    positions = {node_type: rng.permutation(int(count.sum())) for node_type, count in graph.n_node.items()}
    nodes = {node_type: _moved(pytree, positions[node_type]) for node_type, pytree in graph.nodes.items()}
    edges = {}
    for (source, relation, target), one in graph.edges.items():
        order = rng.permutation(len(one.senders))
        ids = positions[source][one.senders[order]], positions[target][one.receivers[order]]
        edges[source, relation, target] = EdgeSet(_taken(one.features, order), *ids, one.n_edge)
    return Moved(HeteroGraph(nodes, edges, graph.n_node), {"nodes": positions})


def _first(graph: Any) -> Rows:
    if isinstance(graph, HeteroGraph):
        return {
            "nodes": {node_type: np.arange(int(count.sum())) for node_type, count in graph.n_node.items()}
        }
    sizes = {"nodes": int(graph.n_node.sum()), "edges": len(graph.senders), "globals": len(graph.n_node)}
    return {field: np.arange(size) for field, size in sizes.items()}


def _n_graphs(graph: Graph | HeteroGraph) -> int:
    counts = graph.n_node.values() if isinstance(graph, HeteroGraph) else [graph.n_node]
    return len(next(iter(counts)))


def _taken(pytree: Any, rows: np.ndarray) -> Any:
    return tree_map(lambda leaf: leaf[rows], pytree)


def _moved(pytree: Any, positions: np.ndarray) -> Any:
    return _taken(pytree, np.argsort(positions))
