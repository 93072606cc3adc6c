"""node_property: one graph in OGB's tables with a label for each node."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset, Times
from heddle.data.edges import with_opposites
from heddle.data.formats.text_files import check_ids, fail, read_numbers, same_length
from heddle.data.readers.ogb.tables import optional, read_counts, read_labels, read_splits, read_years
from heddle.graphs.graph import Graph
from heddle.sampling.types import ONE_TYPE

NODE_FILES = (
    "raw/edge.csv.gz",
    "raw/num-node-list.csv.gz",
    "raw/num-edge-list.csv.gz",
    "raw/node-label.csv.gz",
)


def node_property(name: str, raw: Path, split: Path, opposite: bool, info: Mapping[str, Any]) -> Dataset:
    """Return the graph of the folders raw/ and split/SPLIT/ for node classification; with years, if nodes have some.

    Raises:
        DataError: several graphs, labels that aren't classes, or a file that doesn't fit the others.
    """
    edges = read_numbers(raw / "edge.csv.gz", np.int64, columns=2)
    read_counts(raw / "num-edge-list.csv.gz", len(edges), "edge.csv.gz")
    targets_path = raw / "node-label.csv.gz"
    n_node = read_numbers(raw / "num-node-list.csv.gz", np.int64, columns=1)[:, 0]
    if len(n_node) != 1 or not 0 <= n_node[0] < 2**40:
        fail(raw / "num-node-list.csv.gz", n_node[:5].tolist(), "the number of nodes of one graph")
    size = int(n_node[0])
    check_ids(raw / "edge.csv.gz", edges, size, "a node")
    nodes, features = (
        optional(raw / "node-feat.csv.gz", np.float32),
        optional(raw / "edge-feat.csv.gz", np.float32),
    )
    for table, rows, what in ((nodes, size, "node"), (features, len(edges), "edge")):
        if table is not None:
            same_length(raw / f"{what}-feat.csv.gz", len(table), rows, f"one for each {what}")
    if opposite:
        edges, features = with_opposites(edges, features)
    targets, classes = read_labels(targets_path, size)
    if not classes:
        fail(targets_path, "labels that are not whole numbers", "classes")
    senders, receivers = edges[:, 0].copy(), edges[:, 1].copy()
    graph = Graph(nodes, features, senders, receivers, None, n_node, np.array([len(edges)]))
    splits, years = read_splits(split, size), read_years(raw / "node_year.csv.gz", size)
    times = None if years is None else Times(years, {ONE_TYPE: years})
    dataset = Dataset(name, "node_classification", graph, targets, splits, classes, "", info, times=times)
    return check_dataset(dataset)
