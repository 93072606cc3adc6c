"""Arrays that are made of a prepared folder's and as long as its edges: in files without a name, not in memory.

The operating system keeps of such a file what it has room for; the file is gone with the array.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heddle.sampling.types import InEdges

_POSITIONS = 1 << 19
_ROWS = 1 << 16


def scratch(root: Path | None, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return zeros of a shape, mapped to a file without a name in the folder `root`.

    Where that can't be written, the file is in the system's folder for temporary files.
    """
    if 0 in shape:
        return np.zeros(shape, dtype)
    writable = root is not None and os.access(root, os.W_OK)
    with tempfile.TemporaryFile(dir=root if writable else None) as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def marked(root: Path | None, n: int, rows: Any) -> np.ndarray:
    """Return [n] bool, True at `rows`."""
    mask = scratch(root, (n,), bool)
    for part in rows:
        mask[part] = True
    return mask


def receivers_of(indptr: np.ndarray, root: Path | None) -> np.ndarray:
    """Return the receiver of each position: [n + 1] row pointers -> [n_edges], of their type."""
    out = scratch(root, (int(indptr[-1]),), indptr.dtype)
    for start, stop, begin, end in _stretches(indptr):
        ids = np.arange(start, stop, dtype=indptr.dtype)
        out[begin:end] = np.repeat(ids, np.diff(indptr[start : stop + 1]))
    return out


def without_rows(
    edges: InEdges, rows: np.ndarray | None, hidden: np.ndarray, root: Path | None
) -> tuple[InEdges, np.ndarray]:
    """Return the edges whose row isn't hidden, and their rows.

    Args:
        rows: the row of each position; None where they are the same.
        hidden: [n_rows] bool.
    """
    indptr = edges.indptr
    pointers, kept = scratch(root, indptr.shape, indptr.dtype), 0
    senders = scratch(root, edges.senders.shape, edges.senders.dtype)
    rows_left = scratch(root, edges.senders.shape, edges.senders.dtype if rows is None else rows.dtype)
    for start, stop, begin, end in _stretches(indptr):
        of = np.arange(begin, end) if rows is None else np.asarray(rows[begin:end])
        keep = ~np.asarray(hidden[of])
        before = np.concatenate([[0], np.cumsum(keep)])
        pointers[start : stop + 1] = kept + before[np.asarray(indptr[start : stop + 1]) - begin]
        more = kept + int(before[-1])
        senders[kept:more], rows_left[kept:more] = np.asarray(edges.senders[begin:end])[keep], of[keep]
        kept = more
    return InEdges(pointers, senders[:kept]), rows_left[:kept]


def ends_of_rows(
    indptr: np.ndarray, senders: np.ndarray, rows: np.ndarray | None, root: Path | None
) -> np.ndarray:
    """Return [n_edges, 2] sender and receiver of each row, from those of each position."""
    out = scratch(root, (len(senders), 2), senders.dtype)
    for start, stop, begin, end in _stretches(indptr):
        rows_of = slice(begin, end) if rows is None else np.asarray(rows[begin:end])
        out[rows_of, 0] = senders[begin:end]
        out[rows_of, 1] = np.repeat(np.arange(start, stop), np.diff(indptr[start : stop + 1]))
    return out


def rows_taken(x: np.ndarray, rows: np.ndarray, root: Path | None) -> np.ndarray:
    """Return x[rows]: [n, d], [m] -> [m, d]."""
    out = scratch(root, (len(rows), *x.shape[1:]), x.dtype)
    for start in range(0, len(rows), _ROWS):
        out[start : start + _ROWS] = x[np.asarray(rows[start : start + _ROWS])]
    return out


def side_by_side(arrays: list[np.ndarray], root: Path | None) -> np.ndarray:
    """Return matrices of as many rows as one: [n, a], [n, b] -> [n, a + b]."""
    out = scratch(root, (len(arrays[0]), sum(x.shape[1] for x in arrays)), np.result_type(*arrays))
    for start in range(0, len(out), _ROWS):
        out[start : start + _ROWS] = np.concatenate([x[start : start + _ROWS] for x in arrays], axis=1)
    return out


def _stretches(indptr: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Yield receivers start to stop and their positions begin to end, a limited number at a time."""
    n, start = len(indptr) - 1, 0
    while start < n:
        begin = int(indptr[start])
        fits = int(np.searchsorted(indptr[start : start + _POSITIONS], begin + _POSITIONS, side="right")) - 1
        stop = min(n, start + max(1, fits))  # a hub is taken whole
        yield start, stop, begin, int(indptr[stop])
        start = stop
