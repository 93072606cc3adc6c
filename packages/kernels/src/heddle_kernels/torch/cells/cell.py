"""Steps of recurrent cells on torch, products and all: what they make of base + sum over k of terms[k] @ matrices[k].

float32 and float64. Gradients are of the first order: each is one native call too, and has no gradient of its own.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from heddle.errors import problem
from heddle_kernels.torch.cells.native import (
    GRU_GATES,
    GRU_OUTPUT,
    LSTM,
    Cell,
    backward,
    empty_gradients,
    forward,
)
from heddle_kernels.torch.define import define

Tensors = Sequence[Tensor]


def lstm_step(
    base: Tensor, c: Tensor | None, peephole: Tensor | None, terms: Tensors, matrices: Tensors
) -> tuple[Tensor, Tensor]:
    """Return the new (h, c) of an LSTM whose gates i, f, c, o are base + sum of terms @ matrices.

    Args:
        base: [4 hidden] for all rows, or [..., 4 hidden], which is used up: its memory may be written to.
        c: [..., hidden], None for zeros.
        peephole: [3, hidden] for i, f, o, or None.
        terms: [..., d] each, at least one where `base` is a row.
        matrices: [d, 4 hidden] each.

    Raises:
        GraphError: shapes that don't fit.
        TypeError: a dtype other than float32 and float64, or several.
        NotImplementedError: forward mode, or a transform of torch.func.
    """
    return _call("lstm_step", base, (c, peephole), terms, matrices)


def gru_gates(base: Tensor, h: Tensor | None, terms: Tensors, matrices: Tensors) -> tuple[Tensor, Tensor]:
    """Return (r . h, z) of a GRU with r, z = sigmoid(base + sum of terms @ matrices); `h` None is zeros.

    `base`: [2 hidden], or [..., 2 hidden], which is used up. Raises as `lstm_step`.
    """
    return _call("gru_gates", base, (h,), terms, matrices)


def gru_output(base: Tensor, z: Tensor, h: Tensor | None, terms: Tensors, matrices: Tensors) -> Tensor:
    """Return z . h + (1 - z) . tanh(base + sum of terms @ matrices) of a GRU; `h` None is zeros.

    `base`: [hidden], or [..., hidden], which is used up. Raises as `lstm_step`.
    """
    return _call("gru_output", base, (z, h), terms, matrices)[0]


_CELLS = {cell.name: cell for cell in (LSTM, GRU_GATES, GRU_OUTPUT)}


def _call(name: str, base: Tensor, states: tuple[Any, ...], terms: Tensors, matrices: Tensors) -> Any:
    cell = _CELLS[name]
    if torch.compiler.is_compiling():
        outputs = _STEPS[name](base, list(states), list(terms), list(matrices))
        return tuple(outputs[: cell.n_outputs])
    if torch._C._are_functorch_transforms_active():
        raise _unavailable("a transform of torch.func", "torch.autograd, and a batch as axes before the last")
    base, states, terms, matrices = _as_they_lie(base, states, terms, matrices)
    return _Step.apply(cell, base, len(states), len(terms), *states, *terms, *matrices)


def _as_they_lie(base: Tensor, states: Any, terms: Tensors, matrices: Tensors) -> tuple[Any, ...]:
    """Return all as they lie in memory, not lazily negated; in float32 where torch.autocast made some narrower."""
    narrow = torch._C._is_any_autocast_enabled() and base.dtype != torch.float64

    def each(tensor: Tensor | None) -> Tensor | None:
        if tensor is None:
            return None
        return (tensor.float() if narrow else tensor).resolve_neg()

    lists = [list(map(each, tensors)) for tensors in (states, terms, matrices)]
    return each(base), *lists


class _Step(Function):
    """A step in eager mode, where `base` can be used up."""

    @staticmethod
    def forward(ctx: Any, cell: Cell, base: Tensor, n: int, m: int, *rest: Any) -> tuple[Tensor, ...]:
        states, terms, matrices = rest[:n], rest[n : n + m], rest[n + m :]
        tensors = forward(cell, base, states, terms, matrices, use_up=True)
        ctx.save_for_backward(*tensors, *rest)
        ctx.cell, ctx.counts, ctx.shared = cell, (len(tensors), n, m), base.ndim == 1
        ctx.set_materialize_grads(False)
        return tuple(tensors[: cell.n_outputs])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        k, n, m = ctx.counts
        saved = ctx.saved_tensors
        kept, rest = saved[:k], saved[k:]
        states, terms, matrices = rest[:n], rest[n : n + m], rest[n + m :]
        wanted = (ctx.needs_input_grad[1], *ctx.needs_input_grad[4:])
        if all(grad is None for grad in grads):
            return (None,) * len(ctx.needs_input_grad)
        gradients = iter(backward(ctx.cell, states, kept, grads, terms, matrices, ctx.shared, wanted))
        base, *others = (next(gradients) if want else None for want in wanted)
        return None, base, None, None, *others

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise _unavailable("forward mode", "reverse mode")


def _unavailable(got: str, expected: str) -> NotImplementedError:
    return NotImplementedError(problem("recurrent step", got, expected, "use that, or core's cells"))


def _define(name: str) -> Any:
    """Register heddle::NAME, its gradient heddle::NAME_grad, and what torch.compile asks about both."""
    cell = _CELLS[name]

    def step(base: Tensor, states: Any, terms: Tensors, matrices: Tensors) -> list[Tensor]:
        tensors = forward(cell, base, states, terms, matrices)
        return [t if t.is_contiguous() else t.contiguous() for t in tensors]

    def step_fake(base: Tensor, states: Any, terms: Tensors, matrices: Tensors) -> list[Tensor]:
        given = [t for t in (base if base.ndim > 1 else None, *terms, *states) if t is not None]
        rows = given[0].shape[:-1]
        state = [base.new_empty((*rows, base.shape[-1] // cell.n_gates)) for _ in range(cell.n_outputs)]
        return [*state, base.new_empty((*rows, base.shape[-1]))]

    def grad(states, kept, grads, terms, matrices, shared: bool, wanted) -> list[Tensor]:
        return backward(cell, states, kept, grads, terms, matrices, shared, wanted)

    def grad_fake(states, kept, grads, terms, matrices, shared: bool, wanted) -> list[Tensor]:
        return empty_gradients(cell, states, kept, terms, matrices, shared, wanted)

    gradient = define(f"{name}_grad", grad, grad_fake).forward

    def setup(ctx: Any, given: Any, output: list[Tensor]) -> None:
        base, states, terms, matrices = given
        ctx.save_for_backward(*output, *states, *terms, *matrices)
        ctx.counts, ctx.shared = (len(output), len(states), len(terms)), base.ndim == 1

    def gradients(ctx: Any, asked: Any, grads: list[Any]) -> dict[str, Any]:
        k, n, m = ctx.counts
        saved = list(ctx.saved_tensors)
        kept, rest = saved[:k], saved[k:]
        states, terms, matrices = rest[:n], rest[n : n + m], rest[n + m :]
        wanted = [asked.base, *asked.states, *asked.terms, *asked.matrices]
        outputs = list(grads[: cell.n_outputs])
        values = iter(gradient(states, kept, outputs, terms, matrices, ctx.shared, wanted))
        base, *others = [next(values) if want else None for want in wanted]
        lists = {"states": others[:n], "terms": others[n : n + m], "matrices": others[n + m :]}
        return {"base": base} | lists

    return define(
        name,
        step,
        step_fake,
        setup=setup,
        backward=gradients,
        record=lambda *arguments: getattr(torch.ops.heddle, name).default(*arguments),
    ).recorded


_STEPS = {name: _define(name) for name in _CELLS}
