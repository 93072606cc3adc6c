"""Streams: Parquet read and .npy written a fixed number of rows at a time, so that memory doesn't grow with them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.extras import require

ROWS = 65536
"""Rows of a chunk; metrics that are added up chunk by chunk depend on it."""


def chunks(path: Path, columns: Sequence[str] | None = None, coded: Sequence[str] = ()) -> Iterator[Any]:
    """Yield a Parquet file as Arrow tables of ROWS rows, the last one of fewer; none for an empty file.

    However the file is cut into row groups, so that equal columns give equal chunks. Texts of the columns `coded` come
    as a dictionary and codes of it.
    """
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    held: list[Any] = []
    rows = 0
    with parquet.ParquetFile(path, read_dictionary=list(coded)) as file:
        for batch in file.iter_batches(ROWS, columns=None if columns is None else list(columns)):
            held.append(batch)
            rows += batch.num_rows
            while rows >= ROWS:
                table = arrow.Table.from_batches(held)
                yield table.slice(0, ROWS).combine_chunks()
                held, rows = table.slice(ROWS).to_batches(), rows - ROWS
    if rows:
        yield arrow.Table.from_batches(held).combine_chunks()


def row_count(path: Path) -> int:
    """Return the number of rows of a Parquet file."""
    return int(require("pyarrow.parquet", "etl").read_metadata(path).num_rows)


def column_names(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file, in order."""
    return list(require("pyarrow.parquet", "etl").read_schema(path).names)


def column_type(path: Path, column: str) -> str:
    """Return the type of a column of a Parquet file by its name in Arrow; large_string is string."""
    return str(require("pyarrow.parquet", "etl").read_schema(path).field(column).type).removeprefix("large_")


def floats(table: Any, name: str) -> np.ndarray:
    """Return a column of a table as [rows] float64, NaN for null."""
    arrow = require("pyarrow", "etl")
    result: np.ndarray = table[name].cast(arrow.float64(), safe=False).to_numpy()
    return result


def integers(table: Any, name: str) -> np.ndarray:
    """Return a column of a table, integers without nulls, as [rows] int64."""
    result: np.ndarray = table[name].to_numpy().astype(np.int64, copy=False)
    return result


class NpyStream:
    """Writes a .npy file chunk after chunk, without ever mapping it into memory; left whole or not at all.

    Args:
        columns: width of the rows, () for numbers. Their number is written last, into room that numpy's header has.
    """

    def __init__(self, path: Path, dtype: Any, columns: tuple[int, ...] = ()):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._dtype, self._columns, self._rows = path, np.dtype(dtype), columns, 0
        self._part = path.with_name(f".{path.name}.part")
        self._stream = open(self._part, "wb")  # noqa: SIM115 closed on leaving
        self._header()

    def write(self, chunk: np.ndarray) -> None:
        """Add rows [n, ...], of the stream's dtype and further axes."""
        self._rows += len(chunk)
        self._stream.write(np.ascontiguousarray(chunk, self._dtype).data)

    def __enter__(self) -> "NpyStream":
        return self

    def __exit__(self, error_type: object, error: object, trace: object) -> None:
        if error_type is None:
            self._stream.seek(0)
            self._header()
        self._stream.close()
        if error_type is None:
            self._part.replace(self.path)
        else:
            self._part.unlink()

    def _header(self) -> None:
        head = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._rows, *self._columns)}
        np.lib.format.write_array_header_1_0(self._stream, head)
