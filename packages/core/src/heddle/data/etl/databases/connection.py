"""Connection: how statements are run on a database, each of the driver's errors as one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from heddle.data.etl.schemas.address import Address
from heddle.data.formats.text_files import fail
from heddle.extras import require


class Connection:
    """A connection of an ADBC driver.

    Args:
        connection: the driver's own.
        address: of the database; messages show it without its password.
        expected: what a message says was expected of the database.
    """

    def __init__(self, connection: Any, address: Address, expected: str):
        self._connection, self._address, self._expected = connection, address, expected

    @contextmanager
    def run(self, sql: str, shown: str = "") -> Iterator[Any]:
        """Give the cursor of a statement; `shown` is what messages call it. Raises DataError: it can't be run."""
        shown = shown or self._address.shown()
        with driver_errors(self._address, shown, self._expected), self._connection.cursor() as cursor:
            cursor.execute(sql)
            yield cursor

    def columns(self, source: str, shown: str) -> list[str]:
        """Return the names of the columns of a table or a query. Raises DataError: there is none."""
        with self.run(f"SELECT * FROM {source} LIMIT 0", shown) as cursor:
            return [column[0] for column in cursor.description]


@contextmanager
def driver_errors(address: Address, shown: str, expected: str) -> Iterator[None]:
    """Turn the driver's errors into a DataError of one line, which it raises."""
    driver = require("adbc_driver_manager", "databases")
    try:
        yield
    except (driver.Error, OSError) as error:
        fail(shown, address.clean(error), expected, "fix the schema")
