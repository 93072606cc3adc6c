"""read_tables: the tables of a schema out of YAML, every name in them checked."""

import codecs
from collections.abc import Mapping
from typing import Any

from heddle.data.etl.schemas.checked import one_of, spec, texts
from heddle.data.etl.schemas.queries import seconds_of
from heddle.data.etl.schemas.schema import ON_ERROR, TYPES, Column, Derived, Joined, Table
from heddle.data.etl.schemas.strptime import PER_SECOND, compiled
from heddle.errors import ConfigError, problem

RESERVED = "file_row_number"
"""What DuckDB calls the numbers of a file's rows."""


def read_tables(given: Mapping[str, Any], databases: Mapping[str, Any]) -> dict[str, Table]:
    """Return name -> Table.

    Args:
        databases: those that tables may name.

    Raises:
        ConfigError: an unknown or missing key, or a name that nothing has.
    """
    tables = {name: _table(item, f"tables.{name}", name, databases) for name, item in given.items()}
    for name, table in tables.items():
        if table.valid_from is not None:
            known(f"tables.{name}.valid_from", name, table.valid_from, tables)
            tables[name] = table._replace(time=table.time or table.valid_from)
    for name, table in tables.items():
        tables[name] = table._replace(
            joined={
                key: _valid_at(f"tables.{name}.joined.{key}", of, name, tables)
                for key, of in table.joined.items()
            }
        )
        for column, joined in table.joined.items():
            where = f"tables.{name}.joined.{column}"
            known(where, name, joined.by, tables)
            known(where, joined.table, joined.column, tables)
            known(where, joined.table, joined.key or joined.by, tables)
            if tables[joined.table].joined.get(joined.column) or joined.table == name:
                do = "join it from where it is"
                raise ConfigError(
                    problem(where, f"{joined.column} of {joined.table}", "a column of its files", do)
                )
        if table.time is not None:
            known(f"tables.{name}.time", name, table.time, tables)
    return tables


def _valid_at(where: str, joined: Joined, name: str, tables: Mapping[str, Table]) -> Joined:
    """Return a joined column with the column of the time whose version it takes."""
    other = tables.get(joined.table)
    if other is None or other.valid_from is None:
        if joined.at is not None:
            actual, do = f"at beside {joined.table!r}, whose rows have no valid_from", "remove it"
            raise ConfigError(problem(where, actual, "a table of versions", do))
        return joined
    at = joined.at or tables[name].time
    if at is None:
        actual = f"no time of {name}, whose rows take what is valid in {joined.table}"
        raise ConfigError(
            problem(where, actual, "the time of each row", "add at: COLUMN, or time to the table")
        )
    known(f"{where}.at", name, at, tables)
    if at in tables[name].joined and tables[tables[name].joined[at].table].valid_from is not None:
        raise ConfigError(problem(where, f"the time {at!r} from versions", "another time", "name one by at"))
    return joined._replace(at=at, valid_from=other.valid_from)


def known(where: str, table: str | None, column: str, tables: Mapping[str, Table]) -> None:
    """Check that a table has a column; of a table that doesn't list them any is taken for now."""
    one_of(f"{where}: table", table, tables)
    assert table is not None
    read = tables[table]
    if read.columns:
        one_of(f"{where}: column of {table}", column, [*read.columns, *read.joined, *read.derived])


def key_of(where: str, table: str, key: Any, tables: dict[str, Table]) -> str:
    """Return the column that a key names; a list of columns makes one of them, which is added to the table."""
    names = texts(where, key)
    for name in names:
        known(where, table, name, tables)
    if len(names) == 1 and not isinstance(key, tuple):
        return names[0]
    made = "/".join(names)
    derive(where, table, made, Derived("key", names), tables)
    return made


def derive(where: str, table: str, name: str, column: Derived, tables: dict[str, Table]) -> None:
    """Add a derived column to a table.

    Raises:
        ConfigError: the table has another column of that name.
    """
    read = tables[table]
    if name in read.columns or name in read.joined or read.derived.get(name, column) != column:
        raise ConfigError(
            problem(where, f"a column {name!r} of {table} already", "another name", "rename it")
        )
    tables[table] = read._replace(derived={**read.derived, name: column})


def _table(item: Any, where: str, name: str, databases: Mapping[str, Any]) -> Table:
    table = spec(Table, item, where)
    table = table._replace(null=texts(f"{where}.null", table.null))
    said = [key for key in ("path", "sql", "database") if getattr(table, key) is not None]
    if len(said) != 1:
        actual = " and ".join(said) if said else "none of path, sql and database"
        raise ConfigError(problem(where, actual, "one of them", "add path: FILE"))
    table = _of_database(table, where, name, databases)
    if table.derived:
        raise ConfigError(
            problem(f"{where}: key", "'derived'", "path, sql, columns, joined ...", "remove it")
        )
    _written(table, where)
    columns = {
        name: _column(column, f"{where}.columns.{name}", name) for name, column in table.columns.items()
    }
    if RESERVED in (*columns, *table.joined):
        do = f"call it otherwise: NAME: {{of: {RESERVED}}}"
        raise ConfigError(problem(f"{where}.columns", f"{RESERVED!r}, DuckDB's own", "another name", do))
    joined = {name: spec(Joined, of, f"{where}.joined.{name}") for name, of in table.joined.items()}
    for name, of in joined.items():
        if of.shift is not None:
            seconds_of(of.shift, f"{where}.joined.{name}.shift")
        if name in columns:
            raise ConfigError(
                problem(f"{where}.joined", f"{name!r} among the columns too", "another name", "rename it")
            )
    return table._replace(columns=columns, joined=joined)


def _of_database(table: Table, where: str, name: str, databases: Mapping[str, Any]) -> Table:
    """Return a table with what it is called in its database."""
    if table.database is None:
        if table.of is not None or table.query is not None:
            result = "of or query without a database"
            raise ConfigError(problem(where, result, "database: NAME beside it", "add it"))
        return table
    one_of(f"{where}.database", table.database, databases)
    if table.of is not None and table.query is not None:
        raise ConfigError(problem(where, "of and query", "one of them", "remove one"))
    return table if table.query is not None else table._replace(of=table.of or name)


def _written(table: Table, where: str) -> None:
    """Check what a table says of how its files are written."""
    if any("\x85" in mark for mark in table.null):
        do = "write '\\N' in single quotes"
        raise ConfigError(problem(f"{where}.null", 'the character U+0085, "\\N" to YAML', "text", do))
    one_of(f"{where}.on_error", table.on_error, ON_ERROR)
    one_of(f"{where}.short", table.short, ("fail", "fill"))
    one_of(f"{where}.decimal", table.decimal, (".", ","))
    one_of(f"{where}.quote", table.quote, ('"', "'", None))
    try:
        codecs.lookup(table.encoding)
    except LookupError:
        do = "name one, such as latin-1 or utf-16"
        raise ConfigError(problem(f"{where}.encoding", repr(table.encoding), "an encoding", do)) from None
    if not table.delimiter or set(table.delimiter) & {"\n", "\r", table.quote}:
        expected = "characters other than quotes and line ends"
        raise ConfigError(problem(f"{where}.delimiter", repr(table.delimiter), expected, "name another"))


def _column(item: Any, where: str, name: str) -> Column:
    if isinstance(item, str):  # its type alone: the column has its own name in the file
        item = {"of": name, "type": item}
    column = spec(Column, {"of": name, **item}, where)
    of = texts(f"{where}.of", column.of)
    one_of(f"{where}.type", column.type, TYPES)
    wanted = 4 if column.type == "clock" else 1
    if len(of) != wanted and column.type != "text" and not (column.type == "datetime" and len(of) == 2):
        raise ConfigError(problem(f"{where}.of", list(of), f"{wanted} columns for a {column.type}", "fix it"))
    if column.json is not None and (len(of) > 1 or column.type == "clock"):
        raise ConfigError(problem(f"{where}.json", list(of), "one column of JSON", "name one"))
    if column.type == "datetime" and column.format not in PER_SECOND:
        compiled(column.format)
    return column._replace(of=of)
