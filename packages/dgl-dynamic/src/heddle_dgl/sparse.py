"""Sums along a prepared Adjacency as an autograd function on torch's CSR kernels, both ways sorted once."""

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from heddle.adjacency import Adjacency

with (
    warnings.catch_warnings()
):  # torch says once per process that CSR is in beta: said here, it stays unheard
    warnings.simplefilter("ignore", UserWarning)
    torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64), torch.empty(0), (1, 1))


class Spmm(Function):
    """y[r] = sum over edges (s, r) of weight x[s]: x [n, d], weight [e] constant or None; `back` turns the edges round.

    Closed under differentiation in x, so gradients of any order exist. Weights that want a gradient go by edge.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, adjacency: Adjacency, back: bool) -> Tensor:
        ctx.weight, ctx.adjacency, ctx.back = weight, adjacency, back
        if weight is None:
            weight = x.new_ones(adjacency.n_edges)
        elif back:
            weight = weight.index_select(0, adjacency.t_order)
        if back:
            return _csr_matmul(adjacency.t_indptr, adjacency.t_receivers, weight, x)
        return _csr_matmul(adjacency.indptr, adjacency.senders, weight, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return Spmm.apply(grad, ctx.weight, ctx.adjacency, not ctx.back), None, None, None


def _csr_matmul(indptr: Tensor, columns: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """Return the CSR matrix times x [n_columns, d]; columns may repeat and need no order."""
    rows = len(indptr) - 1
    if not (rows and len(columns) and x.shape[1]):
        return x.new_zeros(rows, x.shape[1])
    indptr, columns, values = indptr.contiguous(), columns.contiguous(), values.contiguous()
    matrix = torch.sparse_csr_tensor(indptr, columns, values, (rows, len(x)), check_invariants=False)
    # matrix @ x would fill two arrays of its own size, and copy one
    return x.new_empty(rows, x.shape[1]).addmm_(matrix, x, beta=0)
