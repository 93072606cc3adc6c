"""The whole step of a GraphLSTM after aggregation: products, gates, new cell and state, in one buffer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from heddle_dgl.fused.precision import widened, without_autocast
from heddle_dgl.fused.product import accumulate, spread

_sigmoid_backward, _tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward


class _Lstm(Function):
    @staticmethod
    @without_autocast
    def forward(
        ctx: Any, base: Tensor, c: Tensor | None, peephole: Tensor | None, n: int, *rest: Tensor
    ) -> tuple[Tensor, Tensor]:
        terms, matrices = rest[:n], rest[n:]
        rows = tuple(base.shape[:-1]) if base.ndim > 1 else tuple(terms[0].shape[:-1])
        hidden = base.shape[-1] // 4
        gates = accumulate(base, terms, matrices, rows)
        i, f, g, o = gates.view(-1, 4, hidden).unbind(1)
        old = None if c is None else c.reshape(-1, hidden)
        if peephole is not None and old is not None:
            i.addcmul_(old, peephole[0])
            f.addcmul_(old, peephole[1])
        i.sigmoid_()
        f.sigmoid_()
        g.tanh_()
        new = i * g
        if old is not None:
            new.addcmul_(f, old)
        if peephole is not None:
            o.addcmul_(new, peephole[2])
        o.sigmoid_()
        bent = torch.tanh(new)
        ctx.save_for_backward(gates, c, new, bent, peephole, *rest)
        ctx.n, ctx.shared, ctx.rows = n, base.ndim == 1, rows
        ctx.set_materialize_grads(False)
        return (o * bent).view(*rows, hidden), new.view(*rows, hidden)

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, grad_h: Tensor | None, grad_c: Tensor | None) -> tuple[Any, ...]:
        gates, c, new, bent, peephole, *rest = ctx.saved_tensors
        terms, matrices = rest[: ctx.n], rest[ctx.n :]
        hidden = new.shape[-1]
        i, f, g, o = gates.view(-1, 4, hidden).unbind(1)
        by_gate = torch.empty_like(gates)
        di, df, dg, do = by_gate.view(-1, 4, hidden).unbind(1)
        total = torch.zeros_like(new) if grad_c is None else grad_c.reshape(-1, hidden)
        if grad_h is None:
            do.zero_()
        else:
            dh = grad_h.reshape(-1, hidden)
            do.copy_(_sigmoid_backward(dh * bent, o))
            total = total + _tanh_backward(dh * o, bent)
        if peephole is not None:
            total = torch.addcmul(total, do, peephole[2])
        di.copy_(_sigmoid_backward(total * g, i))
        dg.copy_(_tanh_backward(total * i, g))
        grad_old = grad_peephole = None
        if c is None:
            df.zero_()
        else:
            old = c.reshape(-1, hidden)
            df.copy_(_sigmoid_backward(total * old, f))
            if ctx.needs_input_grad[1]:
                grad_old = total * f
                if peephole is not None:
                    grad_old.addcmul_(di, peephole[0]).addcmul_(df, peephole[1])
                grad_old = grad_old.view(*ctx.rows, hidden)
        if peephole is not None and ctx.needs_input_grad[2]:
            grad_peephole = torch.zeros_like(peephole)
            grad_peephole[2] = (do * new).sum(0)
            if c is not None:
                grad_peephole[0], grad_peephole[1] = (di * old).sum(0), (df * old).sum(0)
        wanted = (ctx.needs_input_grad[0], *ctx.needs_input_grad[4:])
        shape = None if ctx.shared else by_gate.view(*ctx.rows, 4 * hidden)
        base, by_term, by_matrix = spread(by_gate, shape, terms, matrices, wanted)
        return base, grad_old, grad_peephole, None, *by_term, *by_matrix


def lstm_step(
    base: Tensor,
    c: Tensor | None,
    peephole: Tensor | None,
    terms: Sequence[Tensor],
    matrices: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the new (h, c) of gates q = base + sum of terms @ matrices in the order i, f, c, o.

    Args:
        base: [4 hidden], or [..., 4 hidden], which is used up.
        c: [..., hidden], None for zeros.
        peephole: [3, hidden] for i, f, o, or None.
        terms: [..., d] each; at least one where `base` is a row.
    """
    base, (c, peephole), terms, matrices = widened(base, (c, peephole), terms, matrices)
    return _Lstm.apply(base, c, peephole, len(terms), *terms, *matrices)
