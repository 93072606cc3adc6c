"""as_hetero, to_homogeneous: one kind of node and edge to a HeteroGraph, and several kinds to one."""

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeSet, EdgeType, Graph, HeteroGraph, hetero_graph
from heddle.graphs.pytree import tree_map


def as_hetero(graph: Graph, node_type: str = "node", relation: str = "edge") -> HeteroGraph:
    """Return a graph (or batch) as a HeteroGraph of one node type and one relation, in copies; globals are left out."""
    features, senders, receivers, n_edge, nodes, n_node = tree_map(
        np.array, (graph.edges, graph.senders, graph.receivers, graph.n_edge, graph.nodes, graph.n_node)
    )
    edges = {(node_type, relation, node_type): EdgeSet(features, senders, receivers, n_edge)}
    return hetero_graph({node_type: nodes}, edges, {node_type: n_node})


def to_homogeneous(graph: HeteroGraph) -> tuple[Graph, tuple[str, ...], tuple[EdgeType, ...]]:
    """Return a single HeteroGraph as a Graph, with the names of the types of its nodes and edges.

    Nodes lie type after type and edges relation after relation, both sorted; `graph.nodes["type"]` [n_nodes] and
    `graph.edges["type"]` [n_edges] are int64 positions in the names. Features are left out: types differ in theirs.

    Raises:
        GraphError: a batch.
    """
    node_types, relations = tuple(graph.n_node), tuple(graph.edges)
    for node_type, counts in graph.n_node.items():
        if len(counts) != 1:
            actual = f"a batch of {len(counts)}"
            raise GraphError(problem(f"n_node[{node_type!r}]", actual, "a single graph", "unbatch it first"))
    sizes = [int(graph.n_node[node_type][0]) for node_type in node_types]
    first = dict(zip(node_types, np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])))
    lengths = [len(graph.edges[key].senders) for key in relations]

    def joined(ends: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(ends).astype(np.int64) if ends else np.empty(0, np.int64)

    homogeneous = Graph(
        {"type": np.repeat(np.arange(len(node_types)), sizes)},
        {"type": np.repeat(np.arange(len(relations)), lengths)},
        joined([graph.edges[key].senders + first[key[0]] for key in relations]),
        joined([graph.edges[key].receivers + first[key[2]] for key in relations]),
        None,
        np.array([sum(sizes)], np.int64),
        np.array([sum(lengths)], np.int64),
    )
    return homogeneous, node_types, relations
