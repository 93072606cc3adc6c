"""Sums over the elements that attain a maximum, on torch: the two operators are each other's derivatives."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import (
    batch_second,
    define,
    float_code,
    id_code,
    pointer,
    recorded,
    refuse_batched,
)
from heddle_kernels.torch.structure import SCHEMA, Structure

At = tuple[Tensor | None, Tensor, Tensor]
"""(weight, x, top) of the maximum, which say where it is attained."""


def sum_top(
    structure: Structure, at: At, factor: Tensor | None, value: Tensor | None, reverse: bool, adjoint: bool
) -> Tensor:
    """Sum factor value over the attaining elements of each node that receives, or that sends if `adjoint`.

    `reverse`: the maximum was sent from receivers to senders.
    """
    operator = _spmm_top.recorded if recorded(factor, value) else _spmm_top.forward
    return operator(*structure, *at, factor, value, reverse, adjoint)


def edges_top(structure: Structure, at: At, a: Tensor, b: Tensor, reverse: bool) -> Tensor:
    """Sum a b over the attaining elements of each edge and head, a where messages arrive, b where they start."""
    operator = _sddmm_top.recorded if recorded(a, b) else _sddmm_top.forward
    return operator(*structure, *at, a, b, reverse)


def _sum_cpu(*arguments: Any) -> Tensor:
    structure = Structure(*arguments[:5])
    weight, x, top, factor, value, reverse, adjoint = arguments[5:]
    x, top = x.contiguous(), top.contiguous()
    weight, factor, value = (None if t is None else t.contiguous() for t in (weight, factor, value))
    at_senders = reverse != adjoint
    indptr, ids, perm = structure.walk(at_senders)
    heads, width = shapes.heads("spmm_top", x.shape, None if weight is None else weight.shape, ids.shape[0])
    out = _sum_fake(*arguments)
    library.native.spmm_top(
        indptr=indptr.data_ptr(),
        ids=ids.data_ptr(),
        perm=pointer(perm),
        weight=pointer(weight),
        x=x.data_ptr(),
        top=top.data_ptr(),
        factor=pointer(factor),
        value=pointer(value),
        out=out.data_ptr(),
        rows=indptr.shape[0] - 1,
        edges=ids.shape[0],
        other_rows=structure.rows(not at_senders),
        heads=heads,
        width=width,
        transposed=adjoint,
        dtype=float_code("spmm_top", x),
        index=id_code("spmm_top", indptr, ids),
        threads=torch.get_num_threads(),
    )
    return out


def _sum_fake(*arguments: Any) -> Tensor:
    x, reverse, adjoint = arguments[6], *arguments[10:]
    return x.new_empty((Structure(*arguments[:5]).rows(reverse != adjoint), *x.shape[1:]))


def _sum_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:10])
    ctx.reverse, ctx.adjoint = inputs[10:]


def _sum_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    structure, at = Structure(*ctx.saved_tensors[:5]), ctx.saved_tensors[5:8]
    factor, value = ctx.saved_tensors[8:]
    factor_grad = value_grad = None
    if ctx.needs_input_grad[8]:
        a, b = (value, grad) if ctx.adjoint else (grad, value)
        factor_grad = edges_top(structure, at, a, b, ctx.reverse)
    if ctx.needs_input_grad[9]:
        value_grad = sum_top(structure, at, factor, grad, ctx.reverse, not ctx.adjoint)
    return *(None,) * 8, factor_grad, value_grad, None, None


def _edges_cpu(*arguments: Any) -> Tensor:
    structure = Structure(*arguments[:5])
    reverse = arguments[10]
    weight, x, top, a, b = (tensor.contiguous() for tensor in arguments[5:10])
    indptr, ids, _ = structure.walk(False)
    heads = prod(weight.shape[1:])
    out = torch.empty_like(weight)
    library.native.sddmm_top(
        indptr=indptr.data_ptr(),
        ids=ids.data_ptr(),
        weight=weight.data_ptr(),
        x=x.data_ptr(),
        top=top.data_ptr(),
        a=a.data_ptr(),
        b=b.data_ptr(),
        out=out.data_ptr(),
        rows=indptr.shape[0] - 1,
        edges=ids.shape[0],
        other_rows=structure.rows(True),
        heads=heads,
        width=prod(x.shape[weight.ndim :]),
        transposed=reverse,
        dtype=float_code("sddmm_top", x),
        index=id_code("sddmm_top", indptr, ids),
        threads=torch.get_num_threads(),
    )
    return out


def _edges_fake(*arguments: Any) -> Tensor:
    return arguments[5].new_empty(arguments[5].shape)


def _edges_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:10])
    ctx.reverse = inputs[10]


def _edges_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    structure, at = Structure(*ctx.saved_tensors[:5]), ctx.saved_tensors[5:8]
    a, b = ctx.saved_tensors[8:]
    a_grad = sum_top(structure, at, grad, b, ctx.reverse, False) if ctx.needs_input_grad[8] else None
    b_grad = sum_top(structure, at, grad, a, ctx.reverse, True) if ctx.needs_input_grad[9] else None
    return *(None,) * 8, a_grad, b_grad, None


def _top_vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("spmm", in_dims[:5])
    tensors = [batch_second(t, dim, size) for t, dim in zip(arguments[5:10], in_dims[5:10])]
    return op(*arguments[:5], *tensors, *arguments[10:]), 1


_spmm_top = define(
    f"spmm_top({SCHEMA}, Tensor? weight, Tensor x, Tensor top, Tensor? factor, Tensor? value, bool reverse,"
    " bool adjoint) -> Tensor",
    _sum_cpu,
    _sum_fake,
    setup=_sum_setup,
    backward=_sum_backward,
    vmap=_top_vmap,
)
_sddmm_top = define(
    f"sddmm_top({SCHEMA}, Tensor weight, Tensor x, Tensor top, Tensor a, Tensor b, bool reverse) -> Tensor",
    _edges_cpu,
    _edges_fake,
    setup=_edges_setup,
    backward=_edges_backward,
    vmap=_top_vmap,
)
