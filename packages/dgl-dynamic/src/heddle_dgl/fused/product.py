"""Products of several terms with several matrices into one buffer, and their gradients."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from heddle_dgl.fused.precision import widened, without_autocast


def accumulate(
    base: Tensor, terms: Sequence[Tensor], matrices: Sequence[Tensor], rows: tuple[int, ...]
) -> Tensor:
    """Return base + sum of terms @ matrices as [prod(rows), width].

    A `base` of more than one axis is written into; a row [width] stands for all rows.
    """
    width = base.shape[-1]
    if base.ndim > 1:
        total = base.detach().reshape(-1, width)
    elif terms:
        first = terms[0]
        total = torch.addmm(base, first.reshape(-1, first.shape[-1]), matrices[0])
        terms, matrices = terms[1:], matrices[1:]
    else:
        total = base.expand(*rows, width).reshape(-1, width).clone()
    for term, matrix in zip(terms, matrices):
        total.addmm_(term.reshape(-1, term.shape[-1]), matrix)
    return total


def spread(
    grad: Tensor,
    base: Tensor | None,
    terms: Sequence[Tensor],
    matrices: Sequence[Tensor],
    wanted: Sequence[bool],
) -> tuple[Tensor | None, list[Tensor | None], list[Tensor | None]]:
    """Return the gradients (of base, of terms, of matrices) of `accumulate`, from `grad` [rows, width].

    Args:
        base: its shape, or a tensor of it.
        wanted: whether base, each term and each matrix want one.
    """
    n = len(terms)
    grad_base = None
    if wanted[0]:
        grad_base = grad.sum(0) if base is None else grad.reshape(base.shape)
    grad_terms = [
        (grad @ matrix.t()).reshape(term.shape) if want else None
        for term, matrix, want in zip(terms, matrices, wanted[1 : 1 + n])
    ]
    grad_matrices = [
        term.reshape(-1, term.shape[-1]).t() @ grad if want else None
        for term, want in zip(terms, wanted[1 + n :])
    ]
    return grad_base, grad_terms, grad_matrices


class _Ready(Function):
    """The input's share of the gates at all steps in one product, a tensor a step."""

    @staticmethod
    @without_autocast
    def forward(ctx: Any, x: Tensor, matrix: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(x)
        steps, width = x.shape[0], bias.shape[0]
        every = torch.addmm(bias, x.reshape(-1, x.shape[-1]), matrix)
        return _apart(every, (steps, *x.shape[1:-1], width))

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, Tensor]:
        (x,) = ctx.saved_tensors
        width = grads[0].shape[-1]
        matrix, bias = x.new_zeros(x.shape[-1], width), x.new_zeros(width)
        for rows, grad in zip(x, grads):
            grad = grad.reshape(-1, width)
            matrix.addmm_(rows.reshape(-1, x.shape[-1]).t(), grad)
            bias += grad.sum(0)
        return None, matrix, bias


def _apart(every: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Return the tensors along the first axis, no views of one another to autograd: each may be written into."""
    size, storage = prod(shape[1:]), every.untyped_storage()
    return tuple(
        every.new_empty(0).set_(
            storage, t * size, shape[1:], every.new_empty(shape[1:], device="meta").stride()
        )
        for t in range(shape[0])
    )


def ready(x: Tensor, matrix: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """Return x[t] @ matrix + bias for each t: constants [n_steps, ..., d] -> n_steps tensors [..., width]."""
    bias, (x, matrix) = widened(bias, (x, matrix))
    return _Ready.apply(x, matrix, bias)


class _Product(Function):
    @staticmethod
    @without_autocast
    def forward(ctx: Any, base: Tensor, n: int, *rest: Tensor) -> Tensor:
        terms, matrices = rest[:n], rest[n:]
        rows = _rows(base, terms)
        total = accumulate(base, terms, matrices, rows)
        ctx.save_for_backward(*rest)
        ctx.shared, ctx.n = base.ndim == 1, n
        return total.reshape(*rows, base.shape[-1])

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        terms, matrices = ctx.saved_tensors[: ctx.n], ctx.saved_tensors[ctx.n :]
        wanted = (ctx.needs_input_grad[0], *ctx.needs_input_grad[2:])
        flat = grad.reshape(-1, grad.shape[-1])
        base, by_term, by_matrix = spread(flat, None if ctx.shared else grad, terms, matrices, wanted)
        return base, None, *by_term, *by_matrix


def product(base: Tensor, terms: Sequence[Tensor], matrices: Sequence[Tensor]) -> Tensor:
    """Return base + sum of terms @ matrices: [..., width]; a `base` of more than one axis is used up."""
    base, terms, matrices = widened(base, terms, matrices)
    return _Product.apply(base, len(terms), *terms, *matrices)


def _rows(base: Tensor, terms: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(base.shape[:-1]) if base.ndim > 1 else tuple(terms[0].shape[:-1])
