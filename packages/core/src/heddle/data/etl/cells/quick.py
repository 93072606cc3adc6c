"""quick_reader: plain spellings of cells, read one by one in Python for a few rows; equal to what `column.make` gives.

What isn't written in the plainest way isn't read here at all: OtherwiseError is raised and `column.make` decides.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from heddle.data.etl.schemas.schema import Column, Table
from heddle.data.etl.schemas.strptime import PER_SECOND, WIDTHS, compiled

FEW = 256
"""Rows from which on Arrow is the faster way."""

EXACT = 2**53
"""JSON's numbers are exact up to this one in every language; larger keys travel as text."""

QuickReader = Callable[[Sequence[Sequence[Any]]], list[Any]]
"""Cells [n] of each of a column's parts, text, numbers or None -> its values, None where missing."""

_INT = re.compile(r"-?[0-9]{1,18}\Z")
_REAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{0,18})?\Z")
_MONEY = re.compile(r"(?:(-?)\$?|\$(-))([0-9]{1,18}(?:\.[0-9]{0,18})?)\Z")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2})\Z")
_DAYS = date(1970, 1, 1).toordinal()


class OtherwiseError(ValueError):
    """A cell isn't written plainly."""


def quick_reader(column: Column, table: Table) -> QuickReader | None:
    """Return what reads a column's plain cells; None for a column whose cells Arrow has to read.

    What it returns raises ValueError for cells that aren't plain, of another type, or wrong.
    """
    if column.json is not None:
        return None
    marks = frozenset(table.null)
    if column.type == "text":
        return _texts(marks)
    if column.type == "clock":
        return None if marks else lambda cells: [_clock([_text(cell) for cell in row]) for row in zip(*cells)]
    if table.decimal != "." or len(column.of) > 1:
        return None
    if column.type in ("int", "float"):
        return _numbers(column.type, marks)
    read = _moment(column.format) if column.type == "datetime" else _READERS.get(column.type)
    if read is None:
        return None
    missing, of = marks | {"", None}, read

    def values(cells: Sequence[Sequence[Any]]) -> list[Any]:
        read_one = of  # a local name, as this is every row's
        texts = [cell if type(cell) is str or cell is None else _text(cell) for cell in cells[0]]
        return [None if text in missing else read_one(text) for text in texts]  # type: ignore[arg-type]

    return values


def _texts(marks: frozenset[str]) -> QuickReader:
    def values(cells: Sequence[Sequence[Any]]) -> list[Any]:
        for part in cells:
            for cell in part:
                if type(cell) is not str and cell is not None:
                    raise OtherwiseError
        parts = [["" if cell is None or cell in marks else cell for cell in part] for part in cells]
        return parts[0] if len(parts) == 1 else ["/".join(row) for row in zip(*parts)]

    return values


def _numbers(column_type: str, marks: frozenset[str]) -> QuickReader:
    number, pattern = (int, _INT) if column_type == "int" else (float, _REAL)

    def value(cell: Any) -> Any:
        if type(cell) is int and -EXACT <= cell <= EXACT and not marks:
            return number(cell)
        text = "" if cell is None else _text(cell)
        return None if not text or text in marks else number(_plain(pattern, text).group())

    return lambda cells: [value(cell) for cell in cells[0]]


def _text(cell: Any) -> str:
    """Return a cell as a file would have it."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool) or not isinstance(cell, int | float) or abs(cell) > EXACT:
        raise OtherwiseError
    return repr(cell)


def _money(text: str) -> float:
    before, after, digits = _plain(_MONEY, text).groups()
    return -float(digits) if before or after else float(digits)


def _percent(text: str) -> float:
    if not text.endswith("%"):
        raise OtherwiseError
    return float(_plain(_REAL, text[:-1]).group()) / 100.0


def _clock(row: Sequence[str]) -> int:
    year, month, day = (int(_plain(_INT, part).group()) for part in row[:3])
    hour, minute = map(int, _plain(_TIME, row[3]).groups())
    if hour > 23 or minute > 59:
        raise OtherwiseError
    return (date(year, month, day).toordinal() - _DAYS) * 86400 + hour * 3600 + minute * 60


def _moment(form: str) -> Callable[[str], int] | None:
    """Return what reads a number since 1970, or a moment whose format has a fixed width; None for other formats."""
    if form in PER_SECOND:
        unit = PER_SECOND[form]
        return lambda text: int(_plain(_INT, text).group()) // unit
    fixed = compiled(form).fixed
    return (lambda text: _fixed(fixed, text)) if fixed else None


def _fixed(form: Sequence[tuple[str, str]], text: str) -> int:
    at, parts = 0, {"Y": 1900, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0}
    for letter, between in form:
        size = WIDTHS[letter] if letter else len(between)
        piece, at = text[at : at + size], at + size
        if len(piece) < size or (
            piece != between if not letter else not (piece.isascii() and piece.isdigit())
        ):
            raise OtherwiseError
        if letter:
            parts[letter] = int(piece)
    if at != len(text) or parts["H"] > 23 or parts["M"] > 59 or parts["S"] > 59:
        raise OtherwiseError
    days = date(parts["Y"], parts["m"], parts["d"]).toordinal() - _DAYS
    return days * 86400 + parts["H"] * 3600 + parts["M"] * 60 + parts["S"]


def _plain(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.match(text)
    if match is None:
        raise OtherwiseError
    return match


_READERS = {"money": _money, "percent": _percent}
