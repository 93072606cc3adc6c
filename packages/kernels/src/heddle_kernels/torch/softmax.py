"""Softmax within segments on torch."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import batch_second, define, float_code, id_code, recorded, refuse_batched
from heddle_kernels.torch.segment import gather, segment_sum

_native_softmax = library.native.segment_softmax
_native_softmax_grad = library.native.segment_softmax_grad


def segment_softmax(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Softmax within each segment: [e, ...], [e] int in any order -> [e, ...].

    A segment of -inf alone gives 0, not NaN; GraphError for an id out of range.
    """
    return softmax_on(data, segment_ids, None, num_segments)


def softmax_on(data: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    """Call the operator that records what there is to record.

    Args:
        indptr: [num_segments + 1], where each segment begins if ids are sorted: a device needn't sort them then.
    """
    return (_softmax.recorded if recorded(data) else _softmax.forward)(data, ids, indptr, num_segments)


def _softmax_cpu(data: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    data, ids, shape = data.contiguous(), ids.contiguous(), data.shape
    if ids.shape != shape[:1]:
        shapes.rows("segment_softmax", "segment_ids", ids.shape, shape[0], "as many as data has")
    out = data.new_empty(shape)
    _native_softmax(
        ids=ids.data_ptr(),
        data=data.data_ptr(),
        out=out.data_ptr(),
        count=shape[0],
        segments=num_segments,
        width=prod(shape[1:]),
        dtype=float_code("segment_softmax", data),
        index=id_code("segment_softmax", ids),
        threads=torch.get_num_threads(),
    )
    return out


def _softmax_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:3], output)
    ctx.num_segments = inputs[3]


def _softmax_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    ids, indptr, y = ctx.saved_tensors
    return _gradient(y, grad, ids, indptr, ctx.num_segments), None, None, None


def _softmax_vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("segment_softmax", in_dims[1:3])
    return op(arguments[0].movedim(in_dims[0], 1), *arguments[1:]), 1


_softmax = define(
    "segment_softmax(Tensor data, Tensor segment_ids, Tensor? indptr, SymInt num_segments) -> Tensor",
    _softmax_cpu,
    lambda data, ids, indptr, num_segments: data.new_empty(data.shape),
    setup=_softmax_setup,
    backward=_softmax_backward,
    vmap=_softmax_vmap,
)


def _gradient(y: Tensor, grad: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    """Return y (grad - sum over the segment of y grad): symmetric in how it maps grad, and so its own adjoint."""
    operator = _softmax_grad.recorded if recorded(y, grad) else _softmax_grad.forward
    return operator(y, grad, ids, indptr, num_segments)


def _grad_cpu(y: Tensor, grad: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    y, grad, ids, shape = y.contiguous(), grad.contiguous(), ids.contiguous(), y.shape
    out = y.new_empty(shape)
    _native_softmax_grad(
        ids=ids.data_ptr(),
        y=y.data_ptr(),
        grad=grad.data_ptr(),
        out=out.data_ptr(),
        count=shape[0],
        segments=num_segments,
        width=prod(shape[1:]),
        dtype=float_code("segment_softmax", y),
        index=id_code("segment_softmax", ids),
        threads=torch.get_num_threads(),
    )
    return out


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:4])
    ctx.num_segments = inputs[4]


def _grad_backward(ctx: Any, cotangent: Tensor) -> tuple[Any, ...]:
    y, grad, ids, indptr = ctx.saved_tensors
    n = ctx.num_segments
    y_grad = cotangent * (grad - gather(segment_sum(y * grad, ids, n), ids))
    y_grad = y_grad - grad * gather(segment_sum(y * cotangent, ids, n), ids)
    return y_grad, _gradient(y, cotangent, ids, indptr, n), None, None, None


def _grad_vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("segment_softmax", in_dims[2:4])
    y, grad, *rest = arguments
    return op(batch_second(y, in_dims[0], size), batch_second(grad, in_dims[1], size), *rest), 1


_softmax_grad = define(
    "segment_softmax_grad(Tensor y, Tensor grad, Tensor segment_ids, Tensor? indptr, SymInt num_segments) -> Tensor",
    _grad_cpu,
    lambda y, grad, ids, indptr, num_segments: y.new_empty(y.shape),
    setup=_grad_setup,
    backward=_grad_backward,
    vmap=_grad_vmap,
)
