"""csv: the cells of a CSV as text, record by record, with the lines that have too many or too few."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.data.etl.cells.blocks import Block, blocks, first_record
from heddle.data.etl.cells.quotes import count_lines, marks, record_spans, wrong_quote
from heddle.data.etl.cells.source import File
from heddle.data.etl.cells.text_stream import open_text
from heddle.data.etl.schemas.schema import Table
from heddle.data.formats.text_files import fail
from heddle.extras import require

UNIT = b"\x1f"
"""What stands for a delimiter of several bytes while a block is read."""


class Cells(NamedTuple):
    """The cells of a block.

    Attributes:
        columns: name -> Arrow string array, "" for an empty cell.
        rows: their number.
        ragged: records of too many or too few cells, which are not among the rows.
        location: row -> where it is, for messages.
        short: records that lacked their last cells, which are empty.
    """

    columns: dict[str, Any]
    rows: int
    ragged: int
    location: Any
    short: int = 0


def header(file: File, table: Table) -> list[str]:
    """Return the names of a file's columns, without spaces around them; "0", "1" ... of a file without a header.

    Raises:
        DataError: an empty file, one that isn't text.
    """
    with open_text(file, table.encoding) as stream:
        first = next(blocks(stream, file, table), None)
    if first is None or not first.data.strip(b"\r\n"):
        if not table.header:
            fail(file, "an empty file", "a table", "leave the file out")
        fail(file, "an empty file", "a line that names the columns", "fix the file, or leave it out")
    start, end, _ = first_record(first.data, _quote(table))
    record = first.data[start:end].rstrip(b"\r\n").decode()
    if len(table.delimiter) > 1:
        record = record.replace(table.delimiter, UNIT.decode())
    quoting: Any = {"quotechar": table.quote} if table.quote else {"quoting": csv.QUOTE_NONE}
    csv.field_size_limit(1 << 30)
    delimiter = table.delimiter if len(table.delimiter) == 1 else UNIT.decode()
    cells = next(csv.reader([record], delimiter=delimiter, **quoting), [])
    return [cell.strip() for cell in cells] if table.header else [str(at) for at in range(len(cells))]


def csv_blocks(file: File, table: Table) -> Iterator[Block]:
    """Yield a file's records, without its header."""
    with open_text(file, table.encoding) as stream:
        first = True
        for block in blocks(stream, file, table):
            if first and table.header:
                _, end, lines = first_record(block.data, _quote(table))
                block = Block(block.data[end:], block.line + lines)
            first = False
            if block.data:
                yield block


def cells_of(block: Block, file: File, names: Sequence[str], wanted: Sequence[int], table: Table) -> Cells:
    """Return the cells of some columns of a block.

    Args:
        names: of all columns of the file.
        wanted: positions of those to read.

    Raises:
        DataError: a record of too many or too few cells, unless the table keeps such lines out.
    """
    arrow, reader = require("pyarrow", "etl"), require("pyarrow.csv", "etl")
    one = len(names) == 1
    quote, delimiter, data = _quote(table), table.delimiter.encode(), block.data
    if len(delimiter) > 1:
        if UNIT in data:
            fail(file, "a byte 0x1f", f"text, as {table.delimiter!r} separates the cells", "fix the file")
        data, delimiter = data.replace(delimiter, UNIT), UNIT
        if wrong_quote(data, marks(data, quote), delimiter, last=True):
            fail(
                file,
                f"a quote beside a part of {table.delimiter!r}",
                "cells quoted as a whole",
                "fix the file",
            )
    if not one and data[:1] in (b"", b"\r", b"\n") and not data.strip(b"\r\n"):
        return Cells({names[at]: arrow.array([], arrow.string()) for at in wanted}, 0, 0, None)
    ragged: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    keys = [str(at) for at in range(len(names))]
    chosen = [keys[at] for at in wanted]
    read = reader.read_csv(
        arrow.py_buffer(data),
        reader.ReadOptions(column_names=keys, block_size=len(data) + 1, use_threads=False),
        reader.ParseOptions(
            delimiter=delimiter.decode(),
            quote_char=table.quote or False,
            newlines_in_values=bool(table.quote),
            ignore_empty_lines=not one,
            invalid_row_handler=note,
        ),
        reader.ConvertOptions(
            column_types={key: arrow.string() for key in keys},
            include_columns=chosen,
            null_values=[],
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    if table.short == "fill" and any(n_cells < len(names) for _, n_cells in ragged):
        full = _filled(block, names, ragged, table, one)
        short = sum(n_cells < len(names) for _, n_cells in ragged)
        return cells_of(full, file, names, wanted, table)._replace(short=short)
    if ragged and table.on_error == "fail":
        number, n_cells = ragged[0]
        line = block.line + int(_lines(block, table, one)[number - 1])
        do = "fix the line, or add on_error: skip" + (", or short: fill" if n_cells < len(names) else "")
        fail(f"{file}: line {line}", f"{n_cells} cells", f"{len(names)}, as the columns", do)
    columns = {names[at]: _plain(read[keys[at]], table, arrow) for at in wanted}

    def location(row: int) -> str:
        """Return the file and the line of a row (from 0), as long as no line was kept out."""
        if ragged:
            return f"{file}: row {row + 1} after line {block.line}"
        return f"{file}: line {block.line + int(_lines(block, table, one)[row])}"

    return Cells(columns, read.num_rows, len(ragged), location)


def _plain(column: Any, table: Table, arrow: Any) -> Any:
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if len(table.delimiter) > 1:
        compute = require("pyarrow.compute", "etl")
        array = compute.replace_substring(array, UNIT.decode(), table.delimiter)
    return array if array.type == arrow.string() else array.cast(arrow.string())


def _filled(
    block: Block, names: Sequence[str], ragged: Sequence[tuple[int, int]], table: Table, one: bool
) -> Block:
    """Return a block whose records of too few cells have empty ones at their end."""
    data, last, parts = block.data, 0, []
    stops = record_spans(data, marks(data, _quote(table)), blank=one).stops
    for number, n_cells in ragged:
        if n_cells < len(names):
            stop = int(stops[number - 1])
            parts += [data[last:stop], table.delimiter.encode() * (len(names) - n_cells)]
            last = stop
    return block._replace(data=b"".join([*parts, data[last:]]))


def _lines(block: Block, table: Table, one: bool) -> np.ndarray:
    return record_spans(block.data, marks(block.data, _quote(table)), blank=one).lines


def _quote(table: Table) -> bytes | None:
    return table.quote.encode() if table.quote else None


__all__ = ["Cells", "cells_of", "count_lines", "csv_blocks", "header"]
