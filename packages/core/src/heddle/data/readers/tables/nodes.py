"""Tables of nodes: ids, features, labels and splits by node type."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.features import one_hot, side_by_side
from heddle.data.formats.columns import Table, numbers, read_table, texts
from heddle.data.formats.text_files import fail
from heddle.data.options import described

SPLIT_NAMES = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}


class NodeTable(NamedTuple):
    """A table of nodes, as the configuration describes it.

    Attributes:
        path: file below data.root.
        id: column of the ids.
        features: columns of numbers, in this order.
        categories: columns to encode one-hot, after the features.
        label: column of the classes, empty where unknown; at most one node type has labels.
        split: column of train, valid or test, empty for none of them.
        type: the type of all its nodes, unless `type_column` names a column of types.
    """

    path: str
    id: str = "id"
    features: Sequence[str] = ()
    categories: Sequence[str] = ()
    label: str | None = None
    split: str | None = None
    type: str = "node"
    type_column: str | None = None


class NodeBlock(NamedTuple):
    """The nodes of one type, numbered from 0 in the order of their rows."""

    ids: dict[str, int]
    features: np.ndarray | None = None
    labels: list[str] | None = None
    splits: Mapping[str, np.ndarray] = {}


def read_node_tables(
    folder: Path, specs: Sequence[Mapping[str, Any]], delimiter: str
) -> dict[str, NodeBlock]:
    """Return node type -> nodes of all tables.

    Args:
        folder: of the tables.
        specs: for each table the entry of `data.nodes`: file, columns, features.
        delimiter: between cells.

    Raises:
        DataError: a node type in two tables, labels of two types, or a cell that can't be read.
    """
    blocks: dict[str, NodeBlock] = {}
    for number, item in enumerate(specs):
        spec = described(NodeTable, item, f"data.nodes[{number}]")
        table = read_table(folder / spec.path, delimiter)
        kinds = texts(table, spec.type_column) if spec.type_column else [spec.type] * table.rows
        ids = texts(table, spec.id)
        columns = [numbers(table, column)[:, None] for column in spec.features]
        columns += [
            one_hot(np.unique(texts(table, c), return_inverse=True)[1][:, None]) for c in spec.categories
        ]
        features = side_by_side(columns)
        for node_type in sorted(set(kinds)) if spec.type_column else [spec.type]:
            if node_type in blocks or not node_type:
                fail(
                    table.path,
                    f"the node type {node_type!r}",
                    "a name that no other table has",
                    "merge the tables",
                )
            rows = np.flatnonzero(np.array(kinds, dtype=object) == node_type)
            blocks[node_type] = _block(table, spec, ids, features, rows)
    labelled = [node_type for node_type, block in blocks.items() if block.labels is not None]
    if len(labelled) > 1:
        fail(
            "data.nodes", f"labels for {labelled}", "labels for one node type", "leave the others' label out"
        )
    return blocks


def _block(
    table: Table, spec: NodeTable, ids: Sequence[str], features: np.ndarray | None, rows: np.ndarray
) -> NodeBlock:
    """Return the nodes in the given rows of a table."""
    numbered: dict[str, int] = {}
    for row in rows.tolist():
        where = f"{table.path}: row {row + 1}, column {spec.id!r}"
        if not ids[row]:
            fail(where, "an empty id", "an id")
        if ids[row] in numbered:
            fail(where, f"the id {ids[row]!r} again", "every id once in its type")
        numbered[ids[row]] = len(numbered)
    labels = [texts(table, spec.label)[row] for row in rows] if spec.label else None
    if labels is not None and not any(labels):
        labels = None
    splits = split_rows(table, spec.split, rows) if spec.split and labels is not None else {}
    return NodeBlock(numbered, None if features is None else features[rows], labels, splits)


def split_rows(table: Table, column: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return split -> positions [n] int64 within `rows` of those whose cell in the column names it.

    Args:
        rows: [n] rows of the table.

    Raises:
        DataError: a cell that names no split.
    """
    cells = texts(table, column)
    positions: dict[str, list[int]] = {split: [] for split in SPLITS}
    for position, row in enumerate(rows.tolist()):
        cell = cells[row].lower()
        if cell and cell not in SPLIT_NAMES:
            fail(
                f"{table.path}: row {row + 1}, column {column!r}",
                repr(cell),
                f"one of {list(SPLIT_NAMES)} or nothing",
            )
        if cell:
            positions[SPLIT_NAMES[cell]].append(position)
    return {split: np.array(rows_of, np.int64) for split, rows_of in positions.items()}
