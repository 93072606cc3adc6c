"""spmm on torch."""

import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency
from heddle_kernels.torch.csr_arrays import CsrArrays
from heddle_kernels.torch.define import recorded
from heddle_kernels.torch.spmm_max import spmm_max
from heddle_kernels.torch.spmm_sum import forward as _forward
from heddle_kernels.torch.spmm_sum import spmm_sum


def spmm(
    adjacency: Adjacency,
    x: Tensor,
    weight: Tensor | None = None,
    *,
    reduce: str = "sum",
    transpose: bool = False,
) -> Tensor:
    """Reduce weighted sender rows by receiver: y[r] = reduce over edges (s, r) of weight x[s].

    Args:
        adjacency: the edges, as tensors of one int dtype.
        x: [n_senders, ..., d].
        weight: None for ones, or [n_edges, ...] in the adjacency's order, matching x's axes after the first.
        reduce: "sum", "mean" (by the number of edges) or "max" (ties share the gradient).
        transpose: send from receivers to senders instead: x [n_receivers, ..., d] -> [n_senders, ..., d].

    Returns: [n_receivers, ..., d]; 0 for a receiver without edges.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    if weight is not None and weight.dtype != x.dtype:
        dtype = torch.promote_types(weight.dtype, x.dtype)
        weight, x = weight.to(dtype), x.to(dtype)
    if recorded(x, weight):
        arrays = CsrArrays.of(adjacency)
        if reduce == "max":
            return spmm_max(arrays, weight, x, transpose)
        return spmm_sum(arrays, weight, x, reduce, transpose)
    senders, _, indptr, _, t_receivers, t_indptr, t_order = adjacency
    return _forward(indptr, senders, t_indptr, t_receivers, t_order, weight, x, reduce, transpose)
