"""sum_rows: sums of rows of a large array by id, read where they lie; dropout takes the same of a row everywhere."""

from typing import NamedTuple

import numpy as np

from heddle.errors import GraphError, problem
from heddle.sampling.stream import GAMMA, branches

_VALUES = 1 << 16
_AT_ONCE = 1 << 22
"""Elements that are held at a time, so that a large sum needs little memory."""


class Drop(NamedTuple):
    """Which elements of an array's rows are dropped: the same ones of a row, wherever and by whomever it is read.

    Attributes:
        dropped: 65536 times the rate, 0 to 65535.
        key: the draws are those of the streams (key, row).
    """

    dropped: int
    key: int


def drop_at(rate: float, key: int) -> Drop | None:
    """Return the Drop of a rate, rounded to 1/65536; None for a rate of 0."""
    return Drop(min(round(rate * _VALUES), _VALUES - 1), key) if rate else None


def sum_rows(
    x: np.ndarray,
    index: np.ndarray,
    indptr: np.ndarray,
    weight: np.ndarray | None = None,
    drop: Drop | None = None,
) -> np.ndarray:
    """Sum rows of x by id: y[r] = sum over j from indptr[r] to indptr[r + 1] of weight[j] x[index[j]].

    Nothing of the size of [e, d] is kept. Sums are taken in float64, or in float32 in the order of `index`, as a
    kernel may.

    Args:
        x: [n, d] float, possibly mapped from disk.
        index: [e] int, rows of x.
        indptr: [rows + 1] int, rising from 0 to e.
        weight: [e], or None for ones.
        drop: which elements of x count as 0, the others being scaled up; None for none.

    Returns: [rows, d] in x's dtype; 0 for a row without entries.

    Raises:
        GraphError: an id out of range.
    """
    bad = (index < 0) | (index >= len(x))
    if bad.any():
        at = int(bad.argmax())
        raise GraphError(
            problem(f"sum_rows: ids[{at}]", index[at], f"an id in [0, {len(x)})", "check the edge list")
        )
    rows, width = len(indptr) - 1, x.shape[1]
    out: np.ndarray = np.zeros((rows, width), x.dtype)
    counts, first = np.diff(indptr), 0
    while first < rows:
        ends = np.searchsorted(indptr, indptr[first] + max(_AT_ONCE // max(width, 1), 1), side="right") - 1
        last = min(max(int(ends), first + 1), rows)
        span, filled = slice(int(indptr[first]), int(indptr[last])), np.flatnonzero(counts[first:last])
        if len(filled):
            read = np.take(x, index[span], axis=0).astype(np.float64)
            if drop is not None:
                read *= _scales(index[span], width, drop)
            if weight is not None:
                read *= np.asarray(weight[span], np.float64)[:, None]
            starts = np.asarray(indptr[first:last])[filled] - span.start
            out[first + filled] = np.add.reduceat(read, starts, axis=0)
        first = last
    return out


def _scales(ids: np.ndarray, width: int, drop: Drop) -> np.ndarray:
    """Return [n, width] what each element of the rows is multiplied by: 0, or the inverse of what is kept."""
    offsets = np.arange(1, (width + 3) // 4 + 1, dtype=np.uint64) * np.uint64(GAMMA)
    z = branches(drop.key, ids)[:, None] + offsets
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    drawn = z.astype("<u8").view("<u2")[:, :width]
    result: np.ndarray = (drawn >= drop.dropped) * (_VALUES / (_VALUES - drop.dropped))
    return result
