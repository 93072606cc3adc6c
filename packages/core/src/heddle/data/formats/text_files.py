"""Files of numbers and text, plain or gzipped, read with errors that name the file and the row."""

import gzip
import io
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from heddle.errors import DataError, problem

_GAP = re.compile(r"(?m)(?:^|(?<=,))(?=,|$)")
"""Where an empty cell is."""


def fail(where: Any, actual: object, expected: str, do: str = "fix the file, or fetch it again") -> NoReturn:
    """Raise a DataError about a file, a row or an option, `where: found actual, expected ...; do`.

    Raises:
        DataError: always.
    """
    raise DataError(problem(str(where), actual, expected, do))


def locate(root: str | Path | None, subfolders: Sequence[str], wanted: Sequence[str]) -> Path:
    """Return the folder among `root/place` that holds most of the files `wanted`, the first of them on a tie.

    `root=None` stands for ~/.cache/heddle.
    """
    base = Path("~/.cache/heddle" if root is None else root).expanduser()
    return max(
        (base / subfolder for subfolder in subfolders),
        key=lambda at: sum((at / file).is_file() for file in wanted),
    )


def read_bytes(path: Path | str) -> bytes:
    """Return the bytes of a file, unzipped if its name ends in .gz.

    Raises:
        DataError: no such file, or one that can't be read or unzipped.
    """
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if str(path).endswith(".gz") else data
    except FileNotFoundError:
        fail(path, "no such file", "a file", "check data.root and data.name")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        fail(path, f"a cut or corrupt gzip file ({error})", "a whole gzip file", "fetch the file again")
    except OSError as error:
        fail(path, error.strerror or str(error), "a readable file", "check its permissions")


def read_text(path: Path | str) -> str:
    """Return the text of a UTF-8 file, unzipped if its name ends in .gz.

    Raises:
        DataError: as `read_bytes`, or bytes that aren't UTF-8.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        actual = f"byte 0x{error.object[error.start]:02x} that is not UTF-8"
        fail(f"{path}: line {line}", actual, "UTF-8 text", "convert the file to UTF-8")


def read_numbers(
    path: Path | str,
    dtype: Any,
    *,
    columns: int | None = None,
    delimiter: str | None = ",",
    gaps: bool = False,
) -> np.ndarray:
    """Return a file of numbers as [rows, columns]; an empty file gives no rows. Blank lines don't count.

    `gaps` reads an empty cell as NaN (and a blank line as a row of one); else cells must be finite.

    Raises:
        DataError: names the row (from 1) of a cell that is no number, of a ragged row, of a NaN or infinity, and
            the number of columns found if it isn't `columns`.
    """
    text = read_text(path)
    if gaps:
        text = _GAP.sub("nan", text.rstrip("\n").replace('""', ""))
    if not text.strip():
        return np.empty((0, columns or 0), dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older numpy reads 1.5 as the integer 1 and only warns
            table = np.loadtxt(io.StringIO(text), dtype, delimiter=delimiter, comments=None, ndmin=2)
    except (ValueError, OverflowError, DeprecationWarning) as error:
        _explain(path, str(error), np.dtype(dtype))
    if columns is not None and table.shape[1] != columns:
        fail(path, f"{table.shape[1]} columns", f"{columns} columns")
    if not gaps and table.dtype.kind == "f" and not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        fail(f"{path}: row {row + 1}, column {column + 1}", table[row, column], "a finite number")
    return table


def _explain(path: Path | str, message: str, dtype: np.dtype) -> NoReturn:
    """Turn numpy.loadtxt's message into one of ours; it counts rows from 0 for cells and from 1 for columns."""
    number = "an integer" if dtype.kind in "iu" else "a number"
    cell = re.search(
        r"string (?P<cell>'.*') to .* at row (?P<row>\d+), column (?P<column>\d+)", message, re.DOTALL
    )
    if cell:
        where = f"{path}: row {int(cell['row']) + 1}, column {cell['column']}"
        fail(where, cell["cell"][:80], number)
    ragged = re.search(r"changed from (?P<before>\d+) to (?P<after>\d+) at row (?P<row>\d+)", message)
    if ragged:
        expected = f"{ragged['before']} as in the rows before"
        fail(f"{path}: row {ragged['row']}", f"{ragged['after']} columns", expected)
    fail(path, message.splitlines()[0][:160], f"{number} in every cell")


def same_length(path: Path | str, rows: int, expected: int, what: str) -> None:
    """Check the number of rows of a file against another count.

    Args:
        path: named in the error.
        what: of what `expected` is the count, e.g. "one for each node".

    Raises:
        DataError: the counts differ.
    """
    if rows != expected:
        fail(path, f"{rows} rows", f"{expected} rows, {what}")


def check_ids(path: Path | str, ids: np.ndarray, size: int, what: str, *, start: int = 0) -> None:
    """Check a column of ids [n] int to lie in [start, start + size), naming the first row that doesn't.

    Args:
        what: what an id is called in the error.

    Raises:
        DataError: an id out of range.
    """
    bad = (ids < start) | (ids >= start + size)
    if bad.any():
        row = int(np.flatnonzero(bad.reshape(len(ids), -1).any(axis=1))[0])
        value = ids[row][bad[row]][0] if ids.ndim > 1 else ids[row]
        expected = (
            f"{what} from {start} to {start + size - 1}" if size else f"no id, since there is no {what}"
        )
        fail(f"{path}: row {row + 1}", value, expected)
