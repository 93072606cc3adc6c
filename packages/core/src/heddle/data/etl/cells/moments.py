"""moments: text to whole seconds since 1970 in UTC; fractions are rounded down, before 1970 too."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from heddle.data.etl.cells.calendar import civil, days
from heddle.data.etl.cells.numbers import Values
from heddle.data.etl.schemas.strptime import PER_SECOND, WIDTHS, Compiled, compiled
from heddle.extras import require

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


def moments(cells: Any, fmt: str) -> Values:
    """Return the moments of cells in one format, int64.

    Args:
        cells: Arrow string array, null where missing.
        fmt: strftime's letters, `iso`, or `%s`, `ms`, `us`, `ns` for numbers since 1970.
    """
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    if fmt in PER_SECOND:
        return _numbered(cells, PER_SECOND[fmt])
    form = compiled(fmt)
    if form.fixed and (quick := _fixed(cells, form)) is not None:
        return quick
    coded = compute.dictionary_encode(compute.utf8_trim(cells, " \t\u00a0"))
    seconds, good = _distinct(coded.dictionary, form)
    missing = compute.equal(coded.dictionary, "").to_numpy(zero_copy_only=False)
    values = arrow.array(seconds, mask=~good)
    wrong = arrow.array(~good & ~missing)
    bad = compute.fill_null(compute.take(wrong, coded.indices), False).to_numpy(zero_copy_only=False)
    return Values(compute.take(values, coded.indices), bad if bad.any() else None)


def clock(year: Any, month: Any, day: Any, time: Any) -> tuple[Any, np.ndarray]:
    """Return the moments of whole numbers and of H:MM or H:MM:SS, int64, and which of four columns is wrong.

    Args:
        year, month, day: Arrow int64 arrays; null where there is none.
        time: Arrow string array.

    Returns:
        values, null where they are wrong; [rows] the number of the column that is wrong, -1 if none is.
    """
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    y, m, d = (
        (compute.fill_null(part, -1) if part.null_count else part).to_numpy(zero_copy_only=False)
        for part in (year, month, day)
    )
    coded = time.dictionary_encode()  # few are distinct
    parts = compute.extract_regex(
        compute.utf8_trim(coded.dictionary, " \t"),
        "^(?P<H>[0-9]{1,2}):(?P<M>[0-9]{1,2})(?::(?P<S>[0-9]{1,2}))?$",
    )
    valid = compute.fill_null(compute.is_valid(parts), False).to_numpy(zero_copy_only=False)
    hour, minute, second = (_part(parts, at, 0) for at in range(3))
    timely = valid & (hour < 24) & (minute < 60) & (second < 60)
    of_day = np.where(timely, hour * 3600 + minute * 60 + second, -1)
    of_day = np.append(of_day, -1)[coded.indices.fill_null(len(of_day)).to_numpy(zero_copy_only=False)]
    seconds, real = days(y, m, d)
    wrong = np.where(real, np.where(of_day >= 0, -1, 3), 2)
    return arrow.array(seconds + of_day, mask=wrong >= 0), wrong


def _numbered(cells: Any, per: int) -> Values:
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    cells = compute.utf8_trim(cells, " \t")
    good = compute.match_substring_regex(cells, "^-?[0-9]{1,18}([.][0-9]*)?$")
    bad = compute.fill_null(compute.invert(compute.or_(good, compute.equal(cells, ""))), False)
    texts = compute.if_else(good, cells, arrow.scalar(None, arrow.string()))
    down = compute.match_substring_regex(texts, "^-.*[.].*[1-9]")  # a negative one with a fraction
    whole = compute.cast(compute.replace_substring_regex(texts, "[.].*$", ""), arrow.int64())
    whole = compute.subtract(whole, compute.cast(down, arrow.int64()))
    wrong = bad.to_numpy(zero_copy_only=False)
    return Values(floored(whole, per), wrong if wrong.any() else None)


def floored(values: Any, per: int) -> Any:
    """Return int64 // per, null where it is."""
    if per == 1:
        return values
    arrow = require("pyarrow", "etl")
    missing = values.is_null().to_numpy(zero_copy_only=False)
    return arrow.array(values.fill_null(0).to_numpy(zero_copy_only=False) // per, mask=missing)


def _fixed(cells: Any, form: Compiled) -> Values | None:
    """Return the moments of cells that all have the format's full width; None if one doesn't."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    width = sum(WIDTHS[letter] if letter else len(text) for letter, text in form.fixed)
    there = cells.is_valid().to_numpy(zero_copy_only=False)
    held = cells if there.all() else cells.drop_null()
    if not len(held) or not compute.all(compute.equal(compute.binary_length(held), width)).as_py():
        return None
    solid = arrow.concat_arrays([held]).cast(arrow.binary()).cast(arrow.binary(width))
    raw = np.frombuffer(solid.buffers()[1], np.uint8, len(held) * width).reshape(-1, width)
    numbers, at = {}, 0
    for letter, text in form.fixed:
        size = WIDTHS[letter] if letter else len(text)
        piece = raw[:, at : at + size]
        at += size
        if letter:
            digits = piece - np.uint8(48)
            if (digits > 9).any():
                return None
            numbers[letter] = digits.astype(np.int64) @ (10 ** np.arange(size)[::-1])
        elif (piece != np.frombuffer(text.encode(), np.uint8)).any():
            return None
    ones, zeros = np.ones(len(held), np.int64), np.zeros(len(held), np.int64)
    parts = [
        numbers.get(letter, default) for letter, default in zip("YmdHMS", (ones, ones, ones, *[zeros] * 3))
    ]
    if "Y" not in numbers:
        parts[0] = ones * 1900
    seconds, real = civil(*parts)
    values, good = np.zeros(len(cells), np.int64), np.zeros(len(cells), bool)
    values[there], good[there] = seconds, real
    bad = there & ~good
    return Values(arrow.array(values, mask=~good), bad if bad.any() else None)


def _distinct(texts: Any, form: Compiled) -> tuple[np.ndarray, np.ndarray]:
    """Return the seconds of texts, and which are moments."""
    compute = require("pyarrow.compute", "etl")
    parts = compute.extract_regex(texts, form.pattern)
    good = compute.fill_null(compute.is_valid(parts), False).to_numpy(zero_copy_only=False)
    names = [field.name for field in parts.type]

    def part(letter: str, default: int) -> np.ndarray:
        if letter not in names:
            return np.full(len(texts), default)
        return _part(parts, names.index(letter), default)

    year = part("Y", 1900)
    if "y" in names:
        short = part("y", 0)
        year = short + np.where(short < 69, 2000, 1900)
    month, day, hour = part("m", 1), part("d", 1), part("H", 0)
    for letter, months in (("b", MONTHS), ("B", LONG_MONTHS)):
        if letter in names:
            month = _index(parts, names.index(letter), months)
    if "I" in names:
        twelve = part("I", 12)
        good &= (twelve >= 1) & (twelve <= 12)
        hour = twelve % 12
        if "p" in names:
            hour = hour + 12 * (_index(parts, names.index("p"), ("am", "pm")) - 1)
    minute, second = part("M", 0), part("S", 0)
    if "j" in names:
        start, real = civil(year, np.ones_like(year), np.ones_like(year), hour, minute, second)
        nth = part("j", 1)
        leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
        seconds, real = start + (nth - 1) * 86400, real & (nth >= 1) & (nth <= 365 + leap)
    else:
        seconds, real = civil(year, month, day, hour, minute, second)
    for zone in {"z", "h"} & set(names):  # h: hours alone, as PostgreSQL writes +02
        seconds = seconds - _offsets(parts, names.index(zone))
    return seconds, good & real


def _field(parts: Any, at: int) -> Any:
    compute = require("pyarrow.compute", "etl")
    return compute.fill_null(compute.struct_field(parts, at), "")


def _part(parts: Any, at: int, default: int) -> np.ndarray:
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    texts = _field(parts, at)
    texts = compute.if_else(compute.equal(texts, ""), str(default), texts)
    numbers: np.ndarray = compute.cast(texts, arrow.int64()).to_numpy(zero_copy_only=False)
    return numbers


def _index(parts: Any, at: int, names: Sequence[str]) -> np.ndarray:
    """Return the place of words, from 1; 0 for another one."""
    arrow, compute = require("pyarrow", "etl"), require("pyarrow.compute", "etl")
    index = compute.index_in(compute.ascii_lower(_field(parts, at)), value_set=arrow.array(list(names)))
    places: np.ndarray = compute.fill_null(compute.add(index, 1), 0).to_numpy(zero_copy_only=False)
    return places.astype(np.int64)


def _offsets(parts: Any, at: int) -> np.ndarray:
    """Return the seconds that a zone is ahead of UTC."""
    texts = [text or "Z" for text in _field(parts, at).to_pylist()]

    def seconds(text: str) -> int:
        if text == "Z":
            return 0
        digits = text.replace(":", "")
        return (-1 if text[0] == "-" else 1) * (int(digits[1:3]) * 3600 + int(digits[3:5] or 0) * 60)

    known = {text: seconds(text) for text in set(texts)}
    return np.array([known[text] for text in texts], np.int64)
