"""A folder as a graph: a SampleGraph for samplers, a HeteroGraph for what reads it whole."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from heddle.data.prepared.columns import features_of
from heddle.data.prepared.edges import in_edges
from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.mapped import marked, receivers_of, rows_taken, without_rows
from heddle.graphs.graph import EdgeSet, EdgeType, HeteroGraph, hetero_graph
from heddle.graphs.pytree import tree_map
from heddle.sampling.types import InEdges, SampleGraph


def sample_graph(folder: Prepared, *, times: bool = True) -> SampleGraph:
    """Return the graph as samplers read it; positions in a sample's `edges` are CSC positions (see `edge_ids`).

    Args:
        times: give the times of nodes and edges along, by which a sample is limited to the past.
    """
    edges = {}
    for key, relation in folder.edges.items():
        indptr, senders, rows = in_edges(folder, key)
        time = relation.time if times else None
        if time is not None and rows is not None:
            time = time[rows]
        edges[key] = InEdges(indptr, senders, None, time)
    counts = {node_type: nodes.rows for node_type, nodes in folder.nodes.items()}
    stamped = {
        node_type: nodes.time for node_type, nodes in folder.nodes.items() if times and nodes.time is not None
    }
    return SampleGraph(counts, edges, stamped, key_hashes_of(folder))


def key_hashes_of(folder: Prepared) -> dict[str, np.ndarray]:
    """Return node type -> [n_nodes] uint64, what draws know nodes by, of the types that have keys."""
    return {node_type: nodes.hashes for node_type, nodes in folder.nodes.items() if nodes.hashes is not None}


def to_graph(folder: Prepared, hidden: Mapping[EdgeType, np.ndarray] | None = None) -> HeteroGraph:
    """Return a folder as a HeteroGraph: features [n, d] of each type side by side, edges by receiver, memory-mapped.

    Args:
        hidden: relation -> rows [n] to leave out, of its reverse too.
    """
    return timed_graph(folder, hidden)[0]


def timed_graph(
    folder: Prepared, hidden: Mapping[EdgeType, np.ndarray] | None = None
) -> tuple[HeteroGraph, dict[EdgeType, np.ndarray]]:
    """Return (graph, relation -> [n_edges] int64 the time of each of its edges, of relations that have times).

    The graph has the features [n, d] of each type side by side (see `features_of`) and edges by receiver.

    Everything stays on disk, or goes to files beside it that have no name; of relations without CSC alone, the edges
    are sorted in memory.

    Args:
        hidden: relation -> rows [n] to leave out, of its reverse too.
    """
    root, edges, times = folder.root, {}, {}
    marks = {
        key: marked(root, folder.edges[key].rows, [rows]) for key, rows in (hidden or {}).items() if len(rows)
    }
    for key, relation in folder.edges.items():
        indptr, senders, rows = in_edges(folder, key)
        mark = marks.get(relation.rows_of or key)
        if mark is not None:
            (indptr, senders, _, _), rows = without_rows(InEdges(indptr, senders), rows, mark, root)
        features = features_of(relation.features, root)
        if rows is not None:
            features = tree_map(partial(rows_taken, rows=rows, root=root), features)
        if relation.time is not None:
            times[key] = relation.time if rows is None else rows_taken(relation.time, rows, root)
        edges[key] = EdgeSet(features, senders, receivers_of(indptr, root), np.array([len(senders)]))
    nodes = {node_type: features_of(relation.features, root) for node_type, relation in folder.nodes.items()}
    counts = {node_type: np.array([of.rows]) for node_type, of in folder.nodes.items()}
    return hetero_graph(nodes, edges, counts), times
