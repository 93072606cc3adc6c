"""Products of groups of rows with a matrix each, on numpy."""

from collections.abc import Sequence

import numpy as np

from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import ids, values


def segment_matmul(
    lhs: np.ndarray, rhs: np.ndarray, group_sizes: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Multiply groups of rows by a matrix each: row i of group g gives lhs[i] @ rhs[g] + bias[g].

    Args:
        lhs: [n, k], the rows of group 0, then those of group 1 ...
        rhs: [groups, k, m].
        group_sizes: [groups] int, rows of each group; they sum to n, and 0 is a size too.
        bias: [groups, m], or None.

    Returns: [n, m] in lhs's dtype.

    Raises:
        GraphError: shapes that don't fit, sizes that don't sum to n.
    """
    lhs, dtype = values("segment_matmul", lhs)
    rhs, _ = values("segment_matmul", rhs, lhs.dtype)
    (sizes,), index = ids("segment_matmul", group_sizes)
    bias = None if bias is None else values("segment_matmul", bias, lhs.dtype)[0]
    shapes.grouped(lhs.shape, rhs.shape, sizes.shape, None if bias is None else bias.shape)
    out = np.empty((lhs.shape[0], rhs.shape[2]), lhs.dtype)
    groups, k, m = rhs.shape
    library.native.segment_matmul(
        lhs=pointer(lhs),
        rhs=pointer(rhs),
        bias=pointer(bias),
        sizes=pointer(sizes),
        out=pointer(out),
        n=len(lhs),
        groups=groups,
        k=k,
        m=m,
        transposed=0,
        dtype=dtype,
        index=index,
        threads=0,
    )
    return out


def grouped_matmul(
    lhs: Sequence[np.ndarray], rhs: Sequence[np.ndarray], bias: Sequence[np.ndarray] | None = None
) -> list[np.ndarray]:
    """Multiply pairs of matrices of any sizes: lhs[i] [n_i, k_i] @ rhs[i] [k_i, m_i] + bias[i] [m_i], all in one call.

    Returns: a list of [n_i, m_i] in the dtype of lhs[0].

    Raises:
        GraphError: lists of two lengths, shapes that don't fit.
    """
    shapes.paired([a.shape for a in lhs], [b.shape for b in rhs], [b.shape for b in bias] if bias else None)
    if not lhs:
        return []
    first, dtype = values("grouped_matmul", lhs[0])
    dense = [[values("grouped_matmul", a, first.dtype)[0] for a in each] for each in (lhs, rhs, bias or [])]
    outs = [np.empty((a.shape[0], b.shape[1]), first.dtype) for a, b in zip(*dense[:2])]
    sizes = np.array([(*a.shape, b.shape[1]) for a, b in zip(*dense[:2])], np.int64)
    addresses = [np.array([pointer(a) for a in each], np.int64) for each in (*dense, outs)]
    left, right, biases, results = map(pointer, addresses)
    library.native.grouped_matmul(
        lhs=left,
        rhs=right,
        biases=biases if bias else None,
        outs=results,
        shapes=pointer(sizes),
        count=len(lhs),
        transposed=0,
        dtype=dtype,
        threads=0,
    )
    return outs
