"""blocks: a CSV's bytes as whole records, a few megabytes at a time, each block with the number of its first line."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from heddle.data.etl.cells.quotes import (
    Wrong,
    count_lines,
    first_end,
    last_end,
    line_ends,
    marks,
    wrong_quote,
)
from heddle.data.etl.cells.source import File
from heddle.data.etl.schemas.schema import Table
from heddle.data.formats.text_files import fail

SIZE = 2 << 20
"""Bytes of a block, before the record that it ends in."""

LONGEST = 64 << 20
"""Bytes of the longest record; a longer one is a quote that nothing closes."""


class Block(NamedTuple):
    """Whole records.

    Attributes:
        data: UTF-8.
        line: the number of its first line in the file, from 1.
    """

    data: bytes
    line: int


def blocks(stream: Any, file: File, table: Table, size: int = SIZE) -> Iterator[Block]:
    """Yield the records of a stream of UTF-8 in blocks, checked for quotes and encoding.

    Args:
        file: how its cells are written: delimiter, quotes, encoding.
        table: named in errors.
        size: bytes to read at a time.

    Raises:
        DataError: a quote that isn't one by the rule of `quotes`, bytes that aren't UTF-8; names the line.
    """
    quote, delimiter = table.quote.encode() if table.quote else None, table.delimiter.encode()
    rest, line = _after(stream, table.skip, size), table.skip + 1
    while True:
        chunk = stream.read(size)
        data = rest + chunk
        if not data:
            return
        quotes = marks(data, quote)
        wrong = wrong_quote(data, quotes, delimiter, last=not chunk)
        cut = last_end(data, quotes) if chunk else len(data)
        if wrong is None and not cut and len(data) > LONGEST:
            wrong = Wrong(int(quotes[0]) if len(quotes) else 0, f"a line of more than {LONGEST >> 20} MB")
        if wrong is not None:
            at, actual = wrong
            where = f"{file}: line {line + count_lines(data[:at])}"
            do = "fix the file, or add quote: null to the table if quotes are plain text"
            fail(
                where, f"{actual} ({_around(data, at)})", 'cells quoted as a whole, "" for a quote inside', do
            )
        rest = data[cut:]
        if cut:
            data = data[:cut] if rest else data
            _check_text(data, file, line)
            yield Block(data, line)
            line += count_lines(data)
        if not chunk:
            return


def first_record(data: bytes, quote: bytes | None) -> tuple[int, int, int]:
    """Return where the first record of `data` that isn't blank begins and ends, in bytes, and the lines before."""
    start = 0
    while True:
        end = start + first_end(data[start:], marks(data[start:], quote))
        if data[start:end].strip(b"\r\n") or end == len(data):
            return start, end, count_lines(data[:end])
        start = end


def _after(stream: Any, lines: int, size: int) -> bytes:
    """Read over lines, whatever they hold; return the bytes behind them that were read too."""
    data = b""
    while lines and count_lines(data[:-1]) < lines and (chunk := stream.read(size)):
        data += chunk
    ends = line_ends(data)[:lines]
    return data[int(ends[-1]) + 1 :] if len(ends) else b""


def _around(data: bytes, at: int) -> str:
    return repr(data[max(0, at - 20) : at + 20].decode(errors="replace"))


def _check_text(data: bytes, file: File, line: int) -> None:
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        where = f"{file}: line {line + count_lines(data[: error.start])}"
        actual = f"byte 0x{data[error.start]:02x} that is not UTF-8"
        fail(where, actual, "text in UTF-8", "add encoding: latin-1, or what it is, to the table")
