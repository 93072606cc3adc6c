"""grouped_matmul on torch: products of matrices of any sizes, and the outer products that differentiate them."""

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import (
    DEFINED,
    autocast,
    call,
    define,
    float_code,
    one_level,
    recorded,
    results_one_by_one,
)

Tensors = Sequence[Tensor]


def grouped_matmul(lhs: Tensors, rhs: Tensors, bias: Tensors | None = None) -> list[Tensor]:
    """Multiply pairs of matrices of any sizes: lhs[i] [n_i, k_i] @ rhs[i] [k_i, m_i] + bias[i] [m_i], all in one call.

    Returns: a list of [n_i, m_i].

    Raises:
        GraphError: lists of two lengths, shapes that don't fit.
    """
    shapes.paired([a.shape for a in lhs], [b.shape for b in rhs], [b.shape for b in bias] if bias else None)
    if not lhs:
        return []
    bias = bias or ()
    if torch._C._is_any_autocast_enabled():
        n, tensors = len(lhs), autocast(*lhs, *rhs, *bias)
        lhs, rhs, bias = tensors[:n], tensors[n : 2 * n], tensors[2 * n :]
    return _product(lhs, rhs, bias, False)


def _product(lhs: Tensors, rhs: Tensors, bias: Tensors, transposed: bool) -> list[Tensor]:
    operator = DEFINED["grouped_matmul"]
    wanted = recorded(*lhs, *rhs, *bias)
    return list((operator.recorded if wanted else operator.forward)(lhs, rhs, bias, transposed))


def _outer(lhs: Tensors, rhs: Tensors) -> list[Tensor]:
    """Multiply lhs[i] [n_i, k_i] transposed by rhs[i] [n_i, m_i]: a list of [k_i, m_i]."""
    return list(call("grouped_outer", (*lhs, *rhs), lhs, rhs))


def _cpu(lhs: Tensors, rhs: Tensors, bias: Tensors, transposed: bool) -> list[Tensor]:
    lhs, rhs, bias = _dense(lhs, rhs, bias)
    axis = 0 if transposed else 1
    outs: list[Tensor] = []
    sizes: list[int] = []
    for a, b in zip(lhs, rhs):
        n, k = a.shape
        m = b.shape[axis]
        outs.append(a.new_empty((n, m)))
        sizes += n, k, m
    numbers = array("q", [*sizes, *map(Tensor.data_ptr, [*lhs, *rhs, *outs, *bias])])
    at, step = numbers.buffer_info()[0], numbers.itemsize * len(outs)
    library.native.grouped_matmul(
        lhs=at + 3 * step,
        rhs=at + 4 * step,
        biases=at + 6 * step if bias else None,
        outs=at + 5 * step,
        shapes=at,
        count=len(outs),
        transposed=transposed,
        dtype=float_code("grouped_matmul", lhs[0]),
        threads=torch.get_num_threads(),
    )
    return outs


def _fake(lhs: Tensors, rhs: Tensors, bias: Tensors, transposed: bool) -> list[Tensor]:
    axis = 0 if transposed else 1
    return [a.new_empty((a.shape[0], b.shape[axis])) for a, b in zip(lhs, rhs)]


def _outer_cpu(lhs: Tensors, rhs: Tensors) -> list[Tensor]:
    lhs, rhs = _dense(lhs, rhs)
    outs = _outer_fake(lhs, rhs)
    sizes = [n for a, b in zip(lhs, rhs) for n in (*a.shape, b.shape[1])]
    numbers = array("q", [*sizes, *map(Tensor.data_ptr, [*lhs, *rhs, *outs])])
    at, step = numbers.buffer_info()[0], numbers.itemsize * len(outs)
    library.native.grouped_outer(
        lhs=at + 3 * step,
        rhs=at + 4 * step,
        outs=at + 5 * step,
        shapes=at,
        count=len(outs),
        dtype=float_code("grouped_outer", lhs[0]),
        threads=torch.get_num_threads(),
    )
    return outs


def _dense(*lists: Tensors) -> list[list[Tensor]]:
    """Return the tensors as contiguous ones, all of one dtype."""
    dtype, matrices = lists[0][0].dtype, []
    for each in lists:
        dense = []
        for tensor in each:
            if tensor.dtype is not dtype:
                names = " and ".join(sorted({str(other.dtype) for of in lists for other in of}))
                raise TypeError(f"grouped_matmul: found {names}, expected one dtype; cast all to the same")
            dense.append(tensor.contiguous())
        matrices.append(dense)
    return matrices


def _outer_fake(lhs: Tensors, rhs: Tensors) -> list[Tensor]:
    return [a.new_empty((a.shape[1], b.shape[1])) for a, b in zip(lhs, rhs)]


def _product_grads(
    lhs: Tensors, rhs: Tensors, grads: Tensors, transposed: bool, needed: Sequence[bool]
) -> list[list[Any]]:
    """Return the gradients of lhs, rhs and bias; lists of None where not needed."""
    nothing: list[Any] = [None] * len(lhs)
    return [
        _product(grads, rhs, (), not transposed) if needed[0] else nothing,
        (_outer(grads, lhs) if transposed else _outer(lhs, grads)) if needed[1] else nothing,
        [grad.sum(0) for grad in grads] if needed[2] else nothing,
    ]


def _outer_grads(lhs: Tensors, rhs: Tensors, grads: Tensors, needed: Sequence[bool]) -> list[list[Any]]:
    nothing: list[Any] = [None] * len(lhs)
    return [
        _product(rhs, grads, (), True) if needed[0] else nothing,
        _product(lhs, grads, (), False) if needed[1] else nothing,
    ]


def _setup(ctx: Any, given: Any, output: Any) -> None:
    ctx.transposed, ctx.biased = given.transposed, len(given.bias) > 0
    ctx.save_for_backward(*given.lhs, *given.rhs)


def _backward(ctx: Any, wanted: Any, grads: Tensors) -> dict[str, Any]:
    lhs, rhs = _halves(ctx.saved_tensors)
    needed = [any(wanted.lhs), any(wanted.rhs), any(wanted.bias)]
    lhs_grads, rhs_grads, bias_grads = _product_grads(lhs, rhs, grads, ctx.transposed, needed)
    return {"lhs": lhs_grads, "rhs": rhs_grads, "bias": bias_grads if ctx.biased else []}


def _outer_setup(ctx: Any, given: Any, output: Any) -> None:
    ctx.save_for_backward(*given.lhs, *given.rhs)


def _outer_backward(ctx: Any, wanted: Any, grads: Tensors) -> dict[str, Any]:
    needed = [any(wanted.lhs), any(wanted.rhs)]
    sides = _outer_grads(*_halves(ctx.saved_tensors), grads, needed)
    return dict(zip(("lhs", "rhs"), sides))


def _linear_in_each(
    function: Callable[[Tensors, Tensors], Tensors], lhs: Tensors, rhs: Tensors, tangents: Sequence[Any]
) -> Tensors:
    """Return the tangents of products that are linear in both sides: those of a side that has none are 0."""
    n = len(lhs)
    sides = [
        [torch.zeros_like(matrix) if t is None else t for matrix, t in zip(side, given)]
        for side, given in ((lhs, tangents[:n]), (rhs, tangents[n : 2 * n]))
    ]
    return [a + b for a, b in zip(function(sides[0], rhs), function(lhs, sides[1]))]


def _keep_tensors(ctx: Any, lhs: Tensors, rhs: Tensors) -> None:
    ctx.save_for_backward(*lhs, *rhs)
    ctx.save_for_forward(*lhs, *rhs)


def _halves(tensors: Tensors) -> tuple[Tensors, Tensors]:
    return tensors[: len(tensors) // 2], tensors[len(tensors) // 2 :]


class _Product(torch.autograd.Function):
    """grouped_matmul(count, transposed, *lhs, *rhs, *bias)."""

    @staticmethod
    def forward(count: int, transposed: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        lists = tensors[:count], tensors[count : 2 * count], tensors[2 * count :]
        return tuple(_grouped_matmul.forward(*lists, transposed))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.count, ctx.transposed, *tensors = inputs
        _keep_tensors(ctx, tensors[: ctx.count], tensors[ctx.count : 2 * ctx.count])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        n, needs = ctx.count, ctx.needs_input_grad[2:]
        needed = [any(needs[:n]), any(needs[n : 2 * n]), any(needs[2 * n :])]
        sides = _product_grads(*_halves(ctx.saved_tensors), grads, ctx.transposed, needed)
        return None, None, *[grad for each in sides for grad in each][: len(needs)]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, ...]:
        one_level("grouped_matmul")
        lhs, rhs = _halves(ctx.saved_tensors)
        given = tangents[2:]
        products = _linear_in_each(lambda a, b: _product(a, b, (), ctx.transposed), lhs, rhs, given)
        biases = given[2 * ctx.count :] or [None] * ctx.count
        return tuple(t if bias is None else t + bias for t, bias in zip(products, biases))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        return results_one_by_one(_Product.apply, info.batch_size, in_dims, arguments)


class _Outer(torch.autograd.Function):
    """grouped_outer(count, *lhs, *rhs)."""

    @staticmethod
    def forward(count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(_grouped_outer.forward(tensors[:count], tensors[count:]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.count, *tensors = inputs
        _keep_tensors(ctx, tensors[: ctx.count], tensors[ctx.count :])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        lhs_needs, rhs_needs = ctx.needs_input_grad[1 : ctx.count + 1], ctx.needs_input_grad[ctx.count + 1 :]
        sides = _outer_grads(*_halves(ctx.saved_tensors), grads, [any(lhs_needs), any(rhs_needs)])
        return None, *(grad for each in sides for grad in each)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, ...]:
        one_level("grouped_outer")
        return tuple(_linear_in_each(_outer, *_halves(ctx.saved_tensors), tangents[1:]))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        return results_one_by_one(_Outer.apply, info.batch_size, in_dims, arguments)


_grouped_matmul = define(
    "grouped_matmul",
    _cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    record=lambda lhs, rhs, bias, transposed: _Product.apply(len(lhs), transposed, *lhs, *rhs, *bias),
)
_grouped_outer = define(
    "grouped_outer",
    _outer_cpu,
    _outer_fake,
    setup=_outer_setup,
    backward=_outer_backward,
    record=lambda lhs, rhs: _Outer.apply(len(lhs), *lhs, *rhs),
)
