"""A prepared folder as what samplers read, as a HeteroGraph or as a Dataset."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.files import fail
from heddle.data.options import call
from heddle.data.prepared.folder import Prepared, PreparedEdges
from heddle.data.prepared.read import open_prepared, verify
from heddle.data.prepared.write import csc
from heddle.graph import EdgeSet, EdgeType, HeteroGraph, hetero_graph
from heddle.sample import InEdges, SampleGraph


def read_prepared(config: Mapping[str, Any]) -> Dataset:
    """Return the dataset of the folder that a `data=prepared` node names; see `prepared` for its keys."""
    return call(prepared, config)


def prepared(root: str | None = None, check: bool = False, name: str | None = None) -> Dataset:
    """Return a prepared folder as a Dataset.

    Args:
        root: the folder.
        check: compare every file's checksum first.
        name: what the dataset calls itself; None for the folder's own name.
    """
    if root is None:
        fail("data.root", "none", "a prepared folder", "write data.root=FOLDER")
    if check:
        verify(root)
    opened = open_prepared(root)
    return to_dataset(opened._replace(name=name or opened.name))


def sample_graph(opened: Prepared, *, times: bool = True) -> SampleGraph:
    """Return the graph as samplers read it; positions in a sample's `edges` are CSC positions (see `edge_ids`).

    Args:
        times: give the times of nodes and edges along, by which a sample is limited to the past.
    """
    edges = {}
    for key, found in opened.edges.items():
        indptr, senders, rows = in_edges(opened, key)
        time = found.time if times else None
        if time is not None and rows is not None:
            time = time[rows]
        edges[key] = InEdges(indptr, senders, None, time)
    counts = {kind: nodes.rows for kind, nodes in opened.nodes.items()}
    stamped = {kind: nodes.time for kind, nodes in opened.nodes.items() if times and nodes.time is not None}
    return SampleGraph(counts, edges, stamped)


def in_edges(opened: Prepared, key: EdgeType) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return (indptr, senders, edge_ids) of a relation, sorted now if the folder holds COO only."""
    edges = opened.edges[key]
    if edges.indptr is not None and edges.senders is not None:
        return edges.indptr, edges.senders, edges.edge_ids
    assert edges.ends is not None
    made = csc(np.asarray(edges.ends), opened.nodes[key[0]].rows, opened.nodes[key[2]].rows)
    return made["indptr"], made["senders"], made["edge_ids"]


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


def to_graph(opened: Prepared, hidden: Mapping[EdgeType, np.ndarray] | None = None) -> HeteroGraph:
    """Return the graph with the float features of each type side by side and edges by row; codes are left out.

    Args:
        hidden: relation -> rows to leave out, of its reverse too.
    """
    edges = {}
    for key, found in opened.edges.items():
        senders, receivers = ends_by_row(found)
        features = float_features(found.features)
        rows = (hidden or {}).get(found.rows_of or key)
        if rows is not None:
            keep = np.ones(found.rows, bool)
            keep[rows] = False
            senders, receivers = senders[keep], receivers[keep]
            features = None if features is None else features[keep]
        edges[key] = EdgeSet(features, senders, receivers, np.array([len(senders)]))
    nodes = {kind: float_features(found.features) for kind, found in opened.nodes.items()}
    return hetero_graph(nodes, edges, {kind: np.array([of.rows]) for kind, of in opened.nodes.items()})


def float_features(features: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the float arrays as one [n, d]: the memory-mapped one itself if it is alone, None if there is none."""
    arrays = [array for array in features.values() if array.dtype.kind == "f"]
    if not arrays:
        return None
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)


def to_dataset(opened: Prepared) -> Dataset:
    """Return the folder as a Dataset: its graph, the labels and splits of its task; links to be told are hidden.

    Raises:
        DataError: the folder was prepared for a task that isn't about nodes, or links within one node type.
    """
    task = opened.task
    info = {**opened.info, "source": str(opened.root)}
    if task.classes:
        info["classes"] = list(task.classes)
    if task.kind == "node_classification":
        nodes, kind = opened.nodes[task.target[0]], task.target[0]
        targets = None if nodes.label is None else np.array(nodes.label, np.int64)
        splits = {split: np.array(rows, np.int64) for split, rows in nodes.splits.items()}
        graph = to_graph(opened)
        made = Dataset(opened.name, task.kind, graph, targets, splits, task.num_classes, kind, info)
        return check_dataset(made)
    if task.kind == "link_prediction" and task.target[0] == task.target[2]:
        key = (task.target[0], task.target[1], task.target[2])
        ends = np.stack(ends_by_row(opened.edges[key]), axis=1)
        of_rows = opened.edges[key].splits
        links = {split: ends[rows] for split, rows in of_rows.items()}
        unseen = [np.asarray(of_rows[split]) for split in ("valid", "test") if split in of_rows]
        graph = to_graph(opened, {key: np.concatenate(unseen)} if unseen else None)
        return check_dataset(Dataset(opened.name, task.kind, graph, None, links, 0, key[0], info))
    found = f"a folder prepared for {task.kind} of {task.target}"
    do = "load it with heddle.data.MetaLoader and train it with a Trainer"
    fail(opened.root, found, "node classification, or links within one node type", do)
