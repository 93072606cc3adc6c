"""spmm on numpy."""

import numpy as np

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import ids, values


def spmm(
    adjacency: Adjacency,
    x: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    reduce: str = "sum",
    transpose: bool = False,
) -> np.ndarray:
    """Reduce weighted sender rows by receiver: y[r] = reduce over edges (s, r) of weight x[s].

    Args:
        adjacency: the edges.
        x: [n_senders, ..., d].
        weight: None for ones, or [n_edges, ...] in the adjacency's order, matching x's axes after the first.
        reduce: "sum", "mean" (by the number of edges) or "max".
        transpose: send from receivers to senders instead: x [n_receivers, ..., d] -> [n_senders, ..., d].

    Returns: [n_receivers, ..., d] in x's dtype; 0 for a receiver without edges.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    (indptr, senders, perm), index = ids("spmm", *shapes.sides(adjacency, transpose))
    x, dtype = values("spmm", x)
    n_rows, n_far = len(indptr) - 1, adjacency.n_receivers if transpose else adjacency.n_senders
    shapes.rows(
        "spmm", "x", x.shape, n_far, "the number of receivers" if transpose else "the number of senders"
    )
    if weight is not None:
        weight, _ = values("spmm", weight, x.dtype)
    heads, width = shapes.heads("spmm", x.shape, None if weight is None else weight.shape, len(senders))
    out = np.empty((n_rows, *x.shape[1:]), x.dtype)
    library.native.spmm(
        indptr=pointer(indptr),
        ids=pointer(senders),
        perm=pointer(perm),
        weight=pointer(weight),
        x=pointer(x),
        out=pointer(out),
        rows=n_rows,
        edges=len(senders),
        x_rows=n_far,
        heads=heads,
        width=width,
        dtype=dtype,
        index=index,
        reduce=library.code(library.REDUCE, "spmm", "reduce", reduce),
        threads=0,
    )
    return out
