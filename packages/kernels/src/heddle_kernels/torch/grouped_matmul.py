"""grouped_matmul on torch: products of matrices of any sizes, and the outer products that differentiate them."""

from array import array
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import define, float_code, recorded

Tensors = Sequence[Tensor]


def grouped_matmul(lhs: Tensors, rhs: Tensors, bias: Tensors | None = None) -> list[Tensor]:
    """Multiply pairs of matrices of any sizes: lhs[i] [n_i, k_i] @ rhs[i] [k_i, m_i] + bias[i] [m_i], all at once.

    Returns: a list of [n_i, m_i].

    Raises:
        GraphError: lists of two lengths, shapes that don't fit.
    """
    shapes.paired([a.shape for a in lhs], [b.shape for b in rhs], [b.shape for b in bias] if bias else None)
    return _product(lhs, rhs, bias or (), False) if lhs else []


def _product(lhs: Tensors, rhs: Tensors, bias: Tensors, transposed: bool) -> list[Tensor]:
    operator = _grouped_matmul.recorded if recorded(*lhs, *rhs, *bias) else _grouped_matmul.forward
    return list(operator(lhs, rhs, bias, transposed))


def _outer(lhs: Tensors, rhs: Tensors) -> list[Tensor]:
    """Multiply lhs[i] [n_i, k_i] transposed by rhs[i] [n_i, m_i]: a list of [k_i, m_i]."""
    return list((_grouped_outer.recorded if recorded(*lhs, *rhs) else _grouped_outer.forward)(lhs, rhs))


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
    dtype, found = lists[0][0].dtype, []
    for each in lists:
        dense = []
        for tensor in each:
            if tensor.dtype is not dtype:
                names = " and ".join(sorted({str(other.dtype) for of in lists for other in of}))
                raise TypeError(f"grouped_matmul: found {names}, expected one dtype; cast all to the same")
            dense.append(tensor.contiguous())
        found.append(dense)
    return found


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


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    lhs, rhs, bias, ctx.transposed = inputs
    ctx.save_for_backward(*lhs, *rhs)
    ctx.biased = len(bias) > 0


def _backward(ctx: Any, grads: Tensors) -> tuple[Any, ...]:
    lhs, rhs = _halves(ctx.saved_tensors)
    needed = [any(needs) for needs in ctx.needs_input_grad[:3]]
    lhs_grads, rhs_grads, bias_grads = _product_grads(lhs, rhs, grads, ctx.transposed, needed)
    return lhs_grads, rhs_grads, bias_grads if ctx.biased else [], None


def _outer_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    lhs, rhs = inputs
    ctx.save_for_backward(*lhs, *rhs)


def _outer_backward(ctx: Any, grads: Tensors) -> tuple[Any, ...]:
    return tuple(
        _outer_grads(*_halves(ctx.saved_tensors), grads, [any(needs) for needs in ctx.needs_input_grad])
    )


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
        ctx.save_for_backward(*tensors[: 2 * ctx.count])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        n, needs = ctx.count, ctx.needs_input_grad[2:]
        needed = [any(needs[:n]), any(needs[n : 2 * n]), any(needs[2 * n :])]
        found = _product_grads(*_halves(ctx.saved_tensors), grads, ctx.transposed, needed)
        return None, None, *[grad for each in found for grad in each][: len(needs)]


class _Outer(torch.autograd.Function):
    """grouped_outer(count, *lhs, *rhs)."""

    @staticmethod
    def forward(count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(_grouped_outer.forward(tensors[:count], tensors[count:]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.count, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        lhs_needs, rhs_needs = ctx.needs_input_grad[1 : ctx.count + 1], ctx.needs_input_grad[ctx.count + 1 :]
        found = _outer_grads(*_halves(ctx.saved_tensors), grads, [any(lhs_needs), any(rhs_needs)])
        return None, *(grad for each in found for grad in each)


_grouped_matmul = define(
    "grouped_matmul(Tensor[] lhs, Tensor[] rhs, Tensor[] bias, bool transposed) -> Tensor[]",
    _cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    record=lambda lhs, rhs, bias, transposed: _Product.apply(len(lhs), transposed, *lhs, *rhs, *bias),
)
_grouped_outer = define(
    "grouped_outer(Tensor[] lhs, Tensor[] rhs) -> Tensor[]",
    _outer_cpu,
    _outer_fake,
    setup=_outer_setup,
    backward=_outer_backward,
    record=lambda lhs, rhs: _Outer.apply(len(lhs), *lhs, *rhs),
)
