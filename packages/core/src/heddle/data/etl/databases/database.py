"""Database and Relation: what is read of a database."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from heddle.data.etl.schemas.schema import Table


class Relation(NamedTuple):
    """The rows of a table or of a query.

    Attributes:
        shown: as messages call it.
        names: its columns.
        batches: columns -> record batches that hold them.
    """

    shown: str
    names: Sequence[str]
    batches: Callable[[Sequence[str]], Iterator[Any]]


class Database(Protocol):
    """A database that is read as it was at one moment, whatever others write meanwhile.

    Attributes:
        stamp: changes when rows may have changed.
    """

    stamp: str

    def tables(self) -> list[str]:
        """Return the names of the tables, ascending."""
        ...

    def relation(self, table: Table) -> Relation:
        """Return what a table names. Raises DataError: no such table, or a query that the database can't run."""
        ...


def relation_sql(table: Table) -> str:
    """Return a table of a database, or a query, as SQL to select from."""
    if table.query is not None:
        return f"({table.query.strip().rstrip(';')}\n) AS asked"
    assert table.of is not None
    return ".".join(quoted(part) for part in table.of.split("."))


def quoted(name: str) -> str:
    """Return a name as SQL."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
