"""tables: every table of a schema as a file of typed Parquet: read, joined, made by a query, with derived columns."""

from collections.abc import Mapping
from pathlib import Path

from heddle.data.etl.cells import stage
from heddle.data.etl.derived import derive, join
from heddle.data.etl.engines.engine import Engine
from heddle.data.etl.files import Sources, sources
from heddle.data.etl.schemas.schema import Schema, Table
from heddle.data.etl.sql_tables import View, run_sql, times_of
from heddle.data.etl.steps import Steps
from heddle.data.etl.streams import column_names


def tables_of(
    schema: Schema, given: Sources, engine: Engine, steps: Steps, threads: int | None, memory: str | int
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return name -> staged file of tables that are read, and name -> file of every table with all its columns."""
    staged = {
        name: steps.file(f"table.{name}", stage, sources(given, table), threads)
        for name, table in schema.tables.items()
        if table.sql is None
    }
    tables, times = dict(staged), {name: times_read(schema.tables[name], schema) for name in staged}
    for name in staged:
        table = schema.tables[name]
        if table.joined and all(joined.table in staged for joined in table.joined.values()):
            tables[name] = join(name, table, {**staged, **tables}, engine, steps)
    for name, table in schema.tables.items():
        if table.sql is None:
            continue
        tables[name] = steps.file(f"sql.{name}", run_sql, name, table, _views(tables), dict(times), memory)
        times[name] = times_of(tables[name])
        if table.joined:
            tables[name] = join(name, table, tables, engine, steps)
    for name, table in schema.tables.items():
        if (
            table.sql is None
            and table.joined
            and any(joined.table not in staged for joined in table.joined.values())
        ):
            tables[name] = join(name, table, tables, engine, steps)
        if table.derived:
            where = f"tables.{name}"
            tables[name] = steps.file(f"derived.{name}", derive, tables[name], table.derived, where, 0)
    return staged, tables


def _views(tables: Mapping[str, Path]) -> dict[str, View]:
    return {name: View([path], column_names(path)) for name, path in tables.items()}


def times_read(table: Table, schema: Schema) -> list[str]:
    """Return the columns of times of a table that is read."""
    moments = [name for name, column in table.columns.items() if column.type in ("datetime", "clock")]
    for name, joined in table.joined.items():
        column = schema.tables[joined.table].columns.get(joined.column)
        if column is not None and column.type in ("datetime", "clock"):
            moments.append(name)
    return moments
