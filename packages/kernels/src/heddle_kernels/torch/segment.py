"""Rows by id and sums by segment on torch: gather and segment_sum are each other's gradients."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import define, float_code, id_code, recorded, refuse_batched


def gather(x: Tensor, index: Tensor) -> Tensor:
    """Return rows of x: [n, ...], [e] int -> [e, ...]; GraphError for an id out of range."""
    return (_gather.recorded if recorded(x) else _gather.forward)(x, index)


def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Sum rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    return reduce(data, segment_ids, num_segments, "sum")


def segment_mean(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Average rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    return reduce(data, segment_ids, num_segments, "mean")


def segment_max(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Take the largest of each segment, elementwise; an empty segment gives 0; ties share the gradient."""
    return reduce(data, segment_ids, num_segments, "max")


def reduce(data: Tensor, segment_ids: Tensor, num_segments: int, how: str) -> Tensor:
    """Call the operator that records what there is to record."""
    return (_reduce.recorded if recorded(data) else _reduce.forward)(data, segment_ids, num_segments, how)


def _gather_cpu(x: Tensor, index: Tensor) -> Tensor:
    x, index = x.contiguous(), index.contiguous()
    out = x.new_empty((index.shape[0], *x.shape[1:]))
    library.native.gather(
        ids=index.data_ptr(),
        x=x.data_ptr(),
        out=out.data_ptr(),
        count=index.shape[0],
        x_rows=x.shape[0],
        row_bytes=prod(x.shape[1:]) * x.element_size(),
        index=id_code("gather", index),
        threads=torch.get_num_threads(),
    )
    return out


def _gather_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, index = inputs
    ctx.save_for_backward(index)
    ctx.rows = x.shape[0]


def _gather_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return segment_sum(grad, ctx.saved_tensors[0], ctx.rows), None


def _gather_vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    x, index = arguments
    if in_dims[0] is None:  # one table, many indices
        index = index.movedim(in_dims[1], 0)
        return op(x, index.reshape(-1)).reshape(size, -1, *x.shape[1:]), 0
    refuse_batched("gather", in_dims[1:])
    return op(x.movedim(in_dims[0], 1), index), 1


_gather = define(
    "gather(Tensor x, Tensor index) -> Tensor",
    _gather_cpu,
    lambda x, index: x.new_empty((index.shape[0], *x.shape[1:])),
    setup=_gather_setup,
    backward=_gather_backward,
    vmap=_gather_vmap,
)


def _reduce_cpu(data: Tensor, ids: Tensor, num_segments: int, how: str) -> Tensor:
    data, ids = data.contiguous(), ids.contiguous()
    shapes.rows(f"segment_{how}", "segment_ids", ids.shape, data.shape[0], "as many as data has")
    out = data.new_empty((num_segments, *data.shape[1:]))
    library.native.segment_reduce(
        ids=ids.data_ptr(),
        data=data.data_ptr(),
        out=out.data_ptr(),
        count=data.shape[0],
        segments=num_segments,
        width=prod(data.shape[1:]),
        dtype=float_code(f"segment_{how}", data),
        index=id_code(f"segment_{how}", ids),
        reduce=library.code(library.REDUCE, "segment_reduce", "how", how),
        threads=torch.get_num_threads(),
    )
    return out


def _reduce_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    data, ids, _, ctx.how = inputs
    ctx.save_for_backward(ids, *((data, output) if ctx.how == "max" else ()))


def _reduce_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    ids, n = ctx.saved_tensors[0], grad.shape[0]
    if ctx.how == "sum":
        return gather(grad, ids), None, None, None
    if ctx.how == "mean":
        count = segment_sum(grad.new_ones(ids.shape[0]), ids, n).clamp(min=1)
        return gather(grad / count.reshape(-1, *(1,) * (grad.ndim - 1)), ids), None, None, None
    data, top = (saved.detach() for saved in ctx.saved_tensors[1:])
    most = gather(top, ids)
    attained = ((data == most) | (data.isnan() & most.isnan())).to(grad.dtype)
    ties = segment_sum(attained, ids, n).clamp(min=1)
    return attained * gather(grad / ties, ids), None, None, None


def _reduce_vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("segment_reduce", in_dims[1:2])
    data, ids, num_segments, how = arguments
    return op(data.movedim(in_dims[0], 1), ids, num_segments, how), 1


_reduce = define(
    "segment_reduce(Tensor data, Tensor segment_ids, SymInt num_segments, str how) -> Tensor",
    _reduce_cpu,
    lambda data, ids, num_segments, how: data.new_empty((num_segments, *data.shape[1:])),
    setup=_reduce_setup,
    backward=_reduce_backward,
    vmap=_reduce_vmap,
)
