"""row_matmul on numpy."""

import numpy as np

from heddle_kernels.library import FLOAT32, INT64, native
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.segment_matmul import segment_matmul


def row_matmul(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiply rows by a matrix: `heddle.serving.scoring.row_ops.row_matmul`, natively: [n, k], [k, m] -> [n, m].

    A row's bits depend on the row and the matrix alone: terms are added in the order of the matrix's rows, in registers
    of the row's own, however many rows there are.

    Raises:
        GraphError: shapes that don't fit.
    """
    plain = x.dtype == matrix.dtype == np.float32 and x.ndim == matrix.ndim == 2
    if not plain or x.shape[1] != matrix.shape[0] or not (x.flags.c_contiguous and matrix.flags.c_contiguous):
        return segment_matmul(x, matrix[None], np.array([len(x)]))
    (n, k), m = x.shape, matrix.shape[1]
    sizes, out = np.array([n], np.int64), np.empty((n, m), np.float32)
    native.segment_matmul(
        lhs=pointer(x),
        rhs=pointer(matrix),
        bias=None,
        sizes=pointer(sizes),
        out=pointer(out),
        n=n,
        groups=1,
        k=k,
        m=m,
        transposed=0,
        dtype=FLOAT32,
        index=INT64,
        threads=0,
    )
    return out
