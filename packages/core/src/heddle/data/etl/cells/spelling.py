"""spelling: how all texts of a column are written, seen from their bytes at once: the way past patterns cell by cell.

Each function answers None or False where a pattern has to decide; none decides otherwise than the pattern would.
"""

from typing import Any, NamedTuple

import numpy as np

from heddle.extras import require

DOLLAR, MINUS, POINT, ZERO = b"$-.0"


class Texts(NamedTuple):
    """Texts without nulls: text k is `data[offsets[k] : offsets[k + 1]]`.

    Attributes:
        offsets: [n + 1] int32, from 0.
        data: uint8.
    """

    offsets: np.ndarray
    data: np.ndarray


def texts_of(cells: Any) -> Texts | None:
    """Return the Texts of an Arrow string array without copying them; None if one is null, or there are none."""
    if cells.null_count or not len(cells):
        return None
    _, offsets, data = cells.buffers()
    places = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
    start, stop = int(places[0]), int(places[-1])
    held = np.frombuffer(data, np.uint8, stop - start, start) if stop > start else np.empty(0, np.uint8)
    return Texts(places - places[0] if start else places, held)


def all_filled(cells: Any) -> bool:
    """Tell whether no text of an Arrow string array is null or empty."""
    texts = texts_of(cells)
    return texts is not None and bool((texts.offsets[1:] > texts.offsets[:-1]).all())


def all_digits(cells: Any) -> bool:
    """Tell whether every text is 1 to 18 digits, an int64 that is written plainly."""
    texts = texts_of(cells)
    if texts is None or ((texts.data - np.uint8(ZERO)) > 9).any():
        return False
    lengths = np.diff(texts.offsets)
    return bool(lengths.min() >= 1 and lengths.max() <= 18)


def plain_reals(cells: Any) -> Any | None:
    """Return texts of digits, points and minus signs alone as float64; None where one isn't, or isn't a number."""
    texts = texts_of(cells)
    return None if texts is None or not _of_number(texts.data) else _cast(cells)


def dollars(cells: Any) -> Any | None:
    """Return texts that all are a dollar sign and then a plain number as float64, $-2.50 too; None where one isn't."""
    texts = texts_of(cells)
    if texts is None or texts.offsets[-1] < len(cells) or not all_filled(cells):
        return None
    signs = texts.data == DOLLAR
    if np.count_nonzero(signs) != len(cells) or not signs[texts.offsets[:-1]].all():
        return None
    data = texts.data[~signs]
    if not _of_number(data):
        return None
    arrow = require("pyarrow", "etl")
    offsets = texts.offsets - np.arange(len(texts.offsets), dtype=np.int32)
    buffers = [None, arrow.py_buffer(offsets), arrow.py_buffer(data)]
    return _cast(arrow.Array.from_buffers(arrow.string(), len(cells), buffers))


def _of_number(data: np.ndarray) -> bool:
    return bool((((data - np.uint8(ZERO)) <= 9) | (data == POINT) | (data == MINUS)).all())


def _cast(cells: Any) -> Any | None:
    """Return texts of digits, points and minus signs as float64; Arrow takes exactly the numbers among them."""
    arrow = require("pyarrow", "etl")
    try:
        return cells.cast(arrow.float64())
    except arrow.ArrowInvalid:
        return None
