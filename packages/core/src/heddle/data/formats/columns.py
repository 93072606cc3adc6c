"""Tables with named columns: CSV, plain or gzipped, and Parquet."""

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.formats.text_files import fail, read_bytes, read_text
from heddle.errors import nearest
from heddle.extras import require


class Table(NamedTuple):
    """Columns by name, each a list of text (CSV) or an array (Parquet), with `rows` cells."""

    path: Path
    columns: dict[str, Any]
    rows: int


def read_table(path: Path, delimiter: str = ",") -> Table:
    """Return the table of a .parquet file, or else of a text file with a heading; text may be quoted as in CSV.

    Raises:
        DataError: names the row (from 1, without the heading) that is ragged, or what else is wrong.
    """
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, delimiter)


def texts(table: Table, name: str) -> list[str]:
    """Return a column as text without surrounding spaces; a missing value is ''. Whole numbers have no point.

    Raises:
        DataError: there is no such column, or it holds numbers that aren't whole.
    """
    column = _column(table, name)
    if isinstance(column, list):
        return [cell.strip() for cell in column]
    if column.dtype.kind == "f":
        bad = np.isfinite(column) & (column != np.round(column))
        if bad.any():
            row = int(np.argmax(bad))
            fail(f"{table.path}: row {row + 1}, column {name!r}", column[row], "text or a whole number")
        return ["" if np.isnan(cell) else str(int(cell)) for cell in column]
    if column.dtype.kind not in "iubO":
        fail(f"{table.path}: column {name!r}", f"dtype {column.dtype}", "text or whole numbers")
    return ["" if cell is None else str(cell).strip() for cell in column.tolist()]


def numbers(table: Table, name: str) -> np.ndarray:
    """Return a column as float32 [rows], finite.

    Raises:
        DataError: names the row of a cell that is no finite number.
    """
    column = _column(table, name)
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(column, np.float32)
    except (TypeError, ValueError, OverflowError):
        row = next((row for row, cell in enumerate(column) if not _is_number(cell)), 0)
        fail(f"{table.path}: row {row + 1}, column {name!r}", repr(column[row]), "a number")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        do = "fill it in, or leave the column out of the features"
        fail(f"{table.path}: row {row + 1}, column {name!r}", column[row], "a finite number of 32 bits", do)
    return values


def _column(table: Table, name: str) -> Any:
    if name not in table.columns:
        valid = list(table.columns)
        do = f"name one of them in data.nodes or data.edges{nearest(name, valid)}"
        fail(table.path, f"no column {name!r}", f"it among {valid}", do)
    return table.columns[name]


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _read_csv(path: Path, delimiter: str) -> Table:
    try:
        rows = [
            row for row in csv.reader(io.StringIO(read_text(path)), delimiter=delimiter, strict=True) if row
        ]
    except csv.Error as error:
        fail(path, f"a broken CSV ({error})", f"cells with {delimiter!r} between them")
    if not rows:
        fail(path, "an empty file", "a heading and rows")
    heading = [name.strip() for name in rows[0]]
    if len(set(heading)) != len(heading):
        fail(path, f"the heading {heading}", "every column once")
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(heading):
            fail(f"{path}: row {number}", f"{len(row)} columns", f"{len(heading)} as in the heading")
    cells = zip(*rows[1:]) if len(rows) > 1 else ((),) * len(heading)
    return Table(path, {name: list(column) for name, column in zip(heading, cells)}, len(rows) - 1)


def _read_parquet(path: Path) -> Table:
    pyarrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    data = read_bytes(path)
    try:
        arrow = parquet.read_table(pyarrow.BufferReader(data))
        columns = {name: _plain(arrow.column(name)) for name in arrow.column_names}
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fail(path, f"a file that can't be read as Parquet ({reason})", "a whole Parquet file")
    return Table(path, columns, arrow.num_rows)


def _plain(column: Any) -> Any:
    """Return an Arrow column as an array of numbers, or of objects with None where a value is missing."""
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind in "iufb" and not (
        values.dtype.kind == "f" and str(column.type).startswith(("int", "uint"))
    ):
        return values
    return np.array([*column.to_pylist(), None], dtype=object)[:-1]
