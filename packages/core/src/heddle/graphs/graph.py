"""Graph, HeteroGraph and EdgeSet: the containers every engine shares. Their rules are checked in `validate.py`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Array = Any
"""An array of any library that the array API covers: numpy, torch, jax ..."""

PyTree = Any
"""Arrays inside dicts, tuples, lists or NamedTuples to any depth, sharing their first axis; or None."""

EdgeType = tuple[str, str, str]
"""(source node type, relation, target node type)."""


class Graph(NamedTuple):
    """One graph, or several as one batch whose nodes and edges lie one graph after another.

    Attributes:
        nodes: pytree of [n_nodes, ...]; None for a graph without node features.
        edges: pytree of [n_edges, ...]; None for edges without features.
        senders: [n_edges] int, the node an edge leaves.
        receivers: [n_edges] int, the node an edge enters; messages flow from sender to receiver.
        globals: pytree of [n_graphs, ...]; None if graphs carry no features of their own.
        n_node: [n_graphs] int, nodes of each graph; they sum to n_nodes.
        n_edge: [n_graphs] int, edges of each graph; they sum to n_edges.
    """

    nodes: PyTree
    edges: PyTree
    senders: Array
    receivers: Array
    globals: PyTree
    n_node: Array
    n_edge: Array


class EdgeSet(NamedTuple):
    """The edges of one relation of a HeteroGraph.

    Attributes:
        features: pytree of [n_edges, ...], or None.
        senders: [n_edges] int, rows of the source type.
        receivers: [n_edges] int, rows of the target type.
        n_edge: [n_graphs] int, edges of each graph.
    """

    features: PyTree
    senders: Array
    receivers: Array
    n_edge: Array


class HeteroGraph(NamedTuple):
    """A graph with types of nodes and relations between them; keys are kept sorted (see `hetero_graph`).

    Attributes:
        nodes: node type -> pytree of [n_nodes of the type, ...], or None for a type without features.
        edges: (source type, relation, target type) -> EdgeSet.
        n_node: node type -> [n_graphs] int.
    """

    nodes: Mapping[str, PyTree]
    edges: Mapping[EdgeType, EdgeSet]
    n_node: Mapping[str, Array]


def hetero_graph(
    nodes: Mapping[str, PyTree], edges: Mapping[EdgeType, EdgeSet], n_node: Mapping[str, Array]
) -> HeteroGraph:
    """Build a HeteroGraph with its keys sorted, so that flattening it never reorders relations.

    Args:
        nodes: node type -> a pytree of [n_nodes, ...], or None.
        edges: (source, relation, target) -> EdgeSet.
        n_node: node type -> [n_graphs] int.
    """
    return HeteroGraph(
        {key: nodes.get(key) for key in sorted(n_node)},
        {key: edges[key] for key in sorted(edges)},
        {key: n_node[key] for key in sorted(n_node)},
    )


def num_nodes(graph: Graph) -> int:
    """Count the nodes of a batch: the first axis of `nodes`, or the sum of `n_node` where there are no features."""
    from heddle.graphs.pytree import leaves

    features = leaves(graph.nodes)
    return int(features[0].shape[0]) if features else int(graph.n_node.sum())
