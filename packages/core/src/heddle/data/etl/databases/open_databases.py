"""open_databases: the databases that the tables of a schema name."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from heddle.data.etl.databases.database import Database
from heddle.data.etl.schemas.address import Address
from heddle.data.etl.schemas.schema import Schema


@contextmanager
def open_databases(schema: Schema, root: Path | str) -> Iterator[Mapping[str, Database]]:
    """Give the databases that the tables of a schema name, by their names.

    Args:
        root: the folder that paths of SQLite are below.

    Raises:
        DataError: one that can't be opened.
        PluginError: its driver isn't installed.
    """
    used = {table.database for table in schema.tables.values()} - {None}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(opened_database(address, root))
            for name, address in schema.databases.items()
            if name in used
        }


def opened_database(address: Address, root: Path | str) -> AbstractContextManager[Database]:
    """Give the database of an address. Raises DataError, PluginError: as `open_databases`."""
    if address.whole().startswith("sqlite"):
        from heddle.data.etl.databases.sqlite import opened_sqlite

        return opened_sqlite(address, root)
    from heddle.data.etl.databases.postgresql import opened_postgresql

    return opened_postgresql(address)
