"""hetero_property: OGB's heterogeneous layout (ogbn-mag), with labels for the nodes of one type."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset, Times
from heddle.data.formats.text_files import check_ids, fail, read_numbers, read_text, same_length
from heddle.data.readers.ogb.tables import optional, read_counts, read_labels, read_splits, read_years
from heddle.graphs.graph import EdgeSet, hetero_graph

HETERO_FILES = ("raw/num-node-dict.csv.gz", "raw/triplet-type-list.csv.gz")


def hetero_property(name: str, raw: Path, split: Path, opposite: bool, info: Mapping[str, Any]) -> Dataset:
    """Return the graph of the folders raw/ and split/SPLIT/ for classification of the nodes that have labels.

    Relation files: raw/relations/HEAD___RELATION___TAIL/edge.csv.gz, and edge-feat.csv.gz or edge_reltype.csv.gz
    beside it (only the first becomes features). raw/node-feat/TYPE/node_year.csv.gz says when nodes came into being.

    Raises:
        DataError: labels of none or several node types, or that aren't classes; a file that doesn't fit the others.
    """
    sizes = read_sizes(raw / "num-node-dict.csv.gz")
    edges = {}
    for head, relation, tail in read_types(raw / "triplet-type-list.csv.gz", sizes):
        folder = raw / "relations" / "___".join((head, relation, tail))
        ends = read_numbers(folder / "edge.csv.gz", np.int64, columns=2)
        read_counts(folder / "num-edge-list.csv.gz", len(ends), "edge.csv.gz")
        check_ids(folder / "edge.csv.gz", ends[:, 0], sizes[head], head)
        check_ids(folder / "edge.csv.gz", ends[:, 1], sizes[tail], tail)
        features = optional(folder / "edge-feat.csv.gz", np.float32)
        if features is not None:
            same_length(folder / "edge-feat.csv.gz", len(features), len(ends), "one for each edge")
        senders, receivers, count = ends[:, 0].copy(), ends[:, 1].copy(), np.array([len(ends)])
        edges[head, relation, tail] = EdgeSet(features, senders, receivers, count)
        if opposite:
            edges[tail, f"rev_{relation}", head] = EdgeSet(features, receivers, senders, count)
    nodes = {}
    for node_type, size in sizes.items():
        path = raw / "node-feat" / node_type / "node-feat.csv.gz"
        table = nodes[node_type] = optional(path, np.float32)
        if table is not None:
            same_length(path, len(table), size, f"one for each {node_type}")
    labelled = [
        node_type for node_type in sizes if (raw / "node-label" / node_type / "node-label.csv.gz").is_file()
    ]
    if len(labelled) != 1:
        fail(
            raw / "node-label",
            f"labels for {labelled}",
            "labels for one node type",
            "keep one folder in node-label/",
        )
    node_type = labelled[0]
    label_path = raw / "node-label" / node_type / "node-label.csv.gz"
    targets, classes = read_labels(label_path, sizes[node_type])
    if not classes:
        fail(label_path, "labels that are not whole numbers", "classes")
    splits = read_splits(split / node_type, sizes[node_type])
    years = {name: read_years(raw / "node-feat" / name / "node_year.csv.gz", n) for name, n in sizes.items()}
    known = {name: of for name, of in years.items() if of is not None}
    times = Times(known[node_type], known) if node_type in known else None
    graph = hetero_graph(nodes, edges, {node_type: np.array([size]) for node_type, size in sizes.items()})
    dataset = Dataset(
        name, "node_classification", graph, targets, splits, classes, node_type, info, times=times
    )
    return check_dataset(dataset)


def read_sizes(path: Path) -> dict[str, int]:
    """Return node type -> number of nodes of a table with one heading and one row.

    Raises:
        DataError: other than two lines, a type twice, or a size out of range.
    """
    lines = [line.strip() for line in read_text(path).strip().split("\n")]
    cells = [line.split(",") for line in lines]
    if len(cells) != 2 or len(cells[0]) != len(cells[1]) or not all(cell.isdecimal() for cell in cells[1]):
        fail(
            path,
            f"{len(lines)} lines: {' / '.join(lines)[:80]!r}",
            "a line of node types and a line of counts",
        )
    sizes = {node_type: int(count) for node_type, count in zip(*cells)}
    if len(sizes) != len(cells[0]) or max(sizes.values()) >= 2**40:
        fail(path, f"the types {cells[0]} of sizes {cells[1]}", "distinct types of fewer than 2**40 nodes")
    return sizes


def read_types(path: Path, sizes: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Return the (head, relation, tail) types of a table, checked against the node types and as names of folders.

    Raises:
        DataError: a row without three names, an unknown node type, or a relation twice.
    """
    types = []
    for number, line in enumerate(read_text(path).strip().split("\n"), 1):
        cells = line.strip().split(",")
        if len(cells) != 3:
            fail(f"{path}: line {number}", f"{len(cells)} columns", "head, relation, tail")
        if any("/" in cell or "\\" in cell or cell.startswith(".") for cell in cells):
            fail(f"{path}: line {number}", repr(line), "plain names")
        if cells[0] not in sizes or cells[2] not in sizes:
            fail(f"{path}: line {number}", repr(line), f"node types of {sorted(sizes)}")
        if (key := (cells[0], cells[1], cells[2])) in types:
            fail(f"{path}: line {number}", f"{line!r} again", "every relation once")
        types.append(key)
    return types
