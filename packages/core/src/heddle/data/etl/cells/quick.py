"""quick: ordinary spellings of cells read one by one in Python, for a few rows; equal to what `column.make` gives.

What isn't written in the plainest way isn't read here at all: None is returned and `column.make` decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np

from heddle.data.etl.schemas.schema import Column, Table
from heddle.data.etl.schemas.strptime import PER_SECOND, WIDTHS, compiled

FEW = 64
"""Rows from which on Arrow is the faster way."""

_INT = re.compile(r"-?[0-9]{1,18}\Z")
_REAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{0,18})?\Z")
_MONEY = re.compile(r"(?:(-?)\$?|\$(-))([0-9]{1,18}(?:\.[0-9]{0,18})?)\Z")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2})\Z")
_DAYS = date(1970, 1, 1).toordinal()


class _OtherwiseError(ValueError):
    """A cell isn't written plainly."""


def quick(
    column: Column, cells: Mapping[str, Sequence[str]], table: Table
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return [n] values (0 or NaN where missing) and where they are missing; None for cells that Arrow has to read.

    Args:
        cells: column of the file -> texts.
    """
    read = _READERS.get(column.type)
    parts = len(column.of)
    if read is None or column.json is not None or table.decimal != "." or (table.null and parts > 1):
        return None
    try:
        rows = zip(*(cells[name] for name in column.of))
        values = [
            None if parts == 1 and (not row[0] or row[0] in table.null) else read(column, row) for row in rows
        ]
    except ValueError:
        return None
    missing = np.array([value is None for value in values], bool)
    if column.type in ("float", "money", "percent"):
        return np.array([np.nan if value is None else value for value in values], np.float64), missing
    return np.array([0 if value is None else value for value in values], np.int64), missing


def _int(column: Column, row: Sequence[str]) -> int:
    return int(_plain(_INT, row[0]).group())


def _real(column: Column, row: Sequence[str]) -> float:
    return float(_plain(_REAL, row[0]).group())


def _money(column: Column, row: Sequence[str]) -> float:
    before, after, digits = _plain(_MONEY, row[0]).groups()
    return -float(digits) if before or after else float(digits)


def _percent(column: Column, row: Sequence[str]) -> float:
    if not row[0].endswith("%"):
        raise _OtherwiseError
    return float(_plain(_REAL, row[0][:-1]).group()) / 100.0


def _clock(column: Column, row: Sequence[str]) -> int:
    year, month, day = (int(_plain(_INT, part).group()) for part in row[:3])
    hour, minute = map(int, _plain(_TIME, row[3]).groups())
    if hour > 23 or minute > 59:
        raise _OtherwiseError
    return (date(year, month, day).toordinal() - _DAYS) * 86400 + hour * 3600 + minute * 60


def _datetime(column: Column, row: Sequence[str]) -> int:
    """Read a number since 1970, or a moment of one column whose format has a fixed width."""
    if len(row) > 1:
        raise _OtherwiseError
    if column.format in PER_SECOND:
        return int(_plain(_INT, row[0]).group()) // PER_SECOND[column.format]
    form = compiled(column.format).fixed
    if not form:
        raise _OtherwiseError
    text, at, parts = row[0], 0, {"Y": 1900, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0}
    for letter, between in form:
        size = WIDTHS[letter] if letter else len(between)
        piece, at = text[at : at + size], at + size
        if len(piece) < size or (
            piece != between if not letter else not (piece.isascii() and piece.isdigit())
        ):
            raise _OtherwiseError
        if letter:
            parts[letter] = int(piece)
    if at != len(text) or parts["H"] > 23 or parts["M"] > 59 or parts["S"] > 59:
        raise _OtherwiseError
    days = date(parts["Y"], parts["m"], parts["d"]).toordinal() - _DAYS
    return days * 86400 + parts["H"] * 3600 + parts["M"] * 60 + parts["S"]


def _plain(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.match(text)
    if match is None:
        raise _OtherwiseError
    return match


_READERS: Mapping[str, Callable[[Column, Sequence[str]], int | float]] = {
    "int": _int,
    "float": _real,
    "money": _money,
    "percent": _percent,
    "clock": _clock,
    "datetime": _datetime,
}
