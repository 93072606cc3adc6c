"""Softmax within segments on torch."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import DEFINED, call, define, float_code, id_code, in_second, recorded, total
from heddle_kernels.torch.segment import gather, segment_sum

_native_softmax = library.native.segment_softmax
_native_softmax_grad = library.native.segment_softmax_grad


def segment_softmax(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """Softmax within each segment: [e, ...], [e] int in any order -> [e, ...].

    A segment of -inf alone gives 0, not NaN. Differentiable in `data`, to any order.

    Raises:
        GraphError: an id out of [0, num_segments), or another number of ids than rows.
    """
    return softmax_on(data, segment_ids, None, num_segments)


def softmax_on(data: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    """Call the operator that records what there is to record.

    Args:
        indptr: [num_segments + 1], where each segment begins if ids are sorted: a device needn't sort them then.
    """
    operator = DEFINED["segment_softmax"]
    out: Tensor = (operator.recorded if recorded(data) else operator.forward)(data, ids, indptr, num_segments)
    return out


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


def _softmax_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(given.segment_ids, given.indptr, output)
    ctx.num_segments = given.num_segments


def _softmax_backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    ids, indptr, y = ctx.saved_tensors
    return {"data": _gradient(y, grad, ids, indptr, ctx.num_segments)}


def _softmax_jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
    if tangents.data is None:
        return None
    return _gradient(output, tangents.data, given.segment_ids, given.indptr, given.num_segments)


define(
    "segment_softmax",
    _softmax_cpu,
    lambda data, ids, indptr, num_segments: data.new_empty(data.shape),
    fixed=("segment_ids", "indptr"),
    setup=_softmax_setup,
    backward=_softmax_backward,
    jvp=_softmax_jvp,
    vmap=in_second("data"),
)


def _gradient(y: Tensor, grad: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    """Return y (grad - sum over the segment of y grad): symmetric in how it maps grad, and so its own adjoint."""
    out: Tensor = call("segment_softmax_grad", (y, grad), y, grad, ids, indptr, num_segments)
    return out


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


def _grad_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(given.y, given.grad, given.segment_ids, given.indptr)
    ctx.num_segments = given.num_segments


def _grad_backward(ctx: Any, wanted: Any, cotangent: Tensor) -> dict[str, Any]:
    y, grad, ids, indptr = ctx.saved_tensors
    n = ctx.num_segments
    y_grad = cotangent * (grad - gather(segment_sum(y * grad, ids, n), ids))
    y_grad = y_grad - grad * gather(segment_sum(y * cotangent, ids, n), ids)
    return {"y": y_grad, "grad": _gradient(y, cotangent, ids, indptr, n)}


def _grad_jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
    y, grad, ids, indptr, n = given
    terms = [] if tangents.grad is None else [_gradient(y, tangents.grad, ids, indptr, n)]
    if tangents.y is not None:
        inner = gather(segment_sum(y * grad, ids, n), ids)
        changed = gather(segment_sum(tangents.y * grad, ids, n), ids)
        terms.append(tangents.y * (grad - inner) - y * changed)
    return total(terms)


define(
    "segment_softmax_grad",
    _grad_cpu,
    lambda y, grad, ids, indptr, num_segments: y.new_empty(y.shape),
    fixed=("segment_ids", "indptr"),
    setup=_grad_setup,
    backward=_grad_backward,
    jvp=_grad_jvp,
    vmap=in_second("y", "grad"),
)
