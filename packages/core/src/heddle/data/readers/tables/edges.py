"""Tables of edges: the two ends by id, features and splits, by source type, relation and target type."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.features import side_by_side
from heddle.data.formats.columns import Table, numbers, read_table, texts
from heddle.data.formats.text_files import fail
from heddle.data.options import described
from heddle.data.readers.tables.nodes import NodeBlock, split_rows


class EdgeTable(NamedTuple):
    """A table of edges, as the configuration describes it.

    Attributes:
        path: file below data.root.
        source: column of the ids where edges start.
        target: column of the ids where edges end.
        features: columns of numbers, in this order.
        split: column of train, valid or test, for link prediction.
        source_type: type of all sources; None looks the id up in every type.
        target_type: type of all targets, likewise.
        relation: the relation of all its edges, unless `relation_column` names a column of relations.
    """

    path: str
    source: str = "source"
    target: str = "target"
    features: Sequence[str] = ()
    split: str | None = None
    source_type: str | None = None
    target_type: str | None = None
    relation: str = "edge"
    relation_column: str | None = None


class EdgeBlock(NamedTuple):
    """The edges of one relation: [n_edges, 2] ends, features, positions of splits."""

    ends: np.ndarray
    features: np.ndarray | None
    splits: Mapping[str, np.ndarray]

    def without(self, rows: np.ndarray) -> "EdgeBlock":
        """Return the edges but for some, given by their `rows` [n]; they are in no split."""
        keep = np.ones(len(self.ends), bool)
        keep[rows] = False
        return EdgeBlock(self.ends[keep], None if self.features is None else self.features[keep], {})


def read_edge_tables(
    folder: Path, specs: Sequence[Mapping[str, Any]], nodes: dict[str, NodeBlock], delimiter: str
) -> dict[tuple[str, str, str], EdgeBlock]:
    """Return (source type, relation, target type) -> edges.

    Args:
        folder: of the tables.
        specs: for each table the entry of `data.edges`: file, columns, features.
        nodes: node type -> its nodes; an empty one is filled with the ids of the edges.
        delimiter: between cells.

    Raises:
        DataError: a relation in two tables, an unknown id, or a cell that can't be read.
    """
    tables = [described(EdgeTable, item, f"data.edges[{number}]") for number, item in enumerate(specs)]
    read = [(spec, read_table(folder / spec.path, delimiter)) for spec in tables]
    if not nodes:
        nodes.update(_named_nodes(read))
    kinds = list(nodes)
    blocks: dict[tuple[str, str, str], EdgeBlock] = {}
    for spec, table in read:
        source_kind, source = _look_up(table, spec.source, spec.source_type, nodes)
        target_kind, target = _look_up(table, spec.target, spec.target_type, nodes)
        names, relation = [spec.relation], np.zeros(table.rows, np.int64)
        if spec.relation_column:
            named = np.array(texts(table, spec.relation_column), dtype=str)
            distinct, relation = np.unique(named, return_inverse=True)
            names = distinct.tolist()
        features = side_by_side([numbers(table, column)[:, None] for column in spec.features])
        ends = np.stack([source, target], axis=1)
        edge_type = np.stack([source_kind, relation, target_kind], axis=1)
        groups = np.unique(edge_type, axis=0)
        if not len(groups):
            groups = _empty_group(spec, kinds)
        for group in groups:
            rows = np.flatnonzero((edge_type == group).all(axis=1))
            key = kinds[group[0]], names[group[1]], kinds[group[2]]
            if key in blocks or not key[1]:
                fail(table.path, f"the relation {key}", "a name that no other table has", "merge the tables")
            splits = split_rows(table, spec.split, rows) if spec.split else {}
            blocks[key] = EdgeBlock(ends[rows], None if features is None else features[rows], splits)
    return blocks


def _empty_group(spec: EdgeTable, kinds: Sequence[str]) -> np.ndarray:
    """Return the one group of a table without rows, if it isn't for a column to say."""
    if spec.relation_column:
        return np.empty((0, 3), np.int64)
    types = [
        kinds.index(node_type) if node_type in kinds else 0
        for node_type in (spec.source_type, spec.target_type)
    ]
    return np.array([[types[0], 0, types[1]]])


class Directory(NamedTuple):
    """Where ids are: a number for each, counted through all types; `starts` is each type's first number."""

    numbers: Mapping[str, int]
    starts: np.ndarray
    shared: set[str]


def _directory(nodes: Mapping[str, NodeBlock], node_type: str | None) -> Directory:
    """Return the directory of one type, or of all for None."""
    starts = np.concatenate([[0], np.cumsum([len(block.ids) for block in nodes.values()])])
    chosen = [
        (start, block.ids)
        for name, start, block in zip(nodes, starts.tolist(), nodes.values())
        if node_type in (None, name)
    ]
    if len(chosen) == 1 and chosen[0][0] == 0:
        return Directory(chosen[0][1], starts, set())
    numbers: dict[str, int] = {}
    shared: set[str] = set()
    for start, ids in chosen:
        shared.update(numbers.keys() & ids.keys())
        numbers.update((id, start + number) for id, number in ids.items())
    return Directory(numbers, starts, shared)


def _look_up(
    table: Table, column: str, node_type: str | None, nodes: Mapping[str, NodeBlock]
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row the position of its id's node type in `nodes`, and the node's number in it."""
    kinds = list(nodes)
    if node_type is not None and node_type not in nodes:
        fail(
            f"{table.path}: column {column!r}",
            f"the node type {node_type!r}",
            f"one of {kinds}",
            "fix data.edges",
        )
    directory = _directory(nodes, node_type)
    cells = texts(table, column)
    positions = np.array([directory.numbers.get(cell, -1) for cell in cells], np.int64)
    if (positions < 0).any():
        row = int(np.argmin(positions))
        expected = f"the id of a {node_type or ' or '.join(kinds)}"
        fail(f"{table.path}: row {row + 1}, column {column!r}", f"the unknown id {cells[row]!r}", expected)
    if not directory.shared.isdisjoint(cells):
        row = next(row for row, cell in enumerate(cells) if cell in directory.shared)
        do = "give data.edges the source_type and target_type"
        fail(
            f"{table.path}: row {row + 1}, column {column!r}",
            f"the id {cells[row]!r} of two types",
            "one",
            do,
        )
    types = np.searchsorted(directory.starts, positions, side="right") - 1
    return types, positions - directory.starts[types]


def _named_nodes(read: Sequence[tuple[EdgeTable, Table]]) -> dict[str, NodeBlock]:
    """Return the nodes that edges name, sorted (as numbers where all are whole), without features."""
    names: dict[str, set[str]] = {}
    for spec, table in read:
        for column, node_type in ((spec.source, spec.source_type), (spec.target, spec.target_type)):
            cells = texts(table, column)
            if "" in cells:
                fail(f"{table.path}: row {cells.index('') + 1}, column {column!r}", "an empty id", "an id")
            names.setdefault(node_type or "node", set()).update(cells)
    blocks = {}
    for node_type, ids in names.items():
        in_order = sorted(ids)
        if all(map(str.isdecimal, ids)):
            in_order.sort(key=int)
        blocks[node_type] = NodeBlock({id: number for number, id in enumerate(in_order)})
    return blocks
