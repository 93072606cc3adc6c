"""facts: what the tables of a prepared folder hold and how they refer to one another."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.kept_tables import kept_files, kept_types
from heddle.data.etl.schemas.recipe import schema_of
from heddle.data.etl.schemas.schema import Edges, Schema
from heddle.data.etl.streams import chunks, row_count
from heddle.data.formats.text_files import fail
from heddle.data.prepared.edges import in_edges
from heddle.data.prepared.folder import Prepared
from heddle.extras import require

BLOCK = 1 << 20


class ColumnFacts(NamedTuple):
    """A column: its name and type, the share of its cells that are missing, and whether it is the table's key."""

    name: str
    type: str
    missing: float
    key: bool


class Box(NamedTuple):
    """A table, or the nodes that have none.

    Attributes:
        name: of the table, or of the node type.
        what: "table", "query", "values" (distinct values of columns) or "questions".
        rows: its rows, or nodes.
        columns: of a table; () where it isn't kept.
    """

    name: str
    what: str
    rows: int
    columns: tuple[ColumnFacts, ...] = ()


class Degrees(NamedTuple):
    """Edges of each node at one end of a relation: their mean, the most, and the share of nodes with none."""

    mean: float
    most: int
    none: float


class Arrow(NamedTuple):
    """A reference from a column of a box to another box.

    Attributes:
        source, column: the box, and its column; "" for its rows.
        target: the box that is named.
        what: "edge", or "joined" for a column that is taken from there.
        node_type: the type of the nodes that are named; "" for a joined column.
        degrees: of these nodes; None where none are counted.
        dropped: rows that were left out, since an end is empty or no node.
    """

    source: str
    column: str
    target: str
    what: str
    node_type: str = ""
    degrees: Degrees | None = None
    dropped: int = 0


class TableFacts(NamedTuple):
    """What is drawn."""

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def table_facts(folder: Prepared) -> TableFacts:
    """Return what the tables of a folder hold, counted chunk by chunk.

    Raises:
        DataError: the folder keeps no tables.
    """
    types = kept_types(folder.tables)
    if not types:
        do = "prepare it from tables, with etl.keep_tables=true"
        fail(folder.root, "a folder that keeps no tables", "those that are drawn", do)
    schema = schema_of(folder.recipe)
    keys = {of.table: of.key for of in schema.nodes.values() if of.table is not None and of.key is not None}
    boxes = [
        Box(
            name,
            "query" if schema.tables[name].sql is not None else "table",
            sum(map(row_count, kept_files(folder.tables, name))),
            tuple(_columns(folder, name, columns, keys.get(name))),
        )
        for name, columns in types.items()
    ]
    for node_type, nodes in schema.nodes.items():
        if nodes.table not in types:
            what = "questions" if node_type in schema.tasks else "values"
            boxes.append(Box(node_type, what, folder.nodes[node_type].rows))
    return TableFacts(folder.name, tuple(boxes), tuple(_arrows(folder, schema, set(types))))


def _columns(
    folder: Prepared, name: str, columns: Mapping[str, str], key: str | None
) -> Iterator[ColumnFacts]:
    """Yield the columns of a table."""
    compute = require("pyarrow.compute", "etl")
    missing, rows = dict.fromkeys(columns, 0), 0
    for path in kept_files(folder.tables, name):
        for table in chunks(path, list(columns)):
            rows += table.num_rows
            for column in columns:
                cells: Any = table[column]
                missing[column] += cells.null_count
                if "string" in str(cells.type):
                    missing[column] += compute.sum(compute.equal(cells, "")).as_py() or 0
    for column, of in columns.items():
        yield ColumnFacts(column, of, missing[column] / rows if rows else 0.0, column == key)


def _arrows(folder: Prepared, schema: Schema, kept: set[str]) -> Iterator[Arrow]:
    """Yield the references between tables, each once."""
    box_of = {name: of.table if of.table in kept else name for name, of in schema.nodes.items()}
    dropped = folder.info.get("dropped", {})
    drawn = set()
    for edges in schema.edges:
        source = edges.table if edges.table in kept else box_of[edges.type[2]]
        assert source is not None
        left_out = dropped.get("___".join(edges.type), 0)
        for end, column in ((0, edges.source), (2, edges.target)):
            node_type = edges.type[end]
            target = box_of[node_type]
            named = "" if column.startswith("#") else column
            if target is None or (named == "" and target == source) or (source, named, node_type) in drawn:
                continue
            if target == source and schema.nodes[node_type].key == named:
                continue  # a row's own key
            drawn.add((source, named, node_type))
            counted = _degrees(folder, edges, end)
            yield Arrow(source, named, target, "edge", node_type, counted, left_out)
    for name, table in schema.tables.items():
        for column, joined in table.joined.items():
            if name in kept and joined.table in kept:
                yield Arrow(name, column, joined.table, "joined")


def _degrees(folder: Prepared, edges: Edges, end: int) -> Degrees:
    """Return how many edges the nodes at one end of a relation have."""
    n = folder.nodes[edges.type[end]].rows
    indptr, senders, _ = in_edges(folder, edges.type)
    if end == 2:
        counts = np.diff(indptr)
    else:
        counts = np.zeros(n, np.int64)
        for start in range(0, len(senders), BLOCK):
            counts += np.bincount(senders[start : start + BLOCK], minlength=n)
    if not n:
        return Degrees(0.0, 0, 0.0)
    return Degrees(float(counts.mean()), int(counts.max()), float((counts == 0).mean()))
