"""Primitives along a prepared Adjacency as autograd functions, on torch's CSR kernels (MKL, cuSPARSE).

The set is closed under differentiation: Spmm <-> (Spmm of the transpose, Dot), Dot <-> Spmm, EdgeGather <-> EdgeSum.
So gradients of any order exist, and every pass runs over edges that were sorted once. Functions here take float32
or float64 and values in the adjacency's order; `back=True` means the transposed direction, receivers to senders.
"""

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from heddle.graphs.adjacency import Adjacency
from heddle.graphs.memo import Memo
from heddle_torch.arrays.segments import gather, segment_max, segment_sum
from heddle_torch.arrays.transforms import LONG, transformed
from heddle_torch.digest import counted_version

with (
    warnings.catch_warnings()
):  # torch says once per process that CSR is in beta: said here, it stays unheard
    warnings.simplefilter("ignore", UserWarning)
    torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64), torch.empty(0), (1, 1))

_KEPT = Memo(version=counted_version)


def spmm(x: Tensor, weight: Tensor | None, adjacency: Adjacency, back: bool) -> Tensor:
    """Return y[r] = sum over edges (s, r) of weight x[s]: [n_receivers, d]; with heads [n_receivers, h, d].

    Args:
        x: [n_senders, d], or with heads [n_senders, h, d]; of receivers if `back`.
        weight: [e], with heads [e, h]; None for ones.
    """
    if not transformed():
        result: Tensor = Spmm.apply(x, weight, adjacency, back)
        return result
    rows = edge_gather(x, adjacency, not back)
    return edge_sum(rows if weight is None else rows * weight[..., None], adjacency, back)


def scaled_spmm(x: Tensor, weight: Tensor | None, scale: Tensor, adjacency: Adjacency, back: bool) -> Tensor:
    """Return y[r] = scale[r] times the sum over edges (s, r) of weight x[s]: [n_senders, d] -> [n_receivers, d].

    Args:
        weight: constants [e], None for ones.
        scale: constants [n_receivers].
        back: whether this is transposed: [n_receivers, d] -> [n_senders, d].
    """
    if not transformed():
        result: Tensor = ScaledSpmm.apply(x, weight, scale, adjacency, back)
        return result
    scales = edge_gather(scale, adjacency, False)
    return spmm(x, scales if weight is None else scales * weight, adjacency, back)


def dot(x: Tensor, y: Tensor, adjacency: Adjacency) -> Tensor:
    """Return the dot product of both ends of each edge: [n_receivers, ..., d], [n_senders, ..., d] -> [e, ...]."""
    if not transformed():
        result: Tensor = Dot.apply(x, y, adjacency)
        return result
    return (edge_gather(x, adjacency, False) * edge_gather(y, adjacency, True)).sum(-1)


def edge_gather(x: Tensor, adjacency: Adjacency, back: bool) -> Tensor:
    """Return each edge's receiver (or, back, sender) row of x: [n, d] -> [e, d]."""
    if not transformed():
        result: Tensor = EdgeGather.apply(x, adjacency, back)
        return result
    return gather(x, adjacency.senders if back else adjacency.receivers)


def edge_sum(values: Tensor, adjacency: Adjacency, back: bool) -> Tensor:
    """Sum edge rows by receiver (or, back, by sender): [e, d] -> [n, d]."""
    if not transformed():
        result: Tensor = EdgeSum.apply(values, adjacency, back)
        return result
    n = adjacency.n_senders if back else adjacency.n_receivers
    return segment_sum(values, adjacency.senders if back else adjacency.receivers, n)


def edge_softmax(logits: Tensor, adjacency: Adjacency) -> Tensor:
    """Normalise logits [e, h] over the edges of each receiver: [e, h]; where all are -inf, 0."""
    if not transformed():
        result: Tensor = EdgeSoftmax.apply(logits, adjacency)
        return result
    largest = segment_max(logits.detach(), adjacency.receivers, adjacency.n_receivers)
    largest = torch.where(largest.isfinite(), largest, 0)
    exps = (logits - edge_gather(largest, adjacency, False)).exp()
    total = edge_sum(exps, adjacency, False)
    return exps / edge_gather(torch.where(total > 0, total, 1), adjacency, False)


class Spmm(Function):
    """y[r] = sum over edges (s, r) of weight x[s]: x [n, d] with weight None or [e], or x [n, h, d] with [e, h]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, adjacency: Adjacency, back: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.adjacency, ctx.back = adjacency, back
        if weight is None or weight.ndim == 1:
            return _matmul(adjacency, weight, x, back)
        return torch.stack(
            [_matmul(adjacency, column, x[:, head], back) for head, column in enumerate(weight.unbind(1))], 1
        )

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = spmm(grad, weight, ctx.adjacency, not ctx.back)
        if ctx.needs_input_grad[1]:
            received, sent = (x, grad) if ctx.back else (grad, x)
            grad_weight = dot(received, sent, ctx.adjacency)
        return grad_x, grad_weight, None, None


class ScaledSpmm(Function):
    """y[r] = scale[r] times the sum over edges (s, r) of weight x[s]: x [n, d], constant scale and weight or None."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, scale: Tensor, adjacency: Adjacency, back: bool
    ) -> Tensor:
        ctx.save_for_backward(weight, scale)
        ctx.adjacency, ctx.back = adjacency, back
        values = _scaled(adjacency, weight, scale, back)
        indptr = adjacency.t_indptr if back else adjacency.indptr
        return _csr_matmul(indptr, adjacency.t_receivers if back else adjacency.senders, values, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, scale = ctx.saved_tensors
        grad_x = scaled_spmm(grad, weight, scale, ctx.adjacency, not ctx.back)
        return grad_x, None, None, None, None


class Dot(Function):
    """Dot product of both ends of each edge: x [n_receivers, d], y [n_senders, d] -> [e]; with heads [e, h]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, adjacency: Adjacency) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.adjacency = adjacency
        if x.ndim == 2:
            return _sampled_dot(adjacency, x, y)
        return torch.stack([_sampled_dot(adjacency, x[:, head], y[:, head]) for head in range(x.shape[1])], 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, y = ctx.saved_tensors
        grad_x = spmm(y, grad, ctx.adjacency, False) if ctx.needs_input_grad[0] else None
        grad_y = spmm(x, grad, ctx.adjacency, True) if ctx.needs_input_grad[1] else None
        return grad_x, grad_y, None


class EdgeGather(Function):
    """Each edge's receiver (or, back, sender) row of x [n, d] -> [e, d]; its gradient is `EdgeSum`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, adjacency: Adjacency, back: bool) -> Tensor:
        ctx.adjacency, ctx.back = adjacency, back
        return x.index_select(0, adjacency.senders if back else adjacency.receivers)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return edge_sum(grad, ctx.adjacency, ctx.back), None, None


class EdgeSum(Function):
    """Sum of edge rows [e, d] by receiver (or, back, by sender) -> [n, d]; its gradient is `EdgeGather`."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, adjacency: Adjacency, back: bool) -> Tensor:
        ctx.adjacency, ctx.back = adjacency, back
        indptr = adjacency.t_indptr if back else adjacency.indptr
        columns = (
            adjacency.t_order if back else torch.arange(len(values), dtype=indptr.dtype, device=indptr.device)
        )
        return _csr_matmul(indptr, columns, values.new_ones(len(values)), values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return edge_gather(grad, ctx.adjacency, ctx.back), None, None


class EdgeSoftmax(Function):
    """Softmax of logits [e, h] over the edges of each receiver; receivers whose logits are all -inf get 0."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, adjacency: Adjacency) -> Tensor:
        offsets = adjacency.indptr.contiguous()
        largest = torch.segment_reduce(logits, "max", offsets=offsets, axis=0, unsafe=True)
        largest = torch.where(largest.isfinite(), largest, largest.new_zeros(()))
        exps = (logits - largest.index_select(0, adjacency.receivers)).exp_()
        total = edge_sum(exps, adjacency, False)
        total = torch.where(total > 0, total, total.new_ones(()))
        result = exps.div_(total.index_select(0, adjacency.receivers))
        ctx.save_for_backward(result)
        ctx.adjacency = adjacency
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        flow = result * grad
        total = edge_gather(edge_sum(flow, ctx.adjacency, False), ctx.adjacency, False)
        return flow - result * total, None


def _matmul(adjacency: Adjacency, weight: Tensor | None, x: Tensor, back: bool) -> Tensor:
    """Return the (transposed) adjacency with `weight` [e] times x [n, d]."""
    if weight is None:
        weight = _ones(adjacency, x)
    elif back:
        weight = weight.index_select(0, adjacency.t_order)
    if back:
        return _csr_matmul(adjacency.t_indptr, adjacency.t_receivers, weight, x)
    return _csr_matmul(adjacency.indptr, adjacency.senders, weight.contiguous(), x)


def _ones(adjacency: Adjacency, like: Tensor) -> Tensor:
    """Return a one for each edge, made once for as long as the adjacency lives, since filling them takes time."""
    key = like.dtype, torch.is_inference_mode_enabled()
    result: Tensor = _KEPT.get((adjacency.senders,), key, lambda: like.new_ones(adjacency.n_edges))
    return result


def _scaled(adjacency: Adjacency, weight: Tensor | None, scale: Tensor, back: bool) -> Tensor:
    """Return each edge's weight times its receiver's scale, made once for as long as these live."""

    ends = adjacency.t_receivers if back else adjacency.receivers

    def compute() -> Tensor:
        values = scale.index_select(0, ends)
        if weight is not None:
            values *= weight.index_select(0, adjacency.t_order) if back else weight
        return values

    arrays = (
        [ends, scale] if weight is None else [ends, scale, weight, *([adjacency.t_order] if back else [])]
    )
    result: Tensor = _KEPT.get(arrays, (back, torch.is_inference_mode_enabled()), compute)
    return result


def _csr_matmul(indptr: Tensor, columns: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """Return the CSR matrix times x [n_columns, d]; columns may repeat and need no order."""
    rows = len(indptr) - 1
    if not (rows and len(columns) and x.shape[1]):
        return x.new_zeros(rows, x.shape[1])
    indptr, columns = (
        indptr.contiguous(),
        columns.contiguous(),
    )  # views with gaps would be read as if they had none
    if x.device.type == "cpu" and x.dtype == torch.float32 and _has_long_row(indptr, len(columns)):
        return _csr_matmul(indptr, columns, values.double(), x.double()).float()
    matrix = torch.sparse_csr_tensor(indptr, columns, values, (rows, len(x)), check_invariants=False)
    # matrix @ x would fill two arrays of its own size, and copy one
    return x.new_empty(rows, x.shape[1]).addmm_(matrix, x, beta=0)


def _has_long_row(indptr: Tensor, n_edges: int) -> bool:
    """Tell whether a row has so many edges that a sum of float32 would stop growing."""
    return n_edges > LONG and int(indptr.diff().max()) > LONG


def _sampled_dot(adjacency: Adjacency, x: Tensor, y: Tensor) -> Tensor:
    """Return x[receiver] . y[sender] for each edge: [n_receivers, d], [n_senders, d] -> [e]."""
    if not (adjacency.n_edges and x.shape[1]):
        return x.new_zeros(adjacency.n_edges)
    if adjacency.n_edges > len(x) * len(y):  # more edges than entries of a matrix, which the kernel refuses
        return (x.index_select(0, adjacency.receivers) * y.index_select(0, adjacency.senders)).sum(-1)
    pattern = torch.sparse_csr_tensor(
        adjacency.indptr.contiguous(),
        adjacency.senders.contiguous(),
        x.new_zeros(adjacency.n_edges),
        (len(x), len(y)),
        check_invariants=False,
    )
    result: Tensor = torch.sparse.sampled_addmm(pattern, x, y.T, beta=0.0).values()
    return result
