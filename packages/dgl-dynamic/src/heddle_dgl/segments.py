"""Segment maximum as an autograd function: torch's own shares a tie's gradient with a start value that is excluded."""

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def segment_sum(data: Tensor, ids: Tensor, n: int) -> Tensor:
    """Sum rows by segment: [e, ...], [e] -> [n, ...]; float16 and bfloat16 are added up in float32."""
    narrow = data.dtype in (torch.bfloat16, torch.float16)
    rows = data.float() if narrow else data
    total = rows.new_zeros((n, *data.shape[1:])).index_add(0, ids.long(), rows)
    return total.to(data.dtype) if narrow else total


class SegmentMax(Function):
    """Elementwise maxima of data [e, ...] by ids [e]; 0 for an empty segment; equal maxima share the gradient."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, ids: Tensor, n: int) -> Tensor:
        columns = data.reshape(len(data), prod(data.shape[1:]))
        index = ids.long()[:, None].expand_as(columns)
        top = columns.new_zeros((n, columns.shape[1]))
        top = top.scatter_reduce_(0, index, columns, "amax", include_self=False)
        top = top.reshape((n, *data.shape[1:]))
        ctx.save_for_backward(data, ids, top)
        return top

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        data, ids, top = ctx.saved_tensors
        with torch.no_grad():
            is_top = (data == top.index_select(0, ids)).to(grad.dtype)
            count = segment_sum(is_top, ids, len(top)).clamp_(min=1)
            share = is_top / count.index_select(0, ids)
        return grad.index_select(0, ids) * share, None, None
