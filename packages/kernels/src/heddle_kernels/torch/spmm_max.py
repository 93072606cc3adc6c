"""The maximum of spmm on torch, with its derivatives: shared by the elements that attain the maximum.

Where those are is a constant, so that the gradient is made of operators linear over them (spmm_argmax.py).
"""

from typing import Any

from torch import Tensor

from heddle_kernels.torch.csr_arrays import SIZE, CsrArrays, divided
from heddle_kernels.torch.define import define, in_second, total
from heddle_kernels.torch.spmm_argmax import At, edges_argmax, sum_argmax, ties
from heddle_kernels.torch.spmm_sum import cpu as spmm_cpu


def spmm_max(arrays: CsrArrays, weight: Tensor | None, x: Tensor, transpose: bool) -> Tensor:
    """Take the largest weight x[s] of the edges (s, r) of each r, elementwise; from receivers if `transpose`."""
    out: Tensor = _spmm_max.recorded(*arrays, weight, x, transpose)
    return out


def _cpu(*arguments: Any) -> Tensor:
    indptr, senders, t_indptr, t_receivers, t_order, weight, x, transpose = arguments
    return spmm_cpu(indptr, senders, t_indptr, t_receivers, t_order, weight, x, "max", transpose)


def _fake(*arguments: Any) -> Tensor:
    arrays, (_, x, transpose) = CsrArrays.split(arguments)
    return x.new_empty((arrays.rows(transpose), *x.shape[1:]))


def _setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(*given[:SIZE], given.weight, given.x, output)
    ctx.transpose = given.transpose


def _at(weight: Tensor | None, x: Tensor, largest: Tensor) -> At:
    return None if weight is None else weight.detach(), x.detach(), largest.detach()


def _backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    arrays, (weight, x, largest) = CsrArrays.split(ctx.saved_tensors)
    at = _at(weight, x, largest)
    grad = divided(grad, ties(arrays, at, ctx.transpose))
    grads = {"weight": edges_argmax(arrays, at, grad, x, ctx.transpose)} if wanted.weight else {}
    return grads | ({"x": sum_argmax(arrays, at, weight, grad, ctx.transpose, True)} if wanted.x else {})


def _jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
    arrays, (weight, x, transpose) = CsrArrays.split(given)
    at = _at(weight, x, output)
    terms = []
    if tangents.x is not None:
        terms.append(sum_argmax(arrays, at, weight, tangents.x, transpose, False))
    if tangents.weight is not None:
        terms.append(sum_argmax(arrays, at, tangents.weight, x, transpose, False))
    tangent = total(terms)
    return None if tangent is None else divided(tangent, ties(arrays, at, transpose))


_spmm_max = define(
    "spmm_max", _cpu, _fake, setup=_setup, backward=_backward, jvp=_jvp, vmap=in_second("weight", "x")
)
