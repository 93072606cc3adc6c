"""moments: times of questions as requests have them: whole numbers, or dates where the data has dates."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from heddle.data.etl.rows import RowError
from heddle.data.etl.schemas.schema import Schema
from heddle.errors import problem
from heddle.serving.bundle.whole import whole_numbers

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=UTC)


def is_dated(schema: Schema | None) -> bool:
    """Tell whether the times of a folder come of columns of dates, so that they are seconds since 1970 in UTC."""
    if schema is None:
        return False
    times = [nodes.time for nodes in schema.nodes.values() if nodes.time is not None]
    times += [(edges.table, edges.time) for edges in schema.edges if edges.time is not None]
    columns = [schema.tables[table].columns.get(name) for table, name in times]
    return any(column is not None and column.type in ("clock", "datetime") for column in columns)


def moments(values: Sequence[Any], dated: bool) -> np.ndarray:
    """Return times [n] int64, as the folder has them, of whole numbers and, where it has dates, of text of ISO 8601.

    A date without a zone is one in UTC, without a time of day its midnight; fractions of a second are rounded down.

    >>> moments([60, "1970-01-02", "1970-01-01T01:00:00.5+01:00"], dated=True).tolist()
    [60, 86400, 0]

    Raises:
        RowError: another value.
    """
    do = "add the time, in the data's unit"
    if not dated:
        return whole_numbers("time", values, do)
    return whole_numbers("time", [_seconds(value) for value in values], f"{do}, or as 2023-12-01T10:00:00")


def _seconds(value: Any) -> Any:
    """Return the seconds since 1970 of text that begins with a date; another value as it is."""
    if not isinstance(value, str) or not _DATE.match(value):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        expected, do = "a moment of ISO 8601, as 2023-12-01T10:00:00", "write it so"
        raise RowError(problem("time", repr(value)[:80], expected, do)) from None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _START) // timedelta(seconds=1)
