"""Prepared: what a prepared folder holds, its arrays memory-mapped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import EdgeType

FORMAT = 1
"""The number of the layout; a folder of another is refused."""

METADATA = "metadata.json"
"""The file that is written last: a folder without it is not finished."""

APPENDED = "appended"
"""The folders of arrays that rows were appended to are called so, with a number."""

TASK_KINDS = (
    "node_classification",
    "node_regression",
    "node_ranking",
    "link_prediction",
    "edge_classification",
    "edge_regression",
    "edge_ranking",
    "none",
)


class FolderTask(NamedTuple):
    """What a folder was prepared for.

    Attributes:
        kind: one of TASK_KINDS.
        target: (node type,) or (source, relation, target): whose labels and splits count; () for "none".
        num_classes: classes of the labels, 0 for links and values.
        classes: their names in order, () if they have none.
        delay: how long after its time the label of a row is known, in the unit of times.
        labels: the names of several labels of each row, 0 or 1 each, or of several numbers; () for one.
    """

    kind: str = "none"
    target: tuple[str, ...] = ()
    num_classes: int = 0
    classes: tuple[str, ...] = ()
    delay: int = 0
    labels: tuple[str, ...] = ()


class PreparedNodes(NamedTuple):
    """The nodes of one type; node i is row i of everything.

    Attributes:
        rows: number of nodes.
        features: name -> [rows, ...] float32, or int32 for codes of categories; {} for none.
        columns: name of a feature -> the names of its columns.
        sizes: name of an int32 feature -> the number of codes of each column; code 0 is "unknown".
        time: [rows] int64, or None.
        label: [rows] int64, -1 where unknown; float64 values, NaN where unknown; [rows, k] float32 of several labels or
            values; or None.
        splits: "train", "valid", "test" -> ascending int64 rows; {} for none.
        ids: Parquet file with the column "id": the key of each row in the tables; or None.
        hashes: [rows] uint64 of type and key (`key_hashes`), what draws of a sample go by; None where there are no
            keys, and in folders of 0.1.0.
        weight: [rows] float32 from 0, what each label weighs in the loss; or None.
        group: [rows] int64 of a ranking, the group within which a row is put in order; or None.
    """

    rows: int
    features: Mapping[str, np.ndarray]
    columns: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, tuple[int, ...]]
    time: np.ndarray | None
    label: np.ndarray | None
    splits: Mapping[str, np.ndarray]
    ids: Path | None
    weight: np.ndarray | None = None
    group: np.ndarray | None = None
    hashes: np.ndarray | None = None


class PreparedEdges(NamedTuple):
    """The edges of one relation. Features, time, label and splits are by row: edge i of the table they came from.

    CSC (`indptr`, `senders`, `edge_ids`), COO (`ends`) or both are there. A relation and its reverse share the rows
    and the files of what is by row.

    Attributes:
        rows: number of edges.
        indptr: [n_receivers + 1]; receiver r has the positions indptr[r] to indptr[r + 1]. int32 if all fits.
        senders: [rows], the sender at each position, as wide as indptr.
        edge_ids: [rows], the row at each position, as wide as indptr; None if position i is row i.
        ends: [rows, 2], sender and receiver of each row.
        features, columns, sizes: as in PreparedNodes.
        time: [rows] int64, or None.
        label: as in PreparedNodes.
        splits: "train", "valid", "test" -> ascending int64 rows; {} for none.
        rows_of: the relation whose rows these are too, as a reverse relation has its original's; or None.
        by_time: whether each receiver's positions are in the order of their times; of other timed relations a sampler
            looks at every edge of a receiver.
        weight, group: as in PreparedNodes.
    """

    rows: int
    indptr: np.ndarray | None
    senders: np.ndarray | None
    edge_ids: np.ndarray | None
    ends: np.ndarray | None
    features: Mapping[str, np.ndarray]
    columns: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, tuple[int, ...]]
    time: np.ndarray | None
    label: np.ndarray | None
    splits: Mapping[str, np.ndarray]
    rows_of: EdgeType | None = None
    by_time: bool = False
    weight: np.ndarray | None = None
    group: np.ndarray | None = None


class Prepared(NamedTuple):
    """A prepared folder, opened; arrays are read-only and memory-mapped.

    Attributes:
        root: the folder.
        name: what the data calls itself.
        task: what it was prepared for.
        nodes: node type -> PreparedNodes, sorted.
        edges: (source type, relation, target type) -> PreparedEdges, sorted.
        info: anything worth showing: source, sizes, vocabularies.
        recipe: what the folder was made by, independent of the engine that made it.
        tasks: further tasks by name, each of a node type of its own.
        tables: the folder of the tables that it keeps, if it keeps some.
    """

    root: Path
    name: str
    task: FolderTask
    nodes: Mapping[str, PreparedNodes]
    edges: Mapping[EdgeType, PreparedEdges]
    info: Mapping[str, Any]
    recipe: Mapping[str, Any]
    tasks: Mapping[str, FolderTask] = {}
    tables: Path = Path("tables")
