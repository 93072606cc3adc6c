"""The edges of a folder: by receiver as samplers read them, and by row as the tables had them."""

import numpy as np

from heddle.data.prepared.folder import Prepared, PreparedEdges
from heddle.data.prepared.mapped import ends_of_rows
from heddle.data.prepared.write import csc
from heddle.graphs.graph import EdgeType


def in_edges(folder: Prepared, key: EdgeType) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (indptr, senders, edge_ids) of a relation, sorted now if the folder holds COO only.

    Returns: [n_receivers + 1], [n_edges] and the row of each edge, [n_edges], or None where that is its position.
    """
    edges = folder.edges[key]
    if edges.indptr is not None and edges.senders is not None:
        return edges.indptr, edges.senders, edges.edge_ids
    assert edges.ends is not None
    made = csc(np.asarray(edges.ends), folder.nodes[key[0]].rows, folder.nodes[key[2]].rows, edges.time)
    return made["indptr"], made["senders"], made["edge_ids"]


def ends_of(folder: Prepared, key: EdgeType) -> np.ndarray:
    """Return [rows, 2] (sender, receiver) of a relation by row, memory-mapped where the folder holds them so."""
    ends = folder.edges[key].ends
    return ends_of_rows(*in_edges(folder, key), folder.root) if ends is None else ends


def ends_by_row(edges: PreparedEdges) -> tuple[np.ndarray, np.ndarray]:
    """Return (senders, receivers), each [rows] int64 by row."""
    if edges.ends is not None:
        return edges.ends[:, 0].astype(np.int64), edges.ends[:, 1].astype(np.int64)
    assert edges.indptr is not None and edges.senders is not None
    receivers = np.repeat(np.arange(len(edges.indptr) - 1), np.diff(edges.indptr))
    senders = edges.senders.astype(np.int64)
    if edges.edge_ids is None:
        return senders, receivers
    by_row = np.empty((2, edges.rows), np.int64)
    by_row[0, edges.edge_ids], by_row[1, edges.edge_ids] = senders, receivers
    return by_row[0], by_row[1]
