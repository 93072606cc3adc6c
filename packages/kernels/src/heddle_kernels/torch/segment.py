"""Rows by id and sums by segment on torch: gather and segment_sum are each other's gradients."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.csr_arrays import divided
from heddle_kernels.torch.define import DEFINED, call, define, float_code, id_code, multilinear, recorded

_native_gather = library.native.gather
_native_reduce = library.native.segment_reduce


def gather(x: Tensor, index: Tensor) -> Tensor:
    """Return rows of x, of any dtype: [n, ...], [e] int -> [e, ...]; GraphError for an id out of range."""
    if x.is_complex():
        return _as_pairs(x, lambda pairs: gather(pairs, index))
    operator = DEFINED["gather"]
    out: Tensor = (operator.recorded if recorded(x) else operator.forward)(x, index)
    return out


def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Sum rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    return reduce(data, segment_ids, num_segments, "sum")


def segment_mean(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Average rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    return reduce(data, segment_ids, num_segments, "mean")


def segment_max(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Equal maxima share the gradient.
    """
    return reduce(data, segment_ids, num_segments, "max")


def reduce(data: Tensor, segment_ids: Tensor, num_segments: int, how: str) -> Tensor:
    """Reduce rows by segment, and record the gradient if one is wanted: [e, ...], [e] int -> [num_segments, ...].

    Args:
        how: "sum" or "max".
    """
    if data.is_complex() and how != "max":
        return _as_pairs(data, lambda pairs: reduce(pairs, segment_ids, num_segments, how))
    operator = DEFINED["segment_reduce"]
    out: Tensor = (operator.recorded if recorded(data) else operator.forward)(
        data, segment_ids, num_segments, how
    )
    return out


def _as_pairs(x: Tensor, linear: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply what treats columns alike to the real and imaginary parts of x."""
    return torch.view_as_complex(linear(torch.view_as_real(x.resolve_conj())).contiguous())


def _gather_cpu(x: Tensor, index: Tensor) -> Tensor:
    x, index = x.contiguous(), index.contiguous()
    code = id_code("gather", index)
    count, shape = len(index), x.shape
    rows, columns = shape[0], shape[1:]
    out = x.new_empty((count, *columns))
    _native_gather(
        ids=index.data_ptr(),
        x=x.data_ptr(),
        out=out.data_ptr(),
        count=count,
        x_rows=rows,
        row_bytes=prod(columns) * x.element_size(),
        index=code,
        threads=torch.get_num_threads(),
    )
    return out


def _gather_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(given.index)
    ctx.rows = given.x.shape[0]


def _gather_backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    (index,) = ctx.saved_tensors
    return {"x": segment_sum(grad, index, ctx.rows)}


def _gather_vmap(op: Any, size: int, dims: Any, given: Any) -> tuple[Tensor, int]:
    x, index = given
    if dims.index is None:
        return op(x.movedim(dims.x, 1), index), 1
    if dims.x is not None:  # a table of its own for each: the rows of one after the other, ids moved along
        x, index = x.movedim(dims.x, 0), index.movedim(dims.index, 0)
        first = torch.arange(size, dtype=index.dtype, device=index.device) * x.shape[1]
        at = (_checked(index, x.shape[1]) + first[:, None]).reshape(-1)
        return op(x.reshape(size * x.shape[1], *x.shape[2:]), at).reshape(*index.shape, *x.shape[2:]), 0
    index = index.movedim(dims.index, 0)
    return op(x, index.reshape(-1)).reshape(*index.shape, *x.shape[1:]), 0


def _checked(index: Tensor, bound: int) -> Tensor:
    """Return ids with those out of range moved to where they are out of everything's range."""
    return torch.where((index < 0) | (index >= bound), torch.iinfo(index.dtype).min, index)


define(
    "gather",
    _gather_cpu,
    lambda x, index: x.new_empty((index.shape[0], *x.shape[1:])),
    setup=_gather_setup,
    backward=_gather_backward,
    jvp=multilinear(lambda given: call("gather", (given.x,), *given), "x"),
    vmap=_gather_vmap,
)


def _reduce_cpu(data: Tensor, ids: Tensor, num_segments: int, how: str) -> Tensor:
    data, ids, shape = data.contiguous(), ids.contiguous(), data.shape
    columns = shape[1:]
    shapes.rows(f"segment_{how}", "segment_ids", ids.shape, shape[0], "as many as data has")
    out = data.new_empty((num_segments, *columns))
    _native_reduce(
        ids=ids.data_ptr(),
        data=data.data_ptr(),
        out=out.data_ptr(),
        count=shape[0],
        segments=num_segments,
        width=prod(columns),
        dtype=float_code(f"segment_{how}", data),
        index=id_code(f"segment_{how}", ids),
        reduce=library.code(library.REDUCE, "segment_reduce", "how", how),
        threads=torch.get_num_threads(),
    )
    return out


def _reduce_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.how = given.how
    ctx.save_for_backward(given.segment_ids, *((given.data, output) if given.how == "max" else ()))


def _reduce_backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    ids, *kept = ctx.saved_tensors
    if ctx.how == "sum":
        return {"data": gather(grad, ids)}
    if ctx.how == "mean":
        ones = torch.ones(ids.shape[0], dtype=torch.float64, device=ids.device)
        count = segment_sum(ones, ids, grad.shape[0]).clamp(min=1)
        return {"data": gather(divided(grad, count), ids)}
    data, largest = kept
    attained, ties = _ties(data, largest, ids)
    return {"data": attained.to(grad.dtype) * gather(divided(grad, ties), ids)}


def _ties(data: Tensor, largest: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return which elements attain their segment's maximum, and how many of each segment do, at least 1."""
    data, largest = data.detach(), largest.detach()
    most = gather(largest, ids)
    attained = (data == most) | (data.isnan() & most.isnan())
    wide = torch.promote_types(data.dtype, torch.float32)
    return attained, segment_sum(attained.to(wide), ids, largest.shape[0]).clamp(min=1)


def _reduce_jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
    tangent, ids = tangents.data, given.segment_ids
    if tangent is None or given.how != "max":
        return None if tangent is None else reduce(tangent, ids, given.num_segments, given.how)
    attained, ties = _ties(given.data, output, ids)
    return divided(segment_sum(attained.to(tangent.dtype) * tangent, ids, given.num_segments), ties)


def _reduce_vmap(op: Any, size: int, dims: Any, given: Any) -> tuple[Tensor, int]:
    return op(*given._replace(data=given.data.movedim(dims.data, 1))), 1


define(
    "segment_reduce",
    _reduce_cpu,
    lambda data, ids, num_segments, how: data.new_empty((num_segments, *data.shape[1:])),
    fixed=("segment_ids",),
    setup=_reduce_setup,
    backward=_reduce_backward,
    jvp=_reduce_jvp,
    vmap=_reduce_vmap,
)
