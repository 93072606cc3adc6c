"""sql_tables: tables that a query makes of the others, by DuckDB whatever the engine is."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from heddle.data.etl.cells.column import arrow_type, make
from heddle.data.etl.cells.stage import GROUP, KEY
from heddle.data.etl.schemas.schema import Column, Table
from heddle.data.formats.text_files import fail
from heddle.extras import require
from heddle.options.byte_sizes import from_bytes

TIMES = "times"
"""The entry of a staged file's own metadata that lists its columns of times, of a table that a query made."""


class View(NamedTuple):
    """A table as a query sees it: files of typed Parquet, one behind the other, and which of their columns."""

    files: Sequence[Path]
    columns: Sequence[str]


def run_sql(
    name: str,
    table: Table,
    tables: Mapping[str, View],
    times: Mapping[str, list[str]],
    memory: str | int,
    out: Path,
) -> None:
    """Write the rows of a table's `sql`, typed as staged tables are.

    The query sees the other tables alone, no other file. One thread works on it, so that sums of floats, and what is
    first among equals, come out the same in every run.

    Args:
        tables: name -> its files and columns.
        times: name -> the columns that are timestamps to the query.

    Raises:
        DataError: a query that DuckDB can't run, or that gives a column of a type that no table has.
    """
    duckdb, arrow, parquet = (
        require("duckdb", "etl"),
        require("pyarrow", "etl"),
        require("pyarrow.parquet", "etl"),
    )
    where = f"tables.{name}.sql"
    assert table.sql is not None
    limit = int(from_bytes(memory, "etl.memory") * 0.75)
    settings: dict[str, Any] = {
        "threads": 1,
        "memory_limit": f"{limit // 10**6}MB",
        "temp_directory": str(out.parent / "scratch"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(config=settings)
    try:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        folders = {str(path.parent) for view in tables.values() for path in view.files} | {str(out.parent)}
        connection.execute("SET allowed_directories = ?", [sorted(folders)])
        connection.execute("SET enable_external_access = false")
        for other, view in tables.items():
            connection.execute(_view(other, view, times.get(other, [])))
        query = table.sql.strip().rstrip(";")
        reader = connection.sql(f"SELECT * FROM ({query}\n) ORDER BY ALL").to_arrow_reader(65536)
        columns = table.columns or {
            field.name: Column((field.name,), _type(field, where)) for field in reader.schema
        }
        lacking = [
            part for column in columns.values() for part in column.of if part not in reader.schema.names
        ]
        if lacking:
            fail(
                where,
                f"no column {lacking[0]!r} in its rows",
                f"one of {reader.schema.names}",
                "fix the query",
            )
        schema = arrow.schema([(key, arrow_type(column)) for key, column in columns.items()])
        with parquet.ParquetWriter(out, schema) as writer:
            for batch in reader:
                cells = {key: batch.column(key) for key in batch.schema.names}
                made = []
                for column in columns.values():
                    values, unread = make(column, cells, table, where)
                    if unread:
                        value = cells[unread[0].column][int(unread[0].bad.argmax())].as_py()
                        fail(
                            f"{where}: column {unread[0].column!r}",
                            repr(value),
                            unread[0].expected,
                            "fix the query",
                        )
                    made.append(values)
                writer.write_batch(arrow.RecordBatch.from_arrays(made, schema=schema), row_group_size=GROUP)
            moments = [key for key, column in columns.items() if column.type in ("datetime", "clock")]
            writer.add_key_value_metadata({KEY: json.dumps({TIMES: moments}).encode()})
    except duckdb.Error as error:
        message = " ".join(line.strip() for line in str(error).splitlines() if line.strip())[:300]
        fail(where, message, "a query over the other tables", "fix the query")
    finally:
        connection.close()


def times_of(path: Path) -> list[str]:
    """Return the columns of times of a table that a query made."""
    metadata = require("pyarrow.parquet", "etl").read_metadata(path).metadata or {}
    times: list[str] = json.loads(metadata.get(KEY, b"{}")).get(TIMES, [])
    return times


def _view(name: str, view: View, times: list[str]) -> str:
    chosen = ", ".join(
        f"make_timestamp({_name(key)} * 1000000) AS {_name(key)}" if key in times else _name(key)
        for key in view.columns
    )
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in view.files)
    return f"CREATE VIEW {_name(name)} AS SELECT {chosen} FROM read_parquet([{files}], union_by_name=true)"


def _name(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _type(field: Any, where: str) -> str:
    """Return the type of a column by its Arrow type."""
    types, of = require("pyarrow", "etl").types, field.type
    if types.is_integer(of) or types.is_boolean(of) or (types.is_decimal(of) and of.scale == 0):
        return "int"
    if types.is_floating(of) or types.is_decimal(of):
        return "float"
    if types.is_timestamp(of) or types.is_date(of):
        return "datetime"
    if types.is_string(of) or types.is_large_string(of) or types.is_string_view(of) or types.is_null(of):
        return "text"
    fail(where, f"a column {field.name!r} of type {of}", "numbers, text or times", "cast it in the query")
