"""graph_property: many graphs in OGB's tables, one after another, with a label for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import with_opposites
from heddle.data.features import one_hot
from heddle.data.formats.text_files import fail, read_numbers, same_length
from heddle.data.readers.ogb.tables import optional, read_column, read_counts, read_labels, read_splits
from heddle.graphs.batch import unbatch
from heddle.graphs.graph import Graph
from heddle.graphs.validate import validate

GRAPH_FILES = (
    "raw/edge.csv.gz",
    "raw/num-node-list.csv.gz",
    "raw/num-edge-list.csv.gz",
    "raw/graph-label.csv.gz",
)
MOST_BYTES = 2**31
"""One-hot features are refused above this size."""


def graph_property(
    name: str, raw: Path, split: Path, opposite: bool, encode: bool, info: Mapping[str, Any]
) -> Dataset:
    """Return the graphs of the folders raw/ and split/SPLIT/ for graph classification or regression.

    Raises:
        DataError: counts that don't fit the rows, or an edge to a node outside of its graph.
    """
    edges = read_numbers(raw / "edge.csv.gz", np.int64, columns=2)
    n_edge = read_counts(raw / "num-edge-list.csv.gz", len(edges), "edge.csv.gz")
    n_node = read_column(raw / "num-node-list.csv.gz")
    same_length(
        raw / "num-node-list.csv.gz", len(n_node), len(n_edge), "one for each of num-edge-list.csv.gz"
    )
    size = sum(n_node.tolist())
    if len(n_node) and (n_node.min() < 0 or size >= 2**40):
        fail(
            raw / "num-node-list.csv.gz", f"counts from {n_node.min()} that sum to {size}", "counts of nodes"
        )
    limit = np.repeat(n_node, n_edge)[:, None]
    bad = (edges < 0) | (edges >= limit)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        expected = f"a node of its graph, 0 to {limit[row, 0] - 1}"
        fail(f"{raw / 'edge.csv.gz'}: row {row + 1}", edges[row, column], expected)
    nodes = _features(raw / "node-feat.csv.gz", size, "node", encode)
    features = _features(raw / "edge-feat.csv.gz", len(edges), "edge", encode)

    edges = edges + np.repeat(np.cumsum(n_node) - n_node, n_edge)[:, None]
    if opposite:
        edges, features = with_opposites(edges, features)
        n_edge = 2 * n_edge
    senders, receivers = edges[:, 0].copy(), edges[:, 1].copy()
    batch = validate(Graph(nodes, features, senders, receivers, None, n_node, n_edge))
    targets, classes = read_labels(raw / "graph-label.csv.gz", len(n_node))
    task = "graph_classification" if classes else "graph_regression"
    splits = read_splits(split, len(n_node))
    dataset = Dataset(name, task, unbatch(batch), targets, splits, classes, "", info)
    return check_dataset(dataset, validated=True)


def _features(path: Path, rows: int, what: str, encode: bool) -> np.ndarray | None:
    """Return features as float32, one-hot if asked and all are whole numbers; None where there is no file."""
    table = optional(path, np.float32)
    if table is None:
        return None
    same_length(path, len(table), rows, f"one for each {what}")
    if not encode or (table != np.round(table)).any():
        return table
    width = sum(len(np.unique(column)) for column in table.T)
    if 4 * width * len(table) > MOST_BYTES:
        do = "set data.encode=raw"
        fail(path, f"{width} one-hot features of {len(table)} rows", f"at most {MOST_BYTES} bytes", do)
    return one_hot(table)
