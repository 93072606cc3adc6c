"""The strict reading of quotes: where records end, on which line each begins, and what is no quoted cell.

A cell is quoted as a whole or not at all: a quote opens one only at the start of a cell, and closes it only at its end;
inside, two quotes are one. Lines end with LF, CRLF or CR. Blocks hold whole records, so none begins inside quotes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

LF, CR = 10, 13


class Wrong(NamedTuple):
    """A quote that breaks the rule: where it is in the block, and what it is."""

    at: int
    actual: str


def marks(data: bytes, quote: bytes | None) -> np.ndarray:
    """Return the positions of the bytes `quote` in the data, [n] int64 ascending; none without a `quote`."""
    if not quote or quote not in data:
        return np.empty(0, np.int64)
    return np.concatenate([at + np.flatnonzero(piece == quote[0]) for at, piece in _pieces(data)])


def _pieces(data: bytes, size: int = 1 << 16) -> Iterator[tuple[int, np.ndarray]]:
    """Yield data in pieces that stay in a processor's cache, each with its position."""
    text = np.frombuffer(data, np.uint8)
    for at in range(0, len(text), size):
        yield at, text[at : at + size]


def wrong_quote(data: bytes, quotes: np.ndarray, delimiter: bytes, *, last: bool) -> Wrong | None:
    """Return the first quote that breaks the rule, or None.

    Args:
        quotes: `marks` of the data.
        delimiter: between cells; it stands beside quotes.
        last: whether nothing follows, so that a quote that is still open stays so.
    """
    if not len(quotes):
        return None
    text = np.frombuffer(data, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = text[np.maximum(opening - 1, 0)]
    fine = (opening == 0) | _here(text, opening - len(delimiter), delimiter) | (before == LF) | (before == CR)
    fine |= before == text[quotes[0]]  # the second of two inside a quoted cell
    after = text[np.minimum(closing + 1, len(text) - 1)]
    shut = (closing == len(text) - 1) | _here(text, closing + 1, delimiter) | (after == LF) | (after == CR)
    shut |= after == text[quotes[0]]
    wrong = [Wrong(int(opening[at]), "a quote inside a cell") for at in np.flatnonzero(~fine)[:1]]
    wrong += [Wrong(int(closing[at]), "text after a quoted cell") for at in np.flatnonzero(~shut)[:1]]
    if last and len(quotes) % 2 and not wrong:
        wrong.append(Wrong(int(quotes[-1]), "a quote that nothing closes"))
    return min(wrong, default=None)


def _here(text: np.ndarray, at: np.ndarray, delimiter: bytes) -> np.ndarray:
    """Tell at which positions a delimiter stands, or begins where the text ends."""
    stands = at >= 0
    for offset, byte in enumerate(delimiter):
        position = np.maximum(at + offset, 0)
        stands &= (position >= len(text)) | (text[np.minimum(position, len(text) - 1)] == byte)
    return stands


def last_end(data: bytes, quotes: np.ndarray) -> int:
    """Return where the last whole record ends, just after its line's end; 0 if there is none.

    A CR in the last place isn't one: an LF may follow.

    Args:
        quotes: [n] positions, `marks` of the data.
    """
    end = len(data) - 1 if data.endswith(b"\r") else len(data)
    while end > 0:
        at = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end))
        if at < 0:
            return 0
        within = int(np.searchsorted(quotes, at))
        if within % 2 == 0:
            return at + 1
        end = int(quotes[within - 1])
    return 0


def first_end(data: bytes, quotes: np.ndarray) -> int:
    """Return where the first record ends, just after its line's end; the length of the data if it has none.

    Args:
        quotes: [n] positions, `marks` of the data.
    """
    for at in line_ends(data):
        if np.searchsorted(quotes, at) % 2 == 0:
            return int(at) + 1
    return len(data)


def line_ends(data: bytes) -> np.ndarray:
    """Return the position of the last byte of every line end (LF, CR or both), [n] int64 ascending."""
    text = np.frombuffer(data, np.uint8)
    ends = text == LF
    if b"\r" in data:
        alone = text == CR
        alone[:-1] &= text[1:] != LF
        ends |= alone
    return np.flatnonzero(ends)


def count_lines(data: bytes) -> int:
    """Return the number of line ends."""
    count = sum(int(np.count_nonzero(piece == LF)) for _, piece in _pieces(data))
    return count + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else count


class Spans(NamedTuple):
    """Where records lie, each [n] int64: where one starts, where its line end begins, and its line, from 0."""

    starts: np.ndarray
    stops: np.ndarray
    lines: np.ndarray


def record_spans(data: bytes, quotes: np.ndarray, *, blank: bool) -> Spans:
    """Return the Spans of whole records; blank lines are records only with `blank`.

    Args:
        quotes: [n] positions, `marks` of the data.
    """
    ends = line_ends(data)
    outside = np.flatnonzero(np.searchsorted(quotes, ends) % 2 == 0)
    stops = ends[outside]
    starts, lines = np.concatenate([[0], stops + 1]), np.concatenate([[0], outside + 1])
    if starts[-1] == len(data):
        starts, lines = starts[:-1], lines[:-1]
    else:
        stops = np.concatenate([stops, [len(data)]])
    text = np.frombuffer(data, np.uint8)
    lf = text[np.minimum(stops, len(text) - 1)] == LF
    crlf = lf & (stops > starts) & (stops < len(data)) & (text[np.maximum(stops - 1, 0)] == CR)
    stops = stops - crlf
    kept = slice(None) if blank else stops > starts
    return Spans(starts[kept], stops[kept], lines[kept])
