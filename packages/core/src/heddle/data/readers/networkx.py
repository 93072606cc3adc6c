"""networkx: a graph in a file that networkx reads: GraphML, GML, edge list or node-link JSON; never a pickle."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.data.check import check_dataset
from heddle.data.dataset import SPLITS, Dataset
from heddle.data.features import side_by_side
from heddle.data.formats.text_files import fail, read_bytes, read_text
from heddle.data.options import call
from heddle.data.reader_options import NetworkxOptions
from heddle.data.readers.tables.nodes import SPLIT_NAMES
from heddle.errors import DataError, nearest
from heddle.extras import require
from heddle.graphs.convert import from_networkx


def read_networkx(options: NetworkxOptions) -> Dataset:
    """Return the dataset that a `data=networkx` node names; see `networkx_file` for its keys."""
    return call(networkx_file, options)


def networkx_file(
    name: str = NetworkxOptions.name,
    root: str | None = NetworkxOptions.root,
    file: str = NetworkxOptions.file,
    features: Sequence[str] = NetworkxOptions.features,
    edge_features: Sequence[str] = NetworkxOptions.edge_features,
    label: str | None = NetworkxOptions.label,
    split: str | None = NetworkxOptions.split,
) -> Dataset:
    """Return the graph of a file: .graphml, .gml, .json (node-link), .edgelist, .txt or .csv (edge lists).

    Args:
        name: what the dataset calls itself.
        root: folder of the file; None for the current one.
        file: its name.
        features, edge_features, label, split: as in `networkx_dataset`.

    Raises:
        DataError: another ending, or a file that is missing or can't be read.
    """
    networkx = require("networkx", "convert")
    path = Path(root or ".").expanduser() / file
    readers: dict[str, Callable[[], Any]] = {
        ".graphml": lambda: networkx.parse_graphml(read_text(path)),
        ".gml": lambda: networkx.parse_gml(read_text(path), label=None),
        ".json": lambda: networkx.node_link_graph(_with_edges(json.loads(read_text(path))), edges="edges"),
        ".csv": lambda: networkx.parse_edgelist(read_text(path).split("\n"), delimiter=","),
        ".edgelist": lambda: networkx.parse_edgelist(read_text(path).split("\n")),
    }
    readers[".txt"] = readers[".edgelist"]
    if path.suffix not in readers:
        do = "write the graph in one of these; pickles are never read"
        fail(path, f"the ending {path.suffix!r}", f"one of {list(readers)}", do)
    read_bytes(path)  # a missing file is reported as such
    try:
        graph = readers[path.suffix]()
    except DataError:
        raise
    except Exception as error:  # networkx lets the XML parser's, json's and its own errors through
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        fail(path, f"a file that can't be read ({reason})", f"a whole {path.suffix} file")
    return networkx_dataset(
        graph,
        name,
        features=features,
        edge_features=edge_features,
        label=label,
        split=split,
        source=str(path),
    )


def networkx_dataset(
    graph: Any,
    name: str = "networkx",
    *,
    features: Sequence[str] = (),
    edge_features: Sequence[str] = (),
    label: str | None = None,
    split: str | None = None,
    source: str = "networkx",
) -> Dataset:
    """Return a networkx graph (directed or not, multi or not) as a Dataset; nodes keep their order.

    An undirected edge becomes two, the ways there first, then the ways back; a loop stays one. With a label the task
    is node classification, without link prediction. A graph without feature names has no features.

    Args:
        graph: the networkx graph.
        name: what the dataset calls itself.
        features: node attributes that are numbers or lists of numbers, side by side.
        edge_features: edge attributes likewise.
        label: node attribute with the class; nodes without it are unknown. Classes are sorted by name.
        split: node attribute with train, valid or test; nodes without it are in none.
        source: where the graph is from.

    Raises:
        DataError: no node with the label's attribute, or a cell that names no split.
    """
    whole = from_networkx(graph, nodes=features, edges=edge_features)
    whole = whole._replace(nodes=_flat(whole.nodes), edges=_flat(whole.edges))
    names = [f"node {node!r}" for node in graph]
    info: dict[str, Any] = {"source": source, "ids": [str(node) for node in graph]}
    targets, classes, splits = None, [], {}
    if label is not None:
        labels = [attributes.get(label) for _, attributes in graph.nodes(data=True)]
        classes = sorted({str(value) for value in labels if value is not None})
        if not classes:
            valid = sorted({str(key) for _, attributes in graph.nodes(data=True) for key in attributes})
            do = f"the attributes are {valid}{nearest(label, valid)}"
            fail(source, f"no node with the attribute {label!r}", "labels", do)
        number = {value: position for position, value in enumerate(classes)}
        targets = np.array([-1 if value is None else number[str(value)] for value in labels], np.int64)
    if split is not None:
        splits = _splits([attributes.get(split) for _, attributes in graph.nodes(data=True)], names)
    task = "link_prediction" if label is None else "node_classification"
    return check_dataset(
        Dataset(name, task, whole, targets, splits, len(classes), info=info, class_names=classes)
    )


def _with_edges(document: Any) -> Any:
    """Return node-link JSON with its edges under the key that networkx expects now; older ones wrote "links"."""
    if isinstance(document, dict) and "edges" not in document and "links" in document:
        document = {**document, "edges": document["links"]}
    return document


def _flat(columns: Mapping[str, np.ndarray] | None) -> np.ndarray | None:
    """Return features by name side by side as float32 [n, d], None for none."""
    blocks = [column.reshape(len(column), math.prod(column.shape[1:])) for column in (columns or {}).values()]
    return side_by_side(blocks)


def _splits(values: Sequence[Any], names: Sequence[str]) -> dict[str, np.ndarray]:
    positions: dict[str, list[int]] = {split: [] for split in SPLITS}
    for position, (value, name) in enumerate(zip(values, names)):
        cell = "" if value is None else str(value).lower()
        if cell and cell not in SPLIT_NAMES:
            fail(name, repr(value), f"one of {list(SPLIT_NAMES)} or nothing")
        if cell:
            positions[SPLIT_NAMES[cell]].append(position)
    return {split: np.array(rows, np.int64) for split, rows in positions.items()}
