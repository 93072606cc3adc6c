"""tu: graph classification and regression in the text files of TUDataset (Morris et al., arXiv:2007.08663)."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.features import degree_features, one_hot, side_by_side
from heddle.data.fetch.download import Remote, obtain
from heddle.data.formats.text_files import check_ids, fail, locate, read_numbers, same_length
from heddle.data.options import call, one_of
from heddle.data.reader_options import TuOptions
from heddle.data.splits import fold_split, random_split
from heddle.graphs.batch import unbatch
from heddle.graphs.graph import Graph
from heddle.graphs.validate import validate

ADDRESS = "https://www.chrsmrrs.com/graphkerneldatasets"
NEEDED = ("A", "graph_indicator")
NODE_FEATURES = ("auto", "labels", "attributes", "both", "degree", "constant")
EDGE_FEATURES = ("auto", "labels", "attributes", "both", "none")
TARGETS = ("auto", "labels", "attributes")


class Tables(NamedTuple):
    """The files of a dataset as arrays [rows, columns], None where there is no such file."""

    edges: np.ndarray
    graph_of_node: np.ndarray
    node_labels: np.ndarray | None
    node_attributes: np.ndarray | None
    edge_labels: np.ndarray | None
    edge_attributes: np.ndarray | None
    graph_labels: np.ndarray | None
    graph_attributes: np.ndarray | None


def read_tu(options: TuOptions) -> Dataset:
    """Return the dataset that a `data=tu` node names; see `tu` for its keys."""
    return call(tu, options)


def tu(
    name: str = TuOptions.name,
    root: str | None = TuOptions.root,
    download: bool = TuOptions.download,
    node_features: str = TuOptions.node_features,
    edge_features: str = TuOptions.edge_features,
    target: str = TuOptions.target,
    max_degree: int = TuOptions.max_degree,
    folds: int = TuOptions.folds,
    fold: int = TuOptions.fold,
    seed: int = TuOptions.seed,
) -> Dataset:
    """Return the TU dataset `name` for graph classification, or regression on its graph attributes.

    Args:
        name: the NAME of the files NAME_A.txt and so on.
        root: folder of the files, or of a folder NAME with them; None for ~/.cache/heddle.
        download: fetch missing files.
        node_features: "labels" (one-hot), "attributes", "both" (attributes, then labels), "degree" (one-hot),
            "constant" (1); "auto" takes the first of labels, attributes, degree that there is.
        edge_features: "labels", "attributes", "both" or "none"; "auto" takes the first that there is.
        target: "labels" classifies, "attributes" regresses; "auto" takes labels where there are some.
        max_degree: degrees above it share the last position of the one-hot degree.
        folds: 0 draws 80/10/10 % (by class); k > 1 tests on fold `fold` of stratified k-fold cross-validation.
        fold: 0 to `folds` - 1.
        seed: draws the split, whatever the seed of the run.

    Raises:
        DataError: a file that is missing, can't be read, or doesn't fit the others.
        ConfigError: features or a target that aren't known.
    """
    one_of("node_features", node_features, NODE_FEATURES)
    one_of("edge_features", edge_features, EDGE_FEATURES)
    one_of("target", target, TARGETS)
    needed = [f"{name}_{part}.txt" for part in NEEDED]
    folder = locate(root, [name, "", f"{name}/raw", "raw"], needed)
    obtain(name, folder, needed, [Remote(f"{ADDRESS}/{name}.zip", tuple(needed))], download)
    tables = read_tables(folder, name)
    stem = folder / name
    batch = validate(as_batch(tables, node_features, edge_features, max_degree, stem))

    info: dict[str, Any] = {"source": ADDRESS}
    if target == "attributes" or (target == "auto" and tables.graph_labels is None):
        targets: np.ndarray = _wanted(tables.graph_attributes, f"{stem}_graph_attributes.txt").astype(
            np.float32
        )
        task, classes, strata, class_names = "graph_regression", 0, None, []
    else:
        labels = _wanted(tables.graph_labels, f"{stem}_graph_labels.txt")
        if labels.shape[1] != 1:
            fail(f"{stem}_graph_labels.txt", f"{labels.shape[1]} columns", "1 column")
        names, targets = np.unique(labels[:, 0], return_inverse=True)
        task, classes, strata = "graph_classification", len(names), targets
        class_names = [str(label) for label in names.tolist()]
    size = len(targets)
    if folds:
        splits = fold_split(np.zeros(size, np.int64) if strata is None else strata, folds, fold, seed)
    else:
        splits = random_split(size, seed, classes=strata)
    dataset = Dataset(
        name, task, unbatch(batch), targets, splits, classes, info=info, class_names=class_names
    )
    return check_dataset(dataset, validated=True)


def read_tables(folder: Path, name: str) -> Tables:
    """Read the files NAME_*.txt of a folder, with their row counts checked against each other.

    Raises:
        DataError: a file that is missing, or rows that don't fit the other files.
    """

    def table(part: str, dtype: Any) -> np.ndarray | None:
        path = folder / f"{name}_{part}.txt"
        return read_numbers(path, dtype) if path.is_file() else None

    stem = folder / name
    edges = read_numbers(f"{stem}_A.txt", np.int64, columns=2)
    graph_of_node = read_numbers(f"{stem}_graph_indicator.txt", np.int64, columns=1)[:, 0]
    tables = Tables(
        edges,
        graph_of_node,
        table("node_labels", np.int64),
        table("node_attributes", np.float32),
        table("edge_labels", np.int64),
        table("edge_attributes", np.float32),
        table("graph_labels", np.int64),
        table("graph_attributes", np.float32),
    )
    check_ids(f"{stem}_A.txt", edges, len(graph_of_node), "a node", start=1)
    n_graphs = next((len(rows) for rows in tables[6:] if rows is not None), None)
    if n_graphs is None:
        fail(f"{stem}_graph_labels.txt", "no such file", "graph labels or graph attributes")
    check_ids(f"{stem}_graph_indicator.txt", graph_of_node, n_graphs, "a graph", start=1)
    crosses = graph_of_node[edges[:, 0] - 1] != graph_of_node[edges[:, 1] - 1]
    if crosses.any():
        row = int(np.argmax(crosses))
        fail(f"{stem}_A.txt: row {row + 1}", f"the edge {edges[row].tolist()}", "two nodes of one graph")
    sizes = {"node": len(graph_of_node), "edge": len(edges), "graph": n_graphs}
    for field, rows in zip(Tables._fields[2:], tables[2:]):
        level = field.split("_")[0]
        if rows is not None:
            same_length(f"{stem}_{field}.txt", len(rows), sizes[level], f"one for each {level}")
    return tables


def as_batch(tables: Tables, node_features: str, edge_features: str, max_degree: int, stem: Path) -> Graph:
    """Return the tables as one batch of graphs, nodes and edges sorted by graph."""
    labels = tables.graph_labels if tables.graph_labels is not None else tables.graph_attributes
    n_graphs = 0 if labels is None else len(labels)
    edges, n_node = tables.edges - 1, np.bincount(tables.graph_of_node - 1, minlength=n_graphs)
    graph_of_edge = tables.graph_of_node[edges[:, 0]] - 1
    node_order = np.argsort(tables.graph_of_node, kind="stable")
    edge_order = np.argsort(graph_of_edge, kind="stable")
    position = np.empty(len(node_order), np.int64)
    position[node_order] = np.arange(len(node_order))
    nodes = _features(node_features, tables.node_labels, tables.node_attributes, f"{stem}_node")
    if node_features == "constant":
        nodes = np.ones((len(node_order), 1), np.float32)
    elif nodes is None:
        nodes = degree_features(np.bincount(edges[:, 1], minlength=len(node_order)), max_degree)
    edge_data = _features(edge_features, tables.edge_labels, tables.edge_attributes, f"{stem}_edge")
    return Graph(
        nodes[node_order],
        None if edge_data is None else edge_data[edge_order],
        position[edges[edge_order, 0]],
        position[edges[edge_order, 1]],
        None,
        n_node,
        np.bincount(graph_of_edge, minlength=n_graphs),
    )


def _features(
    choice: str, labels: np.ndarray | None, attributes: np.ndarray | None, stem: str
) -> np.ndarray | None:
    """Return what `choice` names as float32 [rows, d]; None where "auto" finds neither, or for another choice."""
    if choice == "auto":
        choice = "labels" if labels is not None else "attributes" if attributes is not None else "none"
    blocks = []
    if choice in ("attributes", "both"):
        blocks.append(_wanted(attributes, f"{stem}_attributes.txt"))
    if choice in ("labels", "both"):
        blocks.append(one_hot(_wanted(labels, f"{stem}_labels.txt")))
    return side_by_side(blocks)


def _wanted(table: np.ndarray | None, path: str) -> np.ndarray:
    """Return a table that an option asks for, or say that its file is missing."""
    if table is None:
        fail(
            path,
            "no such file",
            "a file, since an option asks for it",
            "choose another option or add the file",
        )
    return table
