"""The two halves of a GraphGRU's step, before and after the state is aggregated once more."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from heddle_dgl.fused.precision import widened, without_autocast
from heddle_dgl.fused.product import accumulate, spread

_sigmoid_backward, _tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward


class _Gates(Function):
    @staticmethod
    @without_autocast
    def forward(ctx: Any, base: Tensor, h: Tensor | None, n: int, *rest: Tensor) -> tuple[Tensor, Tensor]:
        terms, matrices = rest[:n], rest[n:]
        rows = tuple(base.shape[:-1]) if base.ndim > 1 else tuple(terms[0].shape[:-1])
        hidden = base.shape[-1] // 2
        gates = accumulate(base, terms, matrices, rows).sigmoid_()
        r, z = gates.view(*rows, 2, hidden).unbind(-2)
        ctx.save_for_backward(gates, h, *rest)
        ctx.n, ctx.shared, ctx.rows = n, base.ndim == 1, rows
        ctx.set_materialize_grads(False)
        return (r * h if h is not None else torch.zeros_like(r)), z.contiguous()

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, grad_rh: Tensor | None, grad_z: Tensor | None) -> tuple[Any, ...]:
        gates, h, *rest = ctx.saved_tensors
        terms, matrices = rest[: ctx.n], rest[ctx.n :]
        hidden = gates.shape[-1] // 2
        r, z = gates.view(-1, 2, hidden).unbind(1)
        by_gate, grad_h = torch.zeros_like(gates), None
        dr, dz = by_gate.view(-1, 2, hidden).unbind(1)
        if h is not None and grad_rh is not None:
            flat = grad_rh.reshape(-1, hidden)
            dr.copy_(_sigmoid_backward(flat * h.reshape(-1, hidden), r))
            grad_h = (flat * r).view(h.shape)
        if grad_z is not None:
            dz.copy_(_sigmoid_backward(grad_z.reshape(-1, hidden), z))
        wanted = (ctx.needs_input_grad[0], *ctx.needs_input_grad[3:])
        shape = None if ctx.shared else by_gate.view(*ctx.rows, 2 * hidden)
        base, by_term, by_matrix = spread(by_gate, shape, terms, matrices, wanted)
        return base, grad_h, None, *by_term, *by_matrix


class _Output(Function):
    @staticmethod
    @without_autocast
    def forward(ctx: Any, base: Tensor, z: Tensor, h: Tensor | None, n: int, *rest: Tensor) -> Tensor:
        terms, matrices = rest[:n], rest[n:]
        candidate = accumulate(base, terms, matrices, tuple(z.shape[:-1])).tanh_().view(z.shape)
        ctx.save_for_backward(candidate, z, h, *rest)
        ctx.n, ctx.shared = n, base.ndim == 1
        return candidate - z * candidate if h is None else torch.lerp(candidate, h, z)

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        candidate, z, h, *rest = ctx.saved_tensors
        terms, matrices = rest[: ctx.n], rest[ctx.n :]
        kept = grad * z
        by_candidate = _tanh_backward(grad - kept, candidate)
        grad_z = grad * (-candidate if h is None else h - candidate)
        wanted = (ctx.needs_input_grad[0], *ctx.needs_input_grad[4:])
        flat = by_candidate.reshape(-1, candidate.shape[-1])
        base, by_term, by_matrix = spread(flat, None if ctx.shared else by_candidate, terms, matrices, wanted)
        return base, grad_z, None if h is None else kept, None, *by_term, *by_matrix


def gru_gates(
    base: Tensor, h: Tensor | None, terms: Sequence[Tensor], matrices: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return (r . h, z), with r, z = sigmoid(base + sum of terms @ matrices); `h` None is zeros.

    `base`: [2 hidden], or [..., 2 hidden], which is used up.
    """
    base, (h,), terms, matrices = widened(base, (h,), terms, matrices)
    return _Gates.apply(base, h, len(terms), *terms, *matrices)


def gru_output(
    base: Tensor, z: Tensor, h: Tensor | None, terms: Sequence[Tensor], matrices: Sequence[Tensor]
) -> Tensor:
    """Return z . h + (1 - z) . tanh(base + sum of terms @ matrices); `h` None is zeros.

    `base`: [hidden], or [..., hidden], which is used up.
    """
    base, (z, h), terms, matrices = widened(base, (z, h), terms, matrices)
    return _Output.apply(base, z, h, len(terms), *terms, *matrices)
