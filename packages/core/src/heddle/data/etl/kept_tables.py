"""kept_tables: the typed tables that a prepared folder keeps, of which questions can be asked later."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from heddle.atomic import write_json
from heddle.data.etl.cells.stage import GROUP
from heddle.data.etl.relate import Related
from heddle.data.etl.schemas.schema import Column, Schema, Table
from heddle.data.etl.sql_tables import times_of
from heddle.data.etl.streams import chunks, column_names, column_type
from heddle.data.prepared.write import FolderWriter
from heddle.extras import require

TABLES, TYPES = "tables", "types.json"


def keep_tables(schema: Schema, related: Related, writer: FolderWriter) -> None:
    """Move the tables of a schema, which nothing reads any more, into its prepared folder.

    Tables of tasks are left out: a query makes them again.
    """
    folder, types = writer.root / TABLES, {}
    folder.mkdir()
    for name, path in related.tables.items():
        if name in schema.tasks:
            continue
        types[name] = dict(types_of(name, path, schema))
        kept = folder / kept_name(name)
        if path == related.staged.get(name):
            path.rename(kept)
        else:  # an engine was at work on it, and each has types of its own for texts
            rewrite(path, list(types[name]), kept)
        writer.list_file(kept)
    write_json(folder / TYPES, types)
    writer.list_file(folder / TYPES)


def kept_tables(folder: Path, times: Mapping[str, str]) -> dict[str, Table]:
    """Return the tables that a prepared folder keeps, as a schema has them; {} where it keeps none.

    Args:
        folder: `Prepared.tables`.
        times: name -> the column of its times.
    """
    return {
        name: Table(
            kept_name(name),
            {column: Column((column,), column_dtype, "%s") for column, column_dtype in columns.items()},
            time=times.get(name),
        )
        for name, columns in kept_types(folder).items()
    }


def kept_types(folder: Path) -> dict[str, dict[str, str]]:
    """Return name -> column -> its type in a schema, of the tables that are kept; {} where none are."""
    path = folder / TYPES
    types: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return types


def kept_files(folder: Path, name: str) -> list[Path]:
    """Return the files of a table that is kept, in the order of its rows."""
    path = folder / kept_name(name)
    return sorted(path.iterdir()) if path.is_dir() else [path]


def kept_name(name: str) -> str:
    """Return the name of a kept table's file, or, once rows were appended, of the folder of its files."""
    return f"{quote(name, safe=' ')}.parquet"


def rewrite(path: Path, names: list[str], out: Path) -> None:
    """Write some columns of a table again, with the types of staged tables."""
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    given = parquet.read_schema(path)
    types = {"large_string": arrow.string()}
    schema = arrow.schema(
        [(name, types.get(str(given.field(name).type), given.field(name).type)) for name in names]
    )
    with parquet.ParquetWriter(out, schema) as writer:
        for table in chunks(path, names):
            writer.write_table(table.replace_schema_metadata(None).cast(schema), row_group_size=GROUP)


def types_of(name: str, path: Path, schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield (column, type in a schema) of a table; what a schema derives by itself is left out."""
    times = {*_times(name, schema), *times_of(path)}
    for column in column_names(path):
        if column.startswith("#"):  # row numbers and the like
            continue
        column_dtype = column_type(path, column)
        yield column, "datetime" if column in times else _NAMES.get(column_dtype, "text")


_NAMES = {"int64": "int", "double": "float"}


def _times(name: str, schema: Schema) -> Iterator[str]:
    """Yield the columns of times of a table: its own, and those joined to it."""
    table = schema.tables[name]
    yield from (key for key, column in table.columns.items() if column.type in ("datetime", "clock"))
    for key, joined in table.joined.items():
        column: Any = schema.tables[joined.table].columns.get(joined.column)
        if column is not None and column.type in ("datetime", "clock"):
            yield key
