"""The maximum of spmm on torch, with its gradient: shared by the elements that attain the maximum.

Where those are is a constant, so that the gradient is made of operators linear over them (spmm_top.py).
"""

from typing import Any

from torch import Tensor

from heddle_kernels.torch.define import batch_second, define, refuse_batched
from heddle_kernels.torch.spmm_sum import cpu as spmm_cpu
from heddle_kernels.torch.spmm_top import edges_top, sum_top
from heddle_kernels.torch.structure import SCHEMA, Structure


def spmm_max(structure: Structure, weight: Tensor | None, x: Tensor, transpose: bool) -> Tensor:
    """Take the largest weight x[s] of the edges (s, r) of each r, elementwise; from receivers if `transpose`."""
    return _spmm_max.recorded(*structure, weight, x, transpose)


def _max_cpu(*arguments: Any) -> Tensor:
    indptr, senders, t_indptr, t_receivers, t_order, weight, x, transpose = arguments
    return spmm_cpu(indptr, senders, t_indptr, t_receivers, t_order, weight, x, "max", transpose)


def _max_fake(*arguments: Any) -> Tensor:
    return arguments[6].new_empty((Structure(*arguments[:5]).rows(arguments[7]), *arguments[6].shape[1:]))


def _max_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:7], output)
    ctx.transpose = inputs[7]


def _max_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    structure = Structure(*ctx.saved_tensors[:5])
    weight, x, top = ctx.saved_tensors[5:]
    at = (None if weight is None else weight.detach(), x.detach(), top.detach())
    ties = sum_top(structure, at, None, None, ctx.transpose, False).clamp(min=1)
    grad = grad / ties
    weight_grad = x_grad = None
    if ctx.needs_input_grad[5]:
        weight_grad = edges_top(structure, at, grad, x, ctx.transpose)
    if ctx.needs_input_grad[6]:
        x_grad = sum_top(structure, at, weight, grad, ctx.transpose, True)
    return *(None,) * 5, weight_grad, x_grad, None


def _max_vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("spmm", in_dims[:5])
    *structure, weight, x, transpose = arguments
    weight, x = batch_second(weight, in_dims[5], size), batch_second(x, in_dims[6], size)
    return op(*structure, weight, x, transpose), 1


_spmm_max = define(
    f"spmm_max({SCHEMA}, Tensor? weight, Tensor x, bool transpose) -> Tensor",
    _max_cpu,
    _max_fake,
    setup=_max_setup,
    backward=_max_backward,
    vmap=_max_vmap,
)
