"""SQLite through ADBC. Its columns have no types, its cells do, so each column's are looked at first.

A column whose cells have one type keeps it; one of several is read as text, floats as the shortest that are read back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from heddle.data.etl.databases.connection import Connection, driver_errors
from heddle.data.etl.databases.database import Relation, quoted, relation_sql
from heddle.data.etl.schemas.address import Address
from heddle.data.etl.schemas.schema import Table
from heddle.data.formats.text_files import fail
from heddle.extras import require

EXPECTED = "a table or a query of the database"
FIRST = {"integer": "0", "real": "0.0", "text": "''", "blob": "x''", "mixed": "''"}
"""A cell of each type: a first row of them tells the driver the types, which it takes from the first rows."""


class Sqlite:
    """See `Database`; one transaction reads all tables."""

    def __init__(self, connection: Connection, address: Address, stamp: str):
        self._connection, self._address, self.stamp = connection, address, stamp

    def tables(self) -> list[str]:
        query = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
        with self._connection.run(query) as cursor:
            return [str(name) for (name,) in cursor.fetchall()]

    def relation(self, table: Table) -> Relation:
        shown = f"{self._address.shown()}: {table.of or 'query'}"
        source = relation_sql(table)
        if table.of is not None:
            source += " NOT INDEXED"  # rows as they are stored: an index may give them in its order
        return Relation(shown, self._connection.columns(source, shown), partial(self._batches, source, shown))

    def _batches(self, source: str, shown: str, names: Sequence[str]) -> Iterator[Any]:
        types = self._types(source, shown, names)
        first = ", ".join(f"{FIRST[types[name]]} AS {quoted(name)}" for name in names)
        chosen = ", ".join(_cell(name, types[name]) for name in names)
        with self._connection.run(f"SELECT {first} UNION ALL SELECT {chosen} FROM {source}", shown) as cursor:
            start = 1
            for batch in cursor.fetch_record_batch():
                if batch.num_rows > start:
                    yield batch.slice(start)
                start = 0

    def _types(self, source: str, shown: str, names: Sequence[str]) -> dict[str, str]:
        """Return the type of each column's cells: that of all that aren't null; mixed for several."""
        parts = [
            f"min(CASE WHEN {quoted(name)} IS NOT NULL THEN typeof({quoted(name)}) END), "
            f"max(CASE WHEN {quoted(name)} IS NOT NULL THEN typeof({quoted(name)}) END)"
            for name in names
        ]
        with self._connection.run(f"SELECT {', '.join(parts)} FROM {source}", shown) as cursor:
            row = cursor.fetchone()
        pairs = zip(names, row[0::2], row[1::2])
        return {name: (least or "text") if least == most else "mixed" for name, least, most in pairs}


@contextmanager
def opened_sqlite(address: Address, root: Path | str) -> Iterator[Sqlite]:
    """Give a database of a file, which is only read.

    Raises:
        DataError: no such file, or another kind of one.
    """
    driver = require("adbc_driver_sqlite.dbapi", "databases")
    path = Path(unquote(address.whole().removeprefix("sqlite://").removeprefix("/"))).expanduser()
    if not path.is_absolute():
        path = Path(root) / path
    if not path.is_file():
        fail(address.where, f"no file {path}", "a database of SQLite", "fix the address: sqlite:///FILE")
    with driver_errors(address, str(path), EXPECTED):
        opened = driver.connect(f"file:{quote(str(path))}?mode=ro")
    try:
        connection = Connection(opened, address, EXPECTED)
        with connection.run("SELECT count(*) FROM sqlite_master", str(path)) as cursor:
            cursor.fetchone()  # a transaction begins, which sees one state
        beside = (path, path.with_name(f"{path.name}-wal"))
        facts = [(each.stat().st_size, each.stat().st_mtime_ns) for each in beside if each.exists()]
        yield Sqlite(connection, address, f"{path} {facts}")
    finally:
        opened.close()


def _cell(name: str, column_type: str) -> str:
    column = quoted(name)
    if column_type != "mixed":
        return column
    return (
        f"CASE typeof({column}) WHEN 'real' THEN printf('%!.17g', {column}) ELSE CAST({column} AS TEXT) END"
    )
