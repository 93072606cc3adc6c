"""row_matmul on numpy."""

import numpy as np

from heddle_kernels.numpy.segment_matmul import segment_matmul


def row_matmul(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiply rows by a matrix: `heddle.serving.scoring.row_ops.row_matmul`, natively: [n, k], [k, m] -> [n, m].

    A row's bits depend on the row and the matrix alone: terms are added in the order of the matrix's rows, in registers
    of the row's own, however many rows there are.

    Raises:
        GraphError: shapes that don't fit.
    """
    return segment_matmul(x, matrix[None], np.array([len(x)]))
