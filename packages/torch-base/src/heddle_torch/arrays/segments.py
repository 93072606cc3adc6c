"""Segment primitives as autograd functions whose backward passes are made of each other, to any order.

torch adds rows by int32 ids about five times slower than by int64 ids, and shares the gradient of a maximum with a
start value that was excluded; both are met here.
"""

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

LONG = 1 << 20
"""Rows above which sums of float32 are kept in float64: adding 1 to 16777216 changes nothing."""


class Gather(Function):
    """Rows of x [n, ...] by ids [e]; its gradient is `SegmentSum`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.rows = x.shape[0]
        return x.index_select(0, ids)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (ids,) = ctx.saved_tensors
        return SegmentSum.apply(grad, ids, ctx.rows), None


class SegmentSum(Function):
    """Sums of data [e, ...] by ids [e] into [n, ...]; its gradient is `Gather`.

    bfloat16 and float16 are added up in float32, and floats of more than `LONG` rows in float64.
    """

    @staticmethod
    def forward(ctx: Any, data: Tensor, ids: Tensor, n: int) -> Tensor:
        ctx.save_for_backward(ids)
        wide = data.dtype
        if data.is_floating_point():
            wide = torch.promote_types(wide, torch.float64 if len(data) > LONG else torch.float32)
        total = torch.zeros((n, *data.shape[1:]), dtype=wide, device=data.device)
        for rows, index in zip(data.split(LONG), ids.long().split(LONG)):  # a copy of few of them at a time
            total.index_add_(0, index, rows.to(wide))
        return total.to(data.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (ids,) = ctx.saved_tensors
        return Gather.apply(grad, ids), None, None


class SegmentMax(Function):
    """Elementwise maxima of data [e, ...] by ids [e]; 0 for an empty segment; equal maxima share the gradient."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, ids: Tensor, n: int) -> Tensor:
        columns = data.reshape(len(data), prod(data.shape[1:]))
        largest = columns.new_zeros((n, columns.shape[1]))
        index = ids.long()[:, None].expand_as(columns)
        largest = largest.scatter_reduce_(0, index, columns, "amax", include_self=False)
        largest = largest.reshape((n, *data.shape[1:]))
        ctx.save_for_backward(data, ids, largest)
        return largest

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        data, ids, largest = ctx.saved_tensors
        with torch.no_grad():
            wide = torch.float64 if len(data) >= 2**24 else torch.promote_types(grad.dtype, torch.float32)
            is_top = (data == largest.index_select(0, ids)).to(wide)
            count = SegmentSum.apply(is_top, ids, largest.shape[0]).clamp_(min=1)
            share = (is_top / count.index_select(0, ids)).to(grad.dtype)
        return Gather.apply(grad, ids) * share, None, None
