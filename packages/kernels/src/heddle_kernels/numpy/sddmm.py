"""sddmm on numpy."""

from math import prod

import numpy as np

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import ids, values


def sddmm(adjacency: Adjacency, x: np.ndarray, y: np.ndarray, op: str) -> np.ndarray:
    """Combine both ends of each edge, in the adjacency's order.

    Args:
        adjacency: the edges.
        x: [n_receivers, ...] and y: [n_senders, ...], of one dtype.
        op: "add": x[receiver] + y[sender], [n_edges, ...]; "dot": their product summed over the last axis.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    combine = library.code(library.COMBINE, "sddmm", "op", op)
    (indptr, senders), index = ids("sddmm", adjacency.indptr, adjacency.senders)
    x, dtype = values("sddmm", x)
    y, _ = values("sddmm", y, x.dtype)
    shapes.ends("sddmm", x.shape, y.shape, adjacency.n_receivers, adjacency.n_senders)
    heads, width = shapes.edge_values(x.shape, op)
    out = np.empty((len(senders), *(width if op == "add" else heads)), x.dtype)
    library.native.sddmm(
        indptr=pointer(indptr),
        ids=pointer(senders),
        a=pointer(x),
        b=pointer(y),
        out=pointer(out),
        rows=len(indptr) - 1,
        edges=len(senders),
        b_rows=len(y),
        heads=prod(heads),
        width=prod(width),
        dtype=dtype,
        index=index,
        combine=combine,
        threads=0,
    )
    return out
