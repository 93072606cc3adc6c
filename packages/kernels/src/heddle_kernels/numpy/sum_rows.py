"""sum_rows on numpy."""

import numpy as np

from heddle.errors import GraphError, problem
from heddle.sampling.rows import Drop
from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import ids, values


def sum_rows(
    x: np.ndarray,
    index: np.ndarray,
    indptr: np.ndarray,
    weight: np.ndarray | None = None,
    drop: Drop | None = None,
) -> np.ndarray:
    """Sum rows of x by id: `heddle.sampling.rows.sum_rows`, natively.

    Args:
        x: [n, d], read in place where it is contiguous.
        index: [e] int, rows of x.
        indptr: [rows + 1] int; row r of the result has the entries indptr[r] to indptr[r + 1] of `index`.
        weight: [e], or None for ones.
        drop: which elements of x count as 0.

    Returns: [rows, d] in x's dtype; 0 for a row without entries.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    (indptr, index), code = ids("sum_rows", indptr, index)
    x, dtype = values("sum_rows", x)
    if x.ndim != 2:
        raise GraphError(problem("sum_rows: x", f"shape {x.shape}", "[n, d]", "reshape it"))
    if weight is not None:
        weight, _ = values("sum_rows", weight, x.dtype)
        shapes.rows("sum_rows", "weight", weight.shape, len(index), "one for each id")
    out = np.empty((len(indptr) - 1, x.shape[1]), x.dtype)
    library.native.sum_rows(
        indptr=pointer(indptr),
        ids=pointer(index),
        weight=pointer(weight),
        x=pointer(x),
        out=pointer(out),
        rows=len(out),
        edges=len(index),
        x_rows=len(x),
        width=x.shape[1],
        dropped=0 if drop is None else drop.dropped,
        key=0 if drop is None else drop.key,
        dtype=dtype,
        index=code,
        threads=0,
    )
    return out
