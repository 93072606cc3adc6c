"""From a Graph or HeteroGraph to what samplers read, and from a sample back to a Graph or HeteroGraph."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graph import Array, EdgeSet, EdgeType, Graph, HeteroGraph, hetero_graph
from heddle.nest import map_nest
from heddle.sample import ONE_RELATION, HeteroSample, InEdges, Sample, SampleGraph, homogeneous


class Prepared(NamedTuple):
    """A graph's edges sorted for sampling.

    Attributes:
        graph: for a sampler.
        order: relation -> [n_edges] int, the place of each edge in the caller's order; ONE_RELATION if there is one.
    """

    graph: SampleGraph
    order: Mapping[EdgeType, np.ndarray]


def prepare(graph: Graph | HeteroGraph) -> Prepared:
    """Sort the edges of a graph of numpy arrays by receiver; ids stay as wide as they are.

    Weights and times are added by the caller, in the sorted order:
    `homogeneous(edges._replace(time=time[order]), n)`.

    >>> ends = np.array([1, 2, 0]), np.array([0, 1, 0])
    >>> graph = Graph(None, None, *ends, None, np.array([3]), np.array([3]))
    >>> prepare(graph).order[ONE_RELATION]
    array([0, 2, 1])
    """
    if isinstance(graph, Graph):
        edges, order = _sort(graph.senders, graph.receivers, int(np.sum(graph.n_node)))
        return Prepared(homogeneous(edges, int(np.sum(graph.n_node))), {ONE_RELATION: order})
    n_node = {kind: int(np.sum(counts)) for kind, counts in graph.n_node.items()}
    found = {key: _sort(of.senders, of.receivers, n_node[key[2]]) for key, of in graph.edges.items()}
    edges_by_type = {key: edges for key, (edges, _) in found.items()}
    return Prepared(SampleGraph(n_node, edges_by_type), {key: order for key, (_, order) in found.items()})


def cut(
    graph: Graph | HeteroGraph, sample: Sample | HeteroSample, order: Mapping[EdgeType, np.ndarray]
) -> Graph | HeteroGraph:
    """Return the sampled part of a graph as one graph, with the features of its nodes and edges.

    Features may be arrays of any library that takes integer arrays as an index. Globals are kept for a single graph;
    the part of several graphs side by side has none.

    Raises:
        GraphError: a sample of the other kind of graph.
    """
    if isinstance(graph, Graph) and isinstance(sample, Sample):
        edges = _rows(graph.edges, order[ONE_RELATION][sample.edges])
        alone = graph.globals if len(graph.n_node) == 1 else None
        counts = np.array([len(sample.nodes)]), np.array([len(sample.edges)])
        return Graph(
            _rows(graph.nodes, sample.nodes), edges, sample.senders, sample.receivers, alone, *counts
        )
    if isinstance(graph, HeteroGraph) and isinstance(sample, HeteroSample):
        return hetero_graph(
            {kind: _rows(graph.nodes[kind], ids) for kind, ids in sample.nodes.items()},
            {key: _edge_set(graph.edges[key], sample, key, order[key]) for key in sample.edges},
            {kind: np.array([len(ids)]) for kind, ids in sample.nodes.items()},
        )
    found, expected = f"a {type(sample).__name__}", f"a sample of a {type(graph).__name__}"
    raise GraphError(problem("cut: sample", found, expected, "sample from prepare(graph).graph"))


def _sort(senders: Array, receivers: Array, n_receivers: int) -> tuple[InEdges, np.ndarray]:
    order = np.argsort(receivers, kind="stable")
    counts = np.bincount(receivers, minlength=n_receivers)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(senders.dtype)
    return InEdges(indptr, senders[order]), order


def _edge_set(edges: EdgeSet, sample: HeteroSample, key: EdgeType, order: np.ndarray) -> EdgeSet:
    taken = sample.edges[key]
    return EdgeSet(
        _rows(edges.features, order[taken]),
        sample.senders[key],
        sample.receivers[key],
        np.array([len(taken)]),
    )


def _rows(nest: Any, ids: np.ndarray) -> Any:
    return map_nest(lambda array: array[ids], nest)
