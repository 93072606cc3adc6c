"""edge_order: edges by an end, then by time, and the gaps between them, by NumPy's sort of integers.

What doesn't fit is dealt out to files by ranges of nodes, or of rows, each of which fits, so that each row is written
twice and sorted in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from heddle.data.etl.streams import chunks, integers, row_count
from heddle.data.prepared.write import index_type
from heddle.extras import require

GROUP = 61440
"""Rows of a row group."""

PIECE = 16 * GROUP
"""Rows that are written at a time."""

WIDEST = 1 << 28
"""Ids are counted in an array; those beyond are left to the engine."""

PARTS = 500
"""Files that are open at a time, fewer than the 1024 that a process may have."""


def order_edges(
    ends: Path, by: str, moments: tuple[Path, str] | None, out: Path, scratch: Path, most: int
) -> bool:
    """Write what `Engine.grouped` does; False, and nothing, where a node has more edges than `most`.

    Args:
        scratch: folder for files of its own.
        most: edges that are sorted in memory at a time, some 100 bytes each.
    """
    n = row_count(ends)
    most = max(most, n // PARTS)
    names = ["of", "other", "row", *(["time"] if moments is not None else [])]
    if n <= most:
        columns = _held(_edges(ends, by, moments), n, len(names))
        dtypes = _dtypes(names, n, *(int(column.max(initial=0)) for column in columns[:2]))
        _write_edges(iter([columns]), names, dtypes, out)
        return True
    parts = _parts(ends, by, most)
    if parts is None:
        return False
    part_of, largest = parts
    dtypes = _dtypes(names, n, largest)
    with Dealt(scratch, int(part_of[-1]) + 1, dtypes) as dealt:
        for chunk in _edges(ends, by, moments):
            dealt.add(part_of[chunk[0] + 1], chunk)
        _write_edges(dealt.parts(), names, dtypes, out)
    return True


def _dtypes(names: Sequence[str], *counts: int) -> list[Any]:
    """Return a dtype for each column: of ends and rows the least that holds all."""
    return [np.int64 if name == "time" else index_type(*counts) for name in names]


def order_gaps(grouped: Path, out: Path, scratch: Path, most: int) -> None:
    """Write what `Engine.gaps` does. Args: as of `order_edges`."""
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    n = row_count(grouped)
    most = max(most, n // PARTS)
    with ExitStack() as stack:
        writer = stack.enter_context(
            parquet.ParquetWriter(out, arrow.schema([("gap", arrow.int64())]), **_PLAIN)
        )
        if n <= most:
            pieces: Iterator[Sequence[np.ndarray]] = iter([_held(_gaps(grouped), n, 2)])
        else:
            dealt = stack.enter_context(Dealt(scratch, -(-n // most), (index_type(n), np.int64)))
            for columns in _gaps(grouped):
                dealt.add(columns[0] // most, columns)
            pieces = dealt.parts()
        for start, (rows, gaps) in zip(range(0, n, most), pieces):
            by_row = np.empty(len(rows), np.int64)
            by_row[rows - start] = gaps
            for at in range(0, len(by_row), PIECE):
                gap = by_row[at : at + PIECE]
                table = arrow.table({"gap": arrow.array(gap, mask=gap == FIRST)})
                writer.write_table(table, row_group_size=GROUP)


FIRST = np.iinfo(np.int64).min
"""The gap of an edge that none is before."""

_PLAIN: dict[str, Any] = {"use_dictionary": False, "compression": "none", "write_statistics": False}
"""Files of numbers that seldom repeat, which are read once or twice."""


class Dealt:
    """Rows of columns of integers, dealt out to temporary files by the number of a part."""

    def __init__(self, folder: Path, n_parts: int, dtypes: Sequence[Any]):
        self._folder, self._n_parts = folder, n_parts
        self._row = np.dtype([(str(at), dtype) for at, dtype in enumerate(dtypes)])

    def __enter__(self) -> "Dealt":
        self._stack = ExitStack()
        self._files = []
        for _ in range(self._n_parts):
            self._files.append(self._stack.enter_context(TemporaryFile(dir=self._folder)))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, part: np.ndarray, columns: Sequence[np.ndarray]) -> None:
        """Append rows, each to its part, in their order."""
        order = np.argsort(part.astype(np.uint16), kind="stable")  # of 16 bits: by counting
        stops = np.cumsum(np.bincount(part, minlength=len(self._files)))
        rows = np.empty(len(order), self._row)
        for name, column in zip(self._row.names or (), columns):
            rows[name] = column[order]
        for file, start, stop in zip(self._files, [0, *stops], stops):
            if stop > start:
                file.write(rows[start:stop].data)

    def parts(self) -> Iterator[Sequence[np.ndarray]]:
        """Yield the columns of each part."""
        for file in self._files:
            file.seek(0)
            rows = np.fromfile(file, self._row)
            file.truncate(0)
            yield [np.ascontiguousarray(rows[name]) for name in self._row.names or ()]


def stable_order(major: np.ndarray, minor: np.ndarray | None) -> np.ndarray:
    """Return the order of [n] int64 `major`, then `minor`, then where they are, as [n] int64.

    Integers of 64 bits that hold all three sort many times faster than rows; two sorts where three don't fit in.

    >>> stable_order(np.array([1, 0, 1, 1]), np.array([5, 9, 4, 4])).tolist()
    [1, 2, 3, 0]
    """
    if minor is None:
        return _stable(major)
    both = _packed(major, minor)
    if both is not None:
        return _stable(both)
    first = _stable(minor)
    order: np.ndarray = first[_stable(major[first])]
    return order


def _stable(values: np.ndarray) -> np.ndarray:
    packed = _packed(values, np.arange(len(values)))
    if packed is None:
        order: np.ndarray = np.argsort(values, kind="stable")
        return order
    packed.sort()
    packed &= (1 << _bits(len(values) - 1)) - 1
    return packed


def _packed(high: np.ndarray, low: np.ndarray) -> np.ndarray | None:
    """Return one int64 for each pair, which are ordered as the pairs are; None where 63 bits don't hold them."""
    if not len(high):
        return np.zeros(0, np.int64)
    least, base = int(high.min()), int(low.min())
    shift = _bits(int(low.max()) - base)
    if _bits(int(high.max()) - least) + shift > 63:
        return None
    packed = high.astype(np.int64)
    packed -= least
    packed <<= shift
    packed |= low - base
    return packed


def _bits(most: int) -> int:
    return max(most, 1).bit_length()


def _edges(ends: Path, by: str, moments: tuple[Path, str] | None) -> Iterator[list[np.ndarray]]:
    """Yield chunks of the end `by`, -1 for none, the other end, the row and, with moments, the time."""
    start, other = 0, "source" if by == "target" else "target"
    times = None if moments is None else chunks(moments[0], [moments[1]])
    for table in chunks(ends):
        columns = [table[name].fill_null(-1).to_numpy() for name in (by, other)]
        columns.append(np.arange(start, start + table.num_rows))
        if times is not None and moments is not None:
            columns.append(
                next(times)[moments[1]].fill_null(0).to_numpy()
            )  # a row without one is refused later
        yield columns
        start += table.num_rows


def _gaps(grouped: Path) -> Iterator[list[np.ndarray]]:
    """Yield chunks of the row, and the time since the edge before it, FIRST where there is none."""
    last_of, last_time = np.full(1, -2), np.zeros(1, np.int64)
    for table in chunks(grouped, ["row", "of", "time"]):
        of, time = (
            np.concatenate([last, integers(table, name)])
            for last, name in ((last_of, "of"), (last_time, "time"))
        )
        yield [integers(table, "row"), np.where(of[1:] == of[:-1], np.diff(time), FIRST)]
        last_of, last_time = of[-1:], time[-1:]


def _parts(ends: Path, by: str, most: int) -> tuple[np.ndarray, int] | None:
    """Return the part of each id, from -1 on, and the largest id of either end; None if a part would be too large.

    None has more than twice `most` edges.
    """
    counts, largest = np.zeros(1, np.int64), 0
    for table in chunks(ends, ["source", "target"]):
        both = {end: table[end].fill_null(-1).to_numpy() for end in ("source", "target")}
        largest = max(largest, *(int(ids.max()) for ids in both.values()))
        ids = both[by] + 1
        if ids.max() > WIDEST or ids.min() < 0:
            return None
        chunk = np.bincount(ids, minlength=len(counts))
        chunk[: len(counts)] += counts
        counts = chunk
    if counts.max() > most:
        return None
    parts: np.ndarray = (np.cumsum(counts) - counts) // most
    return parts, largest


def _write_edges(
    parts: Iterator[Sequence[np.ndarray]], names: Sequence[str], dtypes: Sequence[Any], out: Path
) -> None:
    arrow, parquet = require("pyarrow", "etl"), require("pyarrow.parquet", "etl")
    dtype_of = dict(zip(names, dtypes))
    kept = ["other", "row", *(["of", "time"] if "time" in names else [])]
    schema = arrow.schema([(name, arrow.from_numpy_dtype(dtype_of[name])) for name in kept])
    with parquet.ParquetWriter(out, schema, **_PLAIN) as writer:
        for part in parts:
            columns = dict(zip(names, part))
            order = stable_order(columns["of"], columns.get("time"))
            for start in range(0, len(order), PIECE):
                some = order[start : start + PIECE]
                arrays = {name: columns[name][some].astype(dtype_of[name], copy=False) for name in kept}
                table = arrow.table(arrays, schema)
                writer.write_table(table, row_group_size=GROUP)


def _held(pieces: Iterator[Sequence[np.ndarray]], n: int, n_columns: int) -> list[np.ndarray]:
    """Return all rows, column by column."""
    columns, start = [np.empty(n, np.int64) for _ in range(n_columns)], 0
    for piece in pieces:
        for column, values in zip(columns, piece):
            column[start : start + len(values)] = values
        start += len(piece[0])
    return columns
