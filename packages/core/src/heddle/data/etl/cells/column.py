"""column: one typed column of a schema out of a batch, and which of its cells can't be read."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.cells import arrow as typed
from heddle.data.etl.cells.json import json_values
from heddle.data.etl.cells.moments import clock, moments
from heddle.data.etl.cells.numbers import ints, money, percent, reals
from heddle.data.etl.cells.spelling import all_filled
from heddle.data.etl.cells.vectors import as_lists, element
from heddle.data.etl.schemas.schema import Column, Table
from heddle.data.formats.text_files import fail
from heddle.extras import require

EXPECTED = {
    "int": "a whole number of 64 bits",
    "float": "a number",
    "money": "an amount of money",
    "percent": "a %",
}


class Unread(NamedTuple):
    """Cells of one column of the file that can't be read: its name, [rows] bool, and what was expected."""

    column: str
    bad: np.ndarray
    expected: str


def arrow_type(column: Column) -> Any:
    """Return the Arrow type of a column's values."""
    arrow = require("pyarrow", "etl")
    if column.type == "text":
        return arrow.string()
    return arrow.int64() if column.type in ("int", "datetime", "clock") else arrow.float64()


def make(column: Column, batch: Mapping[str, Any], table: Table, where: str) -> tuple[Any, list[Unread]]:
    """Return a column's values, null where missing or unread, and the cells that can't be read.

    Args:
        batch: column of the file -> Arrow array, text or typed.
        where: the file, for errors about a column as a whole.

    Raises:
        DataError: a column of a type that can't be what it is to be.
    """
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    cells = [typed.storage(batch[name]) for name in column.of]
    early: list[Unread] = []
    if column.json is not None:
        values, bad = json_values(
            _known(cells[0], table) if typed.is_text(cells[0]) else cells[0], column.json
        )
        cells, early = [values], [] if bad is None else [Unread(column.of[0], bad, "JSON")]
    if column.type == "text":
        texts, unread = [], early
        for name, cell in zip(column.of, cells):
            values, bad = typed.text(cell, f"{where}: column {name!r}")
            if table.null:
                values = _known(values, table)
            texts.append(compute.fill_null(values, "") if values.null_count else values)
            if bad is not None:
                unread.append(Unread(name, bad, "text in UTF-8"))
        joined = texts[0] if len(texts) == 1 else compute.binary_join_element_wise(*texts, "/")
        return joined, unread
    if column.type == "clock":
        return _clock(column, cells, table, where)
    if column.type == "datetime" and len(cells) > 1:
        if not typed.is_text(cells[0]):
            column = column._replace(format="iso")
        cells = [_joined_times(column, [typed.written(cell) for cell in cells], table, where)]
    name, cell = column.of[0], cells[0]
    location = f"{where}: column {name!r}"
    if column.type == "vector":
        lists = as_lists(_known(cell, table) if typed.is_text(cell) else cell, location)
        values, bad = element(lists, column.at or 0, column.width or 1)
        return values, [*early, *([] if bad is None else [Unread(name, bad, f"{column.width} numbers")])]
    if typed.is_text(cell):
        cell = _known(cell, table)
        if column.type == "datetime":
            values, bad = moments(cell, column.format)
        else:
            read = {"int": ints, "float": reals, "money": money, "percent": percent}[column.type]
            values, bad = read(cell, table.decimal)
    elif column.type == "datetime":
        values, bad = typed.moment(cell, column.format, location)
    elif column.type == "percent" and not arrow.types.is_null(cell.type):
        fail(location, str(cell.type), "text such as 25% for a percent", "choose float, which takes shares")
    else:
        values, bad = typed.number(cell, "int" if column.type == "int" else "float", location)
    expected = EXPECTED.get(column.type, f"a time as {column.format!r}")
    return values, early if bad is None else [*early, Unread(name, bad, expected)]


def _joined_times(column: Column, cells: list[Any], table: Table, where: str) -> Any:
    """Return a date and a time of day, in texts, as one text; missing without the date."""
    compute = require("pyarrow.compute", "etl")
    date, hour = (
        _known(typed.text(cell, f"{where}: column {name!r}").values, table)
        for name, cell in zip(column.of, cells)
    )
    both = compute.binary_join_element_wise(date, hour, " ")  # null if one is
    return compute.if_else(compute.is_valid(both), both, date)


def _clock(column: Column, cells: list[Any], table: Table, where: str) -> tuple[Any, list[Unread]]:
    unread, parts = [], []
    for name, cell in zip(column.of, cells[:3]):
        if typed.is_text(cell):
            values, bad = ints(_known(cell, table), table.decimal)
        else:
            values, bad = typed.number(cell, "int", f"{where}: column {name!r}")
        parts.append(values)
        if bad is not None:
            unread.append(Unread(name, bad, EXPECTED["int"]))
    time = _known(typed.text(typed.written(cells[3]), f"{where}: column {column.of[3]!r}").values, table)
    values, wrong = clock(parts[0], parts[1], parts[2], time)
    for bad in (part.bad for part in unread):
        wrong = np.where(bad, -1, wrong)
    for at, expected in ((2, "a day of the calendar"), (3, "HH:MM")):
        if (wrong == at).any():
            unread.append(Unread(column.of[at], wrong == at, expected))
    return values, unread


def _known(cells: Any, table: Table) -> Any:
    """Return text cells, null for an empty one and for the table's marks of a missing value."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    if not table.null and all_filled(cells):
        return cells
    missing = compute.equal(cells, "")
    if table.null:
        marks = arrow.array(list(table.null), arrow.string())
        missing = compute.or_(missing, compute.is_in(cells, value_set=marks))
    if not compute.any(missing).as_py():
        return cells
    return compute.if_else(missing, arrow.scalar(None, arrow.string()), cells)
