"""Sums over the elements that attain a maximum, on torch: the two operators are each other's derivatives."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.csr_arrays import SIZE, CsrArrays
from heddle_kernels.torch.define import call, define, float_code, id_code, in_second, multilinear, pointer

At = tuple[Tensor | None, Tensor, Tensor]
"""(weight, x, largest) of the maximum, which say where it is attained."""


def sum_argmax(
    arrays: CsrArrays, at: At, factor: Tensor | None, value: Tensor | None, reverse: bool, adjoint: bool
) -> Tensor:
    """Sum factor value over the elements of each node that attain its maximum: [n, ...].

    Args:
        at: (weight, x, largest) of the maximum.
        factor, value: multiplied; None for ones.
        reverse: whether the maximum was sent from receivers to senders.
        adjoint: whether to sum at the nodes that send.
    """
    out: Tensor = call("spmm_argmax", (factor, value), *arrays, *at, factor, value, reverse, adjoint)
    return out


def edges_argmax(arrays: CsrArrays, at: At, a: Tensor, b: Tensor, reverse: bool) -> Tensor:
    """Sum a b over the elements that attain a maximum, for each edge and head: [n_edges, ...], as the weight.

    Args:
        at: (weight, x, largest) of the maximum.
        a, b: [n, ...] where messages arrive and where they start.
        reverse: whether the maximum was sent from receivers to senders.
    """
    out: Tensor = call("sddmm_argmax", (a, b), *arrays, *at, a, b, reverse)
    return out


def ties(arrays: CsrArrays, at: At, reverse: bool) -> Tensor:
    """Count the elements that attain each maximum, at least 1, [n, ...] in float32 at least: float16 ends at 65504.

    Args:
        at: (weight, x, largest) of the maximum.
        reverse: whether it was sent from receivers to senders.
    """
    x = at[1]
    wide = torch.promote_types(x.dtype, torch.float32)
    if x.dtype == wide:
        return sum_argmax(arrays, at, None, None, reverse, False).clamp(min=1)
    parts = sum_argmax(arrays, at, None, torch.full_like(x, 1 / _PARTS), reverse, False)
    return (parts.to(wide) * _PARTS).clamp(min=1)


_PARTS = 4096
"""Parts of one by which 16 bits count to 2**28."""


def _sum_cpu(*arguments: Any) -> Tensor:
    arrays, (weight, x, largest, factor, value, reverse, adjoint) = CsrArrays.split(arguments)
    x, largest = x.contiguous(), largest.contiguous()
    weight, factor, value = (None if t is None else t.contiguous() for t in (weight, factor, value))
    at_senders = reverse != adjoint
    indptr, ids, perm = arrays.walk(at_senders)
    heads, width = shapes.heads(
        "spmm_argmax", x.shape, None if weight is None else weight.shape, ids.shape[0]
    )
    out = _sum_fake(*arguments)
    library.native.spmm_argmax(
        indptr=indptr.data_ptr(),
        ids=ids.data_ptr(),
        perm=pointer(perm),
        weight=pointer(weight),
        x=x.data_ptr(),
        largest=largest.data_ptr(),
        factor=pointer(factor),
        value=pointer(value),
        out=out.data_ptr(),
        rows=indptr.shape[0] - 1,
        edges=ids.shape[0],
        other_rows=arrays.rows(not at_senders),
        heads=heads,
        width=width,
        transposed=adjoint,
        dtype=float_code("spmm_argmax", x),
        index=id_code("spmm_argmax", indptr, ids),
        threads=torch.get_num_threads(),
    )
    return out


def _sum_fake(*arguments: Any) -> Tensor:
    arrays, (_, x, _, _, _, reverse, adjoint) = CsrArrays.split(arguments)
    return x.new_empty((arrays.rows(reverse != adjoint), *x.shape[1:]))


def _sum_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(*given[:SIZE], given.weight, given.x, given.largest, given.factor, given.value)
    ctx.reverse, ctx.adjoint = given.reverse, given.adjoint


def _sum_backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    arrays, (*where, factor, value) = CsrArrays.split(ctx.saved_tensors)
    at, grads = (where[0], where[1], where[2]), {}
    if wanted.factor:
        a, b = (value, grad) if ctx.adjoint else (grad, value)
        grads["factor"] = edges_argmax(arrays, at, a, b, ctx.reverse)
    if wanted.value:
        grads["value"] = sum_argmax(arrays, at, factor, grad, ctx.reverse, not ctx.adjoint)
    return grads


def _edges_cpu(*arguments: Any) -> Tensor:
    arrays, (*values, reverse) = CsrArrays.split(arguments)
    weight, x, largest, a, b = (tensor.contiguous() for tensor in values)
    indptr, ids, _ = arrays.walk(False)
    heads = prod(weight.shape[1:])
    out = torch.empty_like(weight)
    library.native.sddmm_argmax(
        indptr=indptr.data_ptr(),
        ids=ids.data_ptr(),
        weight=weight.data_ptr(),
        x=x.data_ptr(),
        largest=largest.data_ptr(),
        a=a.data_ptr(),
        b=b.data_ptr(),
        out=out.data_ptr(),
        rows=indptr.shape[0] - 1,
        edges=ids.shape[0],
        other_rows=arrays.rows(True),
        heads=heads,
        width=prod(x.shape[weight.ndim :]),
        transposed=reverse,
        dtype=float_code("sddmm_argmax", x),
        index=id_code("sddmm_argmax", indptr, ids),
        threads=torch.get_num_threads(),
    )
    return out


def _edges_fake(*arguments: Any) -> Tensor:
    weight = arguments[SIZE]
    return weight.new_empty(weight.shape)


def _edges_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(*given[:SIZE], given.weight, given.x, given.largest, given.a, given.b)
    ctx.reverse = given.reverse


def _edges_backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    arrays, (*where, a, b) = CsrArrays.split(ctx.saved_tensors)
    at = where[0], where[1], where[2]
    grads = {"a": sum_argmax(arrays, at, grad, b, ctx.reverse, False)} if wanted.a else {}
    return grads | ({"b": sum_argmax(arrays, at, grad, a, ctx.reverse, True)} if wanted.b else {})


define(
    "spmm_argmax",
    _sum_cpu,
    _sum_fake,
    setup=_sum_setup,
    backward=_sum_backward,
    jvp=multilinear(
        lambda given: call("spmm_argmax", (given.factor, given.value), *given), "factor", "value"
    ),
    vmap=in_second("weight", "x", "largest", "factor", "value"),
)
define(
    "sddmm_argmax",
    _edges_cpu,
    _edges_fake,
    setup=_edges_setup,
    backward=_edges_backward,
    jvp=multilinear(lambda given: call("sddmm_argmax", (given.a, given.b), *given), "a", "b"),
    vmap=in_second("weight", "x", "largest", "a", "b"),
)
