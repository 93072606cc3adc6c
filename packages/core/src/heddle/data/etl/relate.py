"""relate: everything that an engine does for a schema, so that it can be closed before arrays are written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.files import Sources
from heddle.data.etl.kept import kept_rows
from heddle.data.etl.schemas.read_schema import PART
from heddle.data.etl.schemas.read_tasks import moment_of
from heddle.data.etl.schemas.schema import Edges, Encode, Nodes, Schema
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import chunks, column_names, column_type, integers, row_count
from heddle.data.etl.tables import tables_of
from heddle.data.formats.text_files import fail
from heddle.errors import nearest

FITTED = ("number", "log", "bins", "category", "onehot")
"""Encodings that need the training values."""


class Related(NamedTuple):
    """Files that the engine left.

    Attributes:
        staged: name -> typed table of files, as it was read.
        tables: name -> typed table, with the columns that were joined and derived.
        nodes: node type -> the table of its features, and the file and column of its ids; None where there is none.
        ends, by_target, by_source, gaps: name of a relation -> file; gaps by (relation, end).
        counts: (file, column) -> file of training values.
        cuts: where validation and test begin in the target's time, or in the column PART; None without a split.
        rows_of: relation -> its table without the rows that are left out.
        dropped: name of a relation -> number of rows that are left out, of relations that may leave out some.
    """

    staged: Mapping[str, Path]
    tables: Mapping[str, Path]
    nodes: Mapping[str, tuple[Path | None, tuple[Path, str] | None]]
    ends: dict[str, Path]
    by_target: dict[str, Path]
    by_source: dict[str, Path]
    gaps: dict[tuple[str, str], Path]
    counts: Mapping[tuple[Path, str], Path]
    cuts: tuple[int, int] | None
    rows_of: dict[tuple[str, ...], Path]
    dropped: dict[str, int]


def relate(
    schema: Schema,
    given: Sources,
    engine: Engine,
    steps: Steps,
    threads: int | None = None,
    memory: str | int = "2GB",
) -> Related:
    """Run every relational step of a schema on its tables; cells are read by `threads`, None for all."""
    staged, tables = tables_of(schema, given, engine, steps, threads, memory)
    _check_named(schema, tables)
    nodes = {
        node_type: _nodes(node_type, nodes, tables, engine, steps)
        for node_type, nodes in schema.nodes.items()
    }
    related = Related(staged, tables, nodes, {}, {}, {}, {}, {}, None, {}, {})
    for edges in schema.edges:
        keys = [None if ids is None else ids[0] for ids in (nodes[edges.type[at]][1] for at in (0, 2))]
        since = relate_edges(edges, tables[edges.table], (keys[0], keys[1]), related, engine, steps)
        for by in sorted(since):
            name = "___".join(edges.type)
            grouped = related.by_target[name] if by == "target" else related.by_source[name]
            related.gaps[name, by] = steps.file(f"gaps.{name}.{by}", engine.gaps, grouped)
    related = related._replace(cuts=_cuts(schema, tables, nodes, engine, steps))
    return related._replace(counts=_counts(schema, related, engine, steps))


def relate_edges(
    edges: Edges,
    table: Path,
    keys: tuple[Path | None, Path | None],
    related: Related,
    engine: Engine,
    steps: Steps,
) -> set[str]:
    """Add the files of a relation to `related`; return the ends of its features `since`, whose gaps are to be added.

    Args:
        table: its rows.
        keys: the files of both ends' ids; None for nodes without.
    """
    name, pairs = "___".join(edges.type), ((edges.source, keys[0]), (edges.target, keys[1]))
    for (column, ids), node_type in zip(pairs, (edges.type[0], edges.type[2])):
        _same_type(table, column, ids, f"{edges.table}: column {column!r}", node_type)
    matched = steps.file(f"ends.{name}", engine.ends, table, *pairs)
    table, related.ends[name] = kept_rows(edges, table, matched, steps)
    related.rows_of[edges.type] = table
    if edges.missing != "fail":
        related.dropped[name] = row_count(matched) - row_count(related.ends[name])
    moments = None if edges.time is None else (table, edges.time)
    since = {feature.by for feature in edges.features if feature.encode == "since"}
    ends = related.ends[name]
    related.by_target[name] = steps.file(f"by_target.{name}", engine.grouped, ends, "target", moments)
    if edges.reverse or "source" in since:
        related.by_source[name] = steps.file(f"by_source.{name}", engine.grouped, ends, "source", moments)
    return since


def _check_named(schema: Schema, tables: Mapping[str, Path]) -> None:
    """Check that tables which don't list their columns have those that nodes and edges name."""
    wanted: list[tuple[str, str | None, Any]] = []
    for node_type, nodes in schema.nodes.items():
        label = nodes.label
        wanted += [
            (f"nodes.{node_type}", nodes.table, nodes.key),
            *((f"nodes.{node_type}", *pair) for pair in nodes.keys),
        ]
        wanted += [(f"nodes.{node_type}", *nodes.time)] if nodes.time else []
        of_label = label.columns if label else ()
        wanted += [(f"nodes.{node_type}", (label and label.table) or nodes.table, name) for name in of_label]
    for edges in schema.edges:
        where, label = f"edges {list(edges.type)}", edges.label
        wanted += [(where, edges.table, name) for name in (edges.source, edges.target, edges.time)]
        of_label = label.columns if label else ()
        wanted += [(where, (label and label.table) or edges.table, name) for name in of_label]
    for where, table, column in wanted:
        if table is not None and column is not None:
            names = column_names(tables[table])
            if column not in names and f"{column}[0]" not in names:
                do = f"name one of them{nearest(column, names)}"
                fail(where, f"no column {column!r} in {table}", f"one of {names}", do)


def _nodes(
    node_type: str, nodes: Nodes, tables: Mapping[str, Path], engine: Engine, steps: Steps
) -> tuple[Path | None, tuple[Path, str] | None]:
    """Return the table of a node type, in the order of its keys, and where its ids are."""
    table = None if nodes.table is None else tables[nodes.table]
    if table is not None and nodes.key is not None:
        table = steps.file(f"nodes.{node_type}", engine.ordered, table, nodes.key)
        ids = steps.file(f"keys.{node_type}", engine.keys, [(table, nodes.key)])
        if row_count(ids) != row_count(table):
            actual = f"{row_count(table)} rows with {row_count(ids)} different keys"
            fail(
                f"nodes.{node_type}: column {nodes.key!r}",
                actual,
                "every key once",
                "remove the repeated rows",
            )
        return table, (ids, "id")
    if nodes.keys:
        parts = [(tables[name], column) for name, column in nodes.keys]
        kinds = [column_type(*part) for part in parts]
        if len(set(kinds)) > 1:
            fail(
                f"nodes.{node_type}.keys",
                f"columns of {kinds}",
                "one type",
                "give them one type in the schema",
            )
        return table, (steps.file(f"keys.{node_type}", engine.keys, parts), "id")
    return table, None


def _same_type(table: Path, column: str, ids: Path | None, where: str, node_type: str) -> None:
    """Check that a column of ids has the type of the keys that it names, int without keys."""
    actual = column_type(table, column)
    wanted = "int64" if ids is None else column_type(ids, "id")
    if actual != wanted:
        do = "give both columns one type in the schema"
        fail(where, f"type {actual}", f"{wanted}, as the ids of {node_type!r} are", do)


def table_of(
    schema: Schema, related: Related, type_key: tuple[str, ...], other: str | None
) -> tuple[Path, str | None]:
    """Return the file that a column of a node type or relation is in, and the column by which the split divides it."""
    column = split_column(schema, other, type_key)
    if other is not None:
        return related.tables[other], column
    if len(type_key) == 1:
        path = related.nodes[type_key[0]][0]
        assert path is not None
        return path, column
    return related.rows_of[type_key], column


def split_column(schema: Schema, table: str | None, type_key: tuple[str, ...]) -> str | None:
    """Return the column by which the split divides a table, or that of a node type or relation; None if none does."""
    if table is None and len(type_key) == 1:
        table = schema.nodes[type_key[0]].table
    elif table is None:
        table = next(edges.table for edges in schema.edges if edges.type == type_key)
    if table is None:
        return None
    return (
        PART
        if PART in schema.tables[table].derived
        else schema.tables[table].time
        if _timed(schema)
        else None
    )


def _timed(schema: Schema) -> bool:
    return schema.split is None or schema.split.timed


def columns_of(encode: Encode, path: Path) -> list[str]:
    """Return the columns that an entry of features names; of a vector all its numbers.

    Raises:
        DataError: the table has no such column.
    """
    names = column_names(path)
    if encode.column == "*":
        return [name for name in names if name != PART]
    wanted = [encode.column] if isinstance(encode.column, str) else list(encode.column)
    columns = []
    for name in wanted:
        parts = [column for column in names if column.startswith(f"{name}[") and column.endswith("]")]
        if name not in names and not parts:
            do = f"name one of them{nearest(name, names)}"
            fail(f"{path.stem}: features", f"no column {name!r}", f"one of {names}", do)
        columns += [name] if name in names else parts
    return columns


def _counts(schema: Schema, related: Related, engine: Engine, steps: Steps) -> dict[tuple[Path, str], Path]:
    """Count the training values of every column whose encoding is fitted."""
    counted: dict[tuple[Path, str], Path] = {}
    features = [((type_key,), of.features) for type_key, of in schema.nodes.items()]
    for type_key, encodes in [*features, *((edges.type, edges.features) for edges in schema.edges)]:
        for encode in (encode for encode in encodes if encode.encode in FITTED):
            path, time = table_of(schema, related, type_key, encode.table)
            before = None if related.cuts is None else related.cuts[0]
            for column in columns_of(encode, path):
                name = f"counts.{path.stem}.{quote(column, safe=' ')}"
                counted[path, column] = steps.file(name, engine.counts, path, column, time, before)
    return counted


def _cuts(
    schema: Schema, tables: Mapping[str, Path], nodes: Mapping[str, Any], engine: Engine, steps: Steps
) -> tuple[int, int] | None:
    """Return the times from which rows are for validation and for the test."""
    split = schema.split
    if split is None or (schema.kind == "none" and not schema.tasks):
        return None
    if not split.timed:
        return 1, 2
    if split.valid is not None and split.test is not None:
        return moment_of(split.valid), moment_of(split.test)
    if len(schema.target) == 1:
        time = schema.nodes[schema.target[0]].time
        time_column = None if time is None else (tables[time[0]], time[1])
    else:
        edges = next(edges for edges in schema.edges if list(edges.type) == list(schema.target))
        time_column = None if edges.time is None else (tables[edges.table], edges.time)
    if time_column is None:
        fail("split", f"no time of {schema.target}", "a time to split by", "add time: COLUMN")
    path, column = time_column
    counted = steps.file("times", engine.counts, path, column, None, None)
    values = np.concatenate([np.empty(0, np.int64), *(integers(table, "value") for table in chunks(counted))])
    rows = np.cumsum(np.concatenate([np.empty(0, np.int64), *(integers(t, "rows") for t in chunks(counted))]))
    total = int(rows[-1]) if len(rows) else 0

    def after(share: float) -> int:
        """Return the first time by which at least this share of the rows has passed."""
        at = int(np.searchsorted(rows, share * total - 1e-9))
        return int(values[at + 1]) if at + 1 < len(values) else int(values[-1]) + 1 if len(values) else 0

    valid = after(split.train) if split.valid is None else moment_of(split.valid)
    return valid, after(split.train + split.of_valid) if split.test is None else moment_of(split.test)
