"""tables: a graph out of tables of nodes and edges, CSV or Parquet, that the configuration describes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import Dataset
from heddle.data.edges import with_opposites
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.reader_options import TablesOptions
from heddle.data.readers.tables.edges import EdgeBlock, read_edge_tables
from heddle.data.readers.tables.nodes import NodeBlock, read_node_tables
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph


def read_tables(options: TablesOptions) -> Dataset:
    """Return the dataset that a `data=tables` node describes; see `tables` for its keys."""
    return call(tables, options)


def tables(
    name: str = TablesOptions.name,
    root: str | None = TablesOptions.root,
    nodes: Sequence[Mapping[str, Any]] = TablesOptions.nodes,
    edges: Sequence[Mapping[str, Any]] = TablesOptions.edges,
    opposite: bool = TablesOptions.opposite,
    delimiter: str = TablesOptions.delimiter,
) -> Dataset:
    """Return the graph of the tables: a Graph where there is one type of nodes and one relation, else a HeteroGraph.

    Ids are text or whole numbers, compared as text, unique within a type. With a label column the task is node
    classification; without, link prediction, where the edges' split column says which edges are hidden from the
    graph. Classes are sorted, as numbers where all are whole.

    Args:
        name: what the dataset calls itself.
        root: folder of the tables; None for the current one.
        nodes: tables of nodes, with the keys of `table_nodes.NodeTable`; none takes the nodes that edges name.
        edges: tables of edges, with the keys of `table_edges.EdgeTable`.
        opposite: add the opposite of each edge (in a HeteroGraph a relation rev_R).
        delimiter: between the cells of a CSV.

    Raises:
        DataError: no tables of edges, splits of edges in a graph of several types, or a table that can't be read.
    """
    folder = Path(root or ".").expanduser()
    if not edges:
        fail("data.edges", "no tables", "at least one, as [{path: edges.csv}]", "describe the edges' tables")
    blocks = read_node_tables(folder, nodes, delimiter)
    relations = read_edge_tables(folder, edges, blocks, delimiter)
    info: dict[str, Any] = {
        "source": str(folder),
        "ids": {node_type: list(block.ids) for node_type, block in blocks.items()},
    }
    node_type = next((node_type for node_type, block in blocks.items() if block.labels is not None), "")
    single = len(blocks) == 1 and len(relations) == 1
    splits: Mapping[str, np.ndarray] = {}
    if node_type:
        task, (targets, classes) = "node_classification", _classes(blocks[node_type].labels or [])
        splits = blocks[node_type].splits
    else:
        task, targets, classes = "link_prediction", None, []
        if not single and any(block.splits for block in relations.values()):
            do = "read the links as triples, or split one relation alone"
            fail(
                "data.edges",
                "a split column in a graph of several types",
                "one node type and one relation",
                do,
            )
    if single:
        block = next(iter(relations.values()))
        if block.splits and not node_type:
            splits = {split: block.ends[rows] for split, rows in block.splits.items()}
            hidden = np.concatenate(
                [np.empty(0, np.int64), *(block.splits.get(s, []) for s in ("valid", "test"))]
            )
            block = block.without(hidden.astype(np.int64))
        graph: Any = _graph(next(iter(blocks.values())), block, opposite)
    else:
        graph = _hetero(blocks, relations, opposite)
    return check_dataset(
        Dataset(
            name,
            task,
            graph,
            targets,
            splits,
            len(classes),
            "" if single else node_type,
            info,
            class_names=classes,
        )
    )


def _classes(labels: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return [n] int64 classes, -1 for an empty label, and the classes' names in order."""
    names = sorted({label for label in labels if label})
    if all(name.lstrip("-").isdecimal() for name in names):
        names.sort(key=int)
    number = {"": -1} | {label: position for position, label in enumerate(names)}
    return np.array([number[label] for label in labels], np.int64), names


def _graph(nodes: NodeBlock, edges: EdgeBlock, opposite: bool) -> Graph:
    ends, features = edges.ends, edges.features
    if opposite:
        ends, features = with_opposites(ends, features)
    senders, receivers = ends[:, 0].copy(), ends[:, 1].copy()
    n_node, n_edge = np.array([len(nodes.ids)]), np.array([len(ends)])
    return Graph(nodes.features, features, senders, receivers, None, n_node, n_edge)


def _hetero(
    nodes: Mapping[str, NodeBlock], relations: Mapping[tuple[str, str, str], EdgeBlock], opposite: bool
) -> Any:
    edges = {}
    for (source, relation, target), block in relations.items():
        senders, receivers = block.ends[:, 0].copy(), block.ends[:, 1].copy()
        count = np.array([len(senders)])
        edges[source, relation, target] = EdgeSet(block.features, senders, receivers, count)
        if opposite:
            edges[target, f"rev_{relation}", source] = EdgeSet(block.features, receivers, senders, count)
    features = {node_type: block.features for node_type, block in nodes.items()}
    return hetero_graph(
        features, edges, {node_type: np.array([len(block.ids)]) for node_type, block in nodes.items()}
    )
