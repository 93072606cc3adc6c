"""GraphStore: a graph as mini-batches read it; its arrays may lie on disk, mapped into memory."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import Array, EdgeType, Graph, HeteroGraph, PyTree, hetero_graph
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, InEdges, SampleGraph, homogeneous

_CHUNK = 1 << 22
"""Ids that are checked in one step, so that a check needs no copy of a large array."""


class GraphStore(NamedTuple):
    """What batches are cut from.

    Attributes:
        graph: edges sorted by receiver, for a sampler.
        order: relation -> [n_edges] int, the position of each sorted edge among `edges`; None where that is its own.
        nodes: node type -> [n_nodes, d] features, or None for a type without; `ONE_TYPE` in a homogeneous graph.
        edges: relation -> pytree of [n_edges, ...] in the caller's order, or None.
    """

    graph: SampleGraph
    order: Mapping[EdgeType, Array | None]
    nodes: Mapping[str, PyTree]
    edges: Mapping[EdgeType, PyTree]

    @property
    def n_node(self) -> Mapping[str, int]:
        """Node type -> number of nodes."""
        return self.graph.n_node

    @property
    def is_homogeneous(self) -> bool:
        """Whether there is one type of nodes and one of edges, neither with a name."""
        return self.graph.is_homogeneous


def store_of(
    graph: Graph | HeteroGraph,
    node_time: Mapping[str, Array] = MappingProxyType({}),
    edge_time: Mapping[EdgeType, Array] = MappingProxyType({}),
    key_hashes: Mapping[str, Array] = MappingProxyType({}),
) -> GraphStore:
    """Return a graph of numpy arrays as a GraphStore.

    Edges that are sorted by receiver already stay where they are, memory-mapped ones on their disk; others are
    sorted in memory. Ids become int32 where all of them fit and have to be copied anyway.

    Args:
        node_time: node type (ONE_TYPE) -> [n_nodes] int, when each node came into being; types may be missing.
        edge_time: relation (ONE_RELATION) -> [n_edges] int, when each edge did; relations may be missing.
        key_hashes: of a SampleGraph.
    """
    store = _untimed(graph)
    if key_hashes:
        store = store._replace(graph=store.graph._replace(key_hashes=dict(key_hashes)))
    if not node_time and not edge_time:
        return store
    edges = dict(store.graph.edges)
    for key, time in edge_time.items():
        order = store.order[key]
        edges[key] = edges[key]._replace(time=time if order is None else np.asarray(time)[order])
    return store._replace(graph=store.graph._replace(edges=edges, node_time=dict(node_time)))


def _untimed(graph: Graph | HeteroGraph) -> GraphStore:
    if isinstance(graph, Graph):
        n = int(np.sum(graph.n_node))
        edges, order = in_order(graph.senders, graph.receivers, n, n)
        nodes = {ONE_TYPE: graph.nodes}
        return GraphStore(homogeneous(edges, n), {ONE_RELATION: order}, nodes, {ONE_RELATION: graph.edges})
    counts = {node_type: int(np.sum(n)) for node_type, n in graph.n_node.items()}
    ordered = {
        key: in_order(of.senders, of.receivers, counts[key[0]], counts[key[2]])
        for key, of in graph.edges.items()
    }
    return GraphStore(
        SampleGraph(counts, {key: edges for key, (edges, _) in ordered.items()}),
        {key: order for key, (_, order) in ordered.items()},
        dict(graph.nodes),
        {key: of.features for key, of in graph.edges.items()},
    )


def in_order(
    senders: Array, receivers: Array, n_senders: int, n_receivers: int
) -> tuple[InEdges, np.ndarray | None]:
    """Return edges sorted by receiver and the order [n_edges] that sorts them, None if they are sorted already.

    Args:
        senders, receivers: [n_edges] int.
    """
    counts = np.zeros(n_receivers + 1, np.int64)
    is_sorted, last = True, -1
    for start in range(0, len(receivers), _CHUNK):
        ids = np.asarray(receivers[start : start + _CHUNK])
        counts[1:] += np.bincount(ids, minlength=n_receivers)
        is_sorted = is_sorted and int(ids[0]) >= last and bool((ids[1:] >= ids[:-1]).all())
        last = int(ids[-1])
    indptr = np.cumsum(counts)
    narrow = max(n_senders, n_receivers, len(receivers)) < 2**31
    if is_sorted and senders.dtype in (np.int32, np.int64):
        return InEdges(indptr.astype(senders.dtype), senders), None
    dtype = np.int32 if narrow else np.int64
    order = np.argsort(np.asarray(receivers), kind="stable")
    return InEdges(indptr.astype(dtype), np.asarray(senders)[order].astype(dtype)), order.astype(dtype)


def no_features(store: GraphStore, node_type: str) -> bool:
    """Tell whether a type has no features, so that a batch holds its nodes' ids instead."""
    return store.nodes.get(node_type) is None


def whole(store: GraphStore) -> Any:
    """Return the store as a Graph or HeteroGraph that shares its memory, edges sorted by receiver."""
    from heddle.graphs.graph import EdgeSet
    from heddle.graphs.pytree import tree_map

    def edges_of(key: EdgeType) -> tuple[Any, Any, Any]:
        edges, order = store.graph.edges[key], store.order[key]
        receivers = np.repeat(
            np.arange(len(edges.indptr) - 1, dtype=edges.senders.dtype), np.diff(edges.indptr)
        )
        features = store.edges.get(key)
        return edges.senders, receivers, features if order is None else tree_map(lambda x: x[order], features)

    if store.is_homogeneous:
        senders, receivers, features = edges_of(ONE_RELATION)
        counts = np.array([store.graph.n_node[ONE_TYPE]]), np.array([len(senders)])
        return Graph(store.nodes[ONE_TYPE], features, senders, receivers, None, *counts)
    sets = {}
    for key in store.graph.edges:
        senders, receivers, features = edges_of(key)
        sets[key] = EdgeSet(features, senders, receivers, np.array([len(senders)]))
    return hetero_graph(
        store.nodes, sets, {node_type: np.array([n]) for node_type, n in store.graph.n_node.items()}
    )
