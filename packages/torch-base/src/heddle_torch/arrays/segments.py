"""Segment primitives as autograd functions whose backward passes are made of each other, to any order.

torch adds rows by int32 ids about five times slower than by int64 ids, and shares the gradient of a maximum with a
start value that was excluded; both are met here.
"""

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from heddle_torch.arrays import transforms
from heddle_torch.arrays.transforms import LONG, sum_dtype, transformed


def gather(x: Tensor, ids: Tensor) -> Tensor:
    """Return rows of x [n, ...] by ids [e]: [e, ...]."""
    result: Tensor = transforms.gather(x, ids) if transformed() else Gather.apply(x, ids)
    return result


def segment_sum(data: Tensor, ids: Tensor, n: int) -> Tensor:
    """Sum data [e, ...] by ids [e]: [n, ...], 0 for an empty segment."""
    result: Tensor = transforms.segment_sum(data, ids, n) if transformed() else SegmentSum.apply(data, ids, n)
    return result


def segment_max(data: Tensor, ids: Tensor, n: int) -> Tensor:
    """Take the maxima of data [e, ...] by ids [e]: [n, ...], 0 for an empty segment; ties share the gradient."""
    result: Tensor = transforms.segment_max(data, ids, n) if transformed() else SegmentMax.apply(data, ids, n)
    return result


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
        return segment_sum(grad, ids, ctx.rows), None


class SegmentSum(Function):
    """Sums of data [e, ...] by ids [e] into [n, ...]; its gradient is `Gather`.

    bfloat16 and float16 are added up in float32, and floats of more than `LONG` rows in float64.
    """

    @staticmethod
    def forward(ctx: Any, data: Tensor, ids: Tensor, n: int) -> Tensor:
        ctx.save_for_backward(ids)
        wide = sum_dtype(data.dtype, len(data))
        total = torch.zeros((n, *data.shape[1:]), dtype=wide, device=data.device)
        for rows, index in zip(data.split(LONG), ids.long().split(LONG)):  # a copy of few of them at a time
            total.index_add_(0, index, rows.to(wide))
        return total.to(data.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (ids,) = ctx.saved_tensors
        return gather(grad, ids), None, None


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
            count = segment_sum(is_top, ids, largest.shape[0]).clamp(min=1)
            share = (is_top / count.index_select(0, ids)).to(grad.dtype)
        return gather(grad, ids) * share, None, None
