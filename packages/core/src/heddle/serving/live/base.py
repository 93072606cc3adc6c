"""Base: what a generation begins with: a prepared folder, or what a compaction wrote over one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.prepared.edges import in_edges
from heddle.data.prepared.folder import Prepared
from heddle.data.prepared.graphs import key_hashes_of
from heddle.graphs.graph import EdgeType
from heddle.sampling.types import InEdges, SampleGraph
from heddle.serving.live.layout import map_array, relation_name, times_path, write_array


class Base(NamedTuple):
    """What a generation begins with; arrays are mapped.

    Attributes:
        graph: edges, sorted by receiver, time and arrival, and times of nodes.
        rows: relation -> [edges] the row at each position, or None for itself.
        n_rows: relation -> rows of the table; a reverse relation shares those of its original.
        features: node type -> name -> the arrays that nodes' features lie in, one behind the other.
        columns: relation -> the same of its rows; a reverse relation is left out.
        changes: node type -> (node, time, name -> features) of changes that the base holds.
    """

    graph: SampleGraph
    rows: Mapping[EdgeType, np.ndarray | None]
    n_rows: Mapping[EdgeType, int]
    features: Mapping[str, Mapping[str, tuple[np.ndarray, ...]]]
    changes: Mapping[str, tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray]]]
    columns: Mapping[EdgeType, Mapping[str, tuple[np.ndarray, ...]]]


def prepared_base(opened: Prepared, root: Path | None = None) -> Base:
    """Return a prepared folder as a Base.

    Args:
        root: a live graph's folder, which holds the times of edges by position (`write_times`); None to gather them.
    """
    edges, rows = {}, {}
    for key, stored in opened.edges.items():
        indptr, senders, ids = in_edges(opened, key)
        path = None if root is None else times_path(root, key)
        if stored.time is None or ids is None:
            time = stored.time
        else:
            time = map_array(path) if path is not None and path.is_file() else stored.time[ids]
        edges[key], rows[key] = InEdges(indptr, senders, None, time), ids
    counts = {node_type: nodes.rows for node_type, nodes in opened.nodes.items()}
    times = {node_type: nodes.time for node_type, nodes in opened.nodes.items() if nodes.time is not None}
    features = {
        node_type: {name: (array,) for name, array in nodes.features.items()}
        for node_type, nodes in opened.nodes.items()
    }
    n_rows = {key: stored.rows for key, stored in opened.edges.items()}
    columns = {
        key: {name: (array,) for name, array in stored.features.items()}
        for key, stored in opened.edges.items()
        if stored.rows_of is None
    }
    graph = SampleGraph(counts, edges, times, key_hashes_of(opened))
    return Base(graph, rows, n_rows, features, {}, columns)


def write_times(root: Path, opened: Prepared) -> None:
    """Write the time of the edge at each position of every relation, so that a live graph only maps them."""
    for key, stored in opened.edges.items():
        ids = in_edges(opened, key)[2]
        if stored.time is not None and ids is not None:
            write_array(times_path(root, key), stored.time[ids])


def written_base(opened: Prepared, folder: Path, counts: Mapping[str, Any]) -> Base:
    """Return what a compaction wrote as a Base; features of the prepared folder's nodes stay where they are."""
    edges, rows, n_rows, columns = {}, {}, {}, {}
    for key in opened.edges:
        subfolder = folder / "edges" / relation_name(key)
        time = map_array(subfolder / "time.npy") if (subfolder / "time.npy").exists() else None
        edges[key] = InEdges(
            map_array(subfolder / "indptr.npy"), map_array(subfolder / "senders.npy"), None, time
        )
        rows[key], n_rows[key] = map_array(subfolder / "rows.npy"), counts["rows"][relation_name(key)]
        if opened.edges[key].rows_of is None:
            held = opened.edges[key].features.items()
            columns[key] = {
                name: (array, map_array(subfolder / "columns" / f"{name}.npy")) for name, array in held
            }
    times, hashes, features, changes = {}, {}, {}, {}
    for node_type, nodes in opened.nodes.items():
        subfolder, changed = folder / "nodes" / node_type, folder / "changes" / node_type
        if nodes.time is not None:
            times[node_type] = np.concatenate([nodes.time, map_array(subfolder / "time.npy")])
        if nodes.hashes is not None:
            hashes[node_type] = np.concatenate([nodes.hashes, map_array(subfolder / "hashes.npy")])
        features[node_type] = {
            name: (array, map_array(subfolder / f"{name}.npy")) for name, array in nodes.features.items()
        }
        changes[node_type] = (
            map_array(changed / "node.npy"),
            map_array(changed / "time.npy"),
            {name: map_array(changed / f"{name}.npy") for name in nodes.features},
        )
    graph = SampleGraph(dict(counts["nodes"]), edges, times, hashes)
    return Base(graph, rows, n_rows, features, changes, columns)
