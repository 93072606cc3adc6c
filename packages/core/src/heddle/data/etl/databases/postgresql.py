"""PostgreSQL through ADBC: one read-only transaction; libpq's own variables and files say who connects.

Rows come in the order in which the server stores them, the same in every run, unless a query orders them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from heddle.data.etl.databases.connection import Connection, driver_errors
from heddle.data.etl.databases.database import Relation, quoted, relation_sql
from heddle.data.etl.schemas.address import Address
from heddle.data.etl.schemas.schema import Table
from heddle.extras import require

EXPECTED = "a database that answers the schema's tables"
SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET synchronize_seqscans = off",  # a scan that joins another one would begin in the middle
    "SET max_parallel_workers_per_gather = 0",  # whose rows come in any order
    "SET extra_float_digits = 1",
    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
)
CASTS = {
    "float4": "{}::text::float8",  # 1.1, as it is written, and not 1.10000002
    "_float4": "{}::text::float8[]",
    "_numeric": "{}::float8[]",
    "date": "CASE WHEN isfinite({0}) THEN {0} END",
    "timestamp": "CASE WHEN isfinite({0}) THEN {0} END",
    "timestamptz": "CASE WHEN isfinite({0}) THEN {0} END",
}
"""What is selected in place of a column, by the server's name of its type."""

AS_THEY_ARE = (
    *("bool", "int2", "int4", "int8", "float8", "numeric", "text", "varchar", "bpchar", "name", "bytea"),
    *("json", "jsonb", "time", "_bool", "_int2", "_int4", "_int8", "_float8"),
)
"""Types that Arrow has, or that the driver gives as text; all others are selected as text."""


class Postgresql:
    """See `Database`."""

    def __init__(self, connection: Connection, address: Address):
        self._connection, self._address = connection, address
        with connection.run("SELECT pg_current_snapshot()::text") as cursor:
            self.stamp = f"{address} {cursor.fetchone()[0]}"

    def tables(self) -> list[str]:
        where = "table_schema = current_schema() AND table_type = 'BASE TABLE'"
        query = f'SELECT table_name::text FROM information_schema.tables WHERE {where} ORDER BY table_name COLLATE "C"'
        with self._connection.run(query) as cursor:
            return [str(name) for (name,) in cursor.fetchall()]

    def relation(self, table: Table) -> Relation:
        shown = f"{self._address.shown()}: {table.of or 'query'}"
        source = relation_sql(table)
        return Relation(shown, self._connection.columns(source, shown), partial(self._batches, source, shown))

    def _batches(self, source: str, shown: str, names: Sequence[str]) -> Iterator[Any]:
        types = self._types(source, shown, names)
        chosen = ", ".join(f"{_cell(name, types[name])} AS {quoted(name)}" for name in names)
        with self._connection.run(f"SELECT {chosen} FROM {source}", shown) as cursor:
            yield from cursor.fetch_record_batch()

    def _types(self, source: str, shown: str, names: Sequence[str]) -> dict[str, str]:
        """Return the name of each column's type; of a domain that of what it is made of."""
        kinds = ", ".join(
            f"coalesce((SELECT typname FROM pg_type WHERE oid = "
            f"(SELECT typbasetype FROM pg_type WHERE oid = pg_typeof({quoted(name)})) "
            f"), (SELECT typname FROM pg_type WHERE oid = pg_typeof({quoted(name)})))::text"
            for name in names
        )
        columns = ", ".join(quoted(name) for name in names)
        rows = f"(SELECT {columns} FROM {source} LIMIT 0) AS few RIGHT JOIN (SELECT 1) AS one ON true"
        with self._connection.run(f"SELECT {kinds} FROM {rows}", shown) as cursor:
            return dict(zip(names, cursor.fetchone()))


@contextmanager
def opened_postgresql(address: Address) -> Iterator[Postgresql]:
    """Give a database of a server, as it is now.

    Raises:
        DataError: no connection.
    """
    driver = require("adbc_driver_postgresql.dbapi", "databases")
    with driver_errors(address, address.shown(), EXPECTED):
        opened = driver.connect(address.whole(), autocommit=True)
    try:
        connection = Connection(opened, address, EXPECTED)
        for setting in SETTINGS:
            with connection.run(setting):
                pass
        yield Postgresql(connection, address)
    finally:
        opened.close()


def _cell(name: str, column_type: str) -> str:
    column = quoted(name)
    if column_type in CASTS:
        return CASTS[column_type].format(column)
    return column if column_type in AS_THEY_ARE else f"{column}::text"
