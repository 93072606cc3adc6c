"""The operators under relational_conv on torch: sums over relations and their gradient, each the other's derivative."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.memo import Memo
from heddle_kernels import relational
from heddle_kernels.torch.define import define, float_code, id_code, recorded

Tensors = Sequence[Tensor]

_IN_RANGE = Memo()
"""Calls that found all of their ids in range: these aren't looked at again."""

_NOWHERE = 64
"""The address of what is never read: torch has none for tensors without elements."""


def _conv_cpu(
    floats: Tensors, structure: Tensors, table: Sequence[int], n_rows: int, out_dim: int, relu: bool
) -> Tensor:
    floats = [tensor.contiguous() for tensor in floats]
    y = floats[0].new_empty((n_rows, out_dim))
    _call("relational_conv", floats, structure, table, relu, y)
    return y


def _conv_fake(
    floats: Tensors, structure: Tensors, table: Sequence[int], n_rows: int, out_dim: int, relu: bool
) -> Tensor:
    return floats[0].new_empty((n_rows, out_dim))


def _grad_cpu(
    floats: Tensors,
    structure: Tensors,
    table: Sequence[int],
    relu: bool,
    y: Tensor,
    grad: Tensor,
    wanted: Sequence[bool],
) -> list[Tensor]:
    floats = [tensor.contiguous() for tensor in floats]
    y, grad = y.contiguous(), grad.contiguous()
    return _call("relational_conv_grad", floats, structure, table, relu, y, grad, wanted)


def _grad_fake(
    floats: Tensors,
    structure: Tensors,
    table: Sequence[int],
    relu: bool,
    y: Tensor,
    grad: Tensor,
    wanted: Sequence[bool],
) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor, wants in zip(floats, wanted) if wants]


def _call(
    name: str,
    floats: Tensors,
    structure: Tensors,
    table: Sequence[int],
    relu: bool,
    y: Tensor,
    grad: Tensor | None = None,
    wanted: Sequence[bool] = (),
) -> list[Tensor]:
    """Call the native function on dense floats and return the gradients of the wanted ones."""
    tables = relational.CallTable.read(table)
    partial = tables.partial(len(floats)) if wanted else ()
    grads = [
        tensor.new_zeros(tensor.shape) if place in partial else tensor.new_empty(tensor.shape)
        for place, (tensor, wants) in enumerate(zip(floats, wanted))
        if wants
    ]
    given = [tensor for tensor in structure if not tensor.is_floating_point()]
    structure, index = _alike(name, structure, tables.numbers())
    places = iter(grads)
    gradients = _addresses([next(places) if wants else None for wants in wanted]) if grads else None

    # What isn't wanted isn't walked, and so wasn't checked.
    which = name, tuple(table), tuple(tensor.data_ptr() for tensor in given), tuple(wanted)
    known = bool(_IN_RANGE.find(given, which))
    relational.call(
        name,
        tables,
        _addresses(floats),
        _addresses(structure),
        y.data_ptr() or _NOWHERE,
        relu,
        y.element_size(),
        (float_code(name, y), index, -torch.get_num_threads()),
        known,
        0 if grad is None else grad.data_ptr() or _NOWHERE,
        gradients,
    )
    counted = bool(given) and not any(tensor.is_inference() for tensor in given)  # changes in place
    if counted and not known:
        _IN_RANGE.keep(given, which, True)
    return grads


def _alike(name: str, structure: Tensors, numbers: set[int]) -> tuple[Tensors, int]:
    """Return the structure with dense arrays, ids of one type and int64 `numbers`, and the code of the ids' type."""
    ids = {i for i, t in enumerate(structure) if not (i in numbers or t.is_floating_point())}
    mixed = len({structure[i].dtype for i in ids}) > 1
    dense = [
        (tensor.long() if i in numbers or (mixed and i in ids) else tensor).contiguous()
        for i, tensor in enumerate(structure)
    ]
    return dense, id_code(name, dense[min(ids)]) if ids else 0


def _addresses(tensors: Sequence[Tensor | None]) -> np.ndarray:
    """Return the tensors' addresses and a 0; 0 for None, and no 0 for a tensor without elements."""
    found = [0 if tensor is None else tensor.data_ptr() or _NOWHERE for tensor in tensors]
    return np.array([*found, 0], np.int64)


def _gradients(
    floats: Tensors,
    structure: Tensors,
    table: Sequence[int],
    relu: bool,
    y: Tensor,
    grad: Tensor,
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradient of each float, None for those that aren't wanted."""
    if not any(wanted):
        return [None] * len(floats)
    if relu and torch.is_grad_enabled():  # relu apart, so that what is left is linear in the gradient
        grad, relu = grad * (y > 0), False
    operator = _grad.recorded if recorded(grad, *floats) else _grad.forward
    found = iter(operator(floats, structure, table, relu, y, grad, wanted))
    return [next(found) if wants else None for wants in wanted]


def _second_gradients(
    floats: Tensors,
    structure: Tensors,
    table: Sequence[int],
    y: Tensor,
    grad: Tensor,
    seeds: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> tuple[Tensor, list[Tensor | None]]:
    """Differentiate sum_i <seeds[i], gradient of floats[i]> in the gradient and in each wanted float.

    The result is linear in features and linear in the rest, so that the sum is <grad, conv> of seeds in the place of
    features, plus that of seeds in the place of the rest.
    """
    features, paired = relational.CallTable.read(table).roles()
    given = [torch.zeros_like(own) if seed is None else seed for own, seed in zip(floats, seeds)]
    nothing = [torch.zeros_like(own) for own in floats]
    places = range(len(floats))
    first = [given[i] if i in features else floats[i] if i in paired else nothing[i] for i in places]
    second = [floats[i] if i in features else given[i] for i in places]
    of_rest = [wanted[i] and i in paired for i in places]
    of_features = [wanted[i] and i in features for i in places]
    by_rest = _gradients(first, structure, table, False, y, grad, of_rest)
    by_features = _gradients(second, structure, table, False, y, grad, of_features)
    operator = conv.recorded if recorded(*first, *second) else conv.forward
    total = sum(operator(each, structure, table, *y.shape, False) for each in (first, second))
    return total, [by_features[i] if i in features else by_rest[i] for i in places]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    floats, structure, ctx.table, _, _, ctx.relu = inputs
    ctx.counts = len(floats), len(structure)
    ctx.save_for_backward(*floats, *structure, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    grads, structure = _first(ctx, grad, ctx.needs_input_grad[0])
    return grads, structure, None, None, None, None


def _first(ctx: Any, grad: Tensor, wanted: Sequence[bool]) -> tuple[list[Tensor | None], list[None]]:
    """Return the gradients of both lists of a sum over relations."""
    floats, structure, (y,) = _lists(ctx)
    return _gradients(floats, structure, ctx.table, ctx.relu, y, grad, wanted), [None] * len(structure)


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    floats, structure, ctx.table, ctx.relu, y, grad, ctx.wanted = inputs
    ctx.counts = len(floats), len(structure)
    ctx.save_for_backward(*floats, *structure, y, grad)


def _grad_backward(ctx: Any, seeds: Sequence[Tensor]) -> tuple[Any, ...]:
    total, grads, structure = _second(ctx, seeds, ctx.needs_input_grad[0])
    return grads, structure, None, None, None, total, None


def _second(
    ctx: Any, seeds: Sequence[Tensor], wanted: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None], list[None]]:
    """Return the gradients of a gradient in what it was taken of and in both lists."""
    floats, structure, (y, grad) = _lists(ctx)
    given = iter(seeds)
    placed = [next(given) if wants else None for wants in ctx.wanted]
    total, grads = _second_gradients(floats, structure, ctx.table, y, grad, placed, wanted)
    return total, grads, [None] * len(structure)


def _lists(ctx: Any) -> tuple[Tensors, Tensors, Tensors]:
    floats, structure = ctx.counts
    saved = ctx.saved_tensors
    return saved[:floats], saved[floats : floats + structure], saved[floats + structure :]


class _Conv(torch.autograd.Function):
    """relational_conv(number of floats, table, n_rows, out_dim, relu, *floats, *structure)."""

    @staticmethod
    def forward(
        count: int, table: Sequence[int], n_rows: int, out_dim: int, relu: bool, *tensors: Tensor
    ) -> Tensor:
        return conv.forward(tensors[:count], tensors[count:], table, n_rows, out_dim, relu)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        count, table, n_rows, out_dim, relu, *tensors = inputs
        _setup(ctx, (tensors[:count], tensors[count:], table, n_rows, out_dim, relu), output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        grads, structure = _first(ctx, grad, ctx.needs_input_grad[5 : 5 + ctx.counts[0]])
        return None, None, None, None, None, *grads, *structure


class _Grad(torch.autograd.Function):
    """relational_conv_grad(number of floats, table, relu, y, grad, wanted, *floats, *structure)."""

    @staticmethod
    def forward(
        count: int,
        table: Sequence[int],
        relu: bool,
        y: Tensor,
        grad: Tensor,
        wanted: Sequence[bool],
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        return tuple(_grad.forward(tensors[:count], tensors[count:], table, relu, y, grad, wanted))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        count, table, relu, y, grad, wanted, *tensors = inputs
        _grad_setup(ctx, (tensors[:count], tensors[count:], table, relu, y, grad, wanted), output)

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Any, ...]:
        total, grads, structure = _second(ctx, seeds, ctx.needs_input_grad[6 : 6 + ctx.counts[0]])
        return None, None, None, None, total, None, *grads, *structure


conv = define(
    "relational_conv(Tensor[] floats, Tensor[] structure, int[] table, int n_rows, int out_dim, bool relu)"
    " -> Tensor",
    _conv_cpu,
    _conv_fake,
    setup=_setup,
    backward=_backward,
    record=lambda floats, structure, table, n_rows, out_dim, relu: _Conv.apply(
        len(floats), table, n_rows, out_dim, relu, *floats, *structure
    ),
)
_grad = define(
    "relational_conv_grad(Tensor[] floats, Tensor[] structure, int[] table, bool relu, Tensor y, Tensor grad,"
    " bool[] wanted) -> Tensor[]",
    _grad_cpu,
    _grad_fake,
    setup=_grad_setup,
    backward=_grad_backward,
    record=lambda floats, structure, table, relu, y, grad, wanted: _Grad.apply(
        len(floats), table, relu, y, grad, wanted, *floats, *structure
    ),
)
