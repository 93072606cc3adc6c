"""The segment primitives in torch's own operations, of which torch derives batches, tangents and gradients.

The autograd.Functions of `segments` and `sparse` are faster, but have no rules for torch.func and for forward mode.
Where `transformed()`, these take their place.
"""

from math import prod

import torch
from torch import Tensor
from torch.autograd import forward_ad

LONG = 1 << 20
"""Rows above which sums of float32 are kept in float64: adding 1 to 16777216 changes nothing."""


def transformed() -> bool:
    """Tell whether a transform of torch.func (vmap, grad, jvp, ...) or forward mode is at work."""
    return forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()


def sum_dtype(dtype: torch.dtype, count: int) -> torch.dtype:
    """Return what a sum over `count` rows is kept in: at least float32, float64 beyond `LONG`; ints as they are."""
    if not dtype.is_floating_point:
        return dtype
    return torch.promote_types(dtype, torch.float64 if count > LONG else torch.float32)


def gather(x: Tensor, ids: Tensor) -> Tensor:
    """Return rows of x [n, ...] by ids [e]: [e, ...]; its gradient is kept as exactly as a `segment_sum`."""
    return x.to(sum_dtype(x.dtype, len(ids))).index_select(0, ids).to(x.dtype)


def segment_sum(data: Tensor, ids: Tensor, n: int) -> Tensor:
    """Sum data [e, ...] by ids [e] into [n, ...], kept in `sum_dtype`; an empty segment gives 0."""
    wide = data.to(sum_dtype(data.dtype, len(data)))
    total = wide.new_zeros((n, *data.shape[1:])).index_add(0, ids.long(), wide)
    return total.to(data.dtype)


def segment_max(data: Tensor, ids: Tensor, n: int) -> Tensor:
    """Take the maxima of data [e, ...] by ids [e]: [n, ...], 0 for an empty segment.

    Equal maxima share the gradient; an infinite one has none.
    """
    fixed = data.detach()
    columns = fixed.reshape(len(data), prod(data.shape[1:]))
    index = ids.long()[:, None].expand(columns.shape)
    largest = columns.new_zeros((n, columns.shape[1]))
    largest = largest.scatter_reduce(0, index, columns, "amax", include_self=False)
    largest = largest.reshape((n, *data.shape[1:]))
    if not data.is_floating_point():
        return largest
    is_top = (fixed == largest.index_select(0, ids)) & fixed.isfinite()
    wide = is_top.to(torch.promote_types(data.dtype, torch.float32))
    count = segment_sum(wide, ids, n).clamp(min=1)
    share = (wide / count.index_select(0, ids)).to(data.dtype)
    known = fixed.nan_to_num(0, 0, 0)
    change = torch.where(is_top, data, known) - known  # 0, with the gradient of the data
    return largest + segment_sum(change * share, ids, n)
