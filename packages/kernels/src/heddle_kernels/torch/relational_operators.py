"""The operators under relational_conv on torch: sums over relations and their gradient, each the other's derivative."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import problem
from heddle.graphs.memo import Memo
from heddle_kernels import relational
from heddle_kernels.torch.define import (
    define,
    float_code,
    id_code,
    one_by_one,
    one_level,
    recorded,
    results_one_by_one,
    total,
)

Tensors = Sequence[Tensor]

_IN_RANGE = Memo()
"""Calls that found all of their ids in range: these aren't looked at again."""

_NOWHERE = 64
"""The address of what is never read: torch has none for tensors without elements."""


def _conv_cpu(
    floats: Tensors, constants: Tensors, table: Sequence[int], n_rows: int, out_dim: int, relu: bool
) -> Tensor:
    floats = [tensor.contiguous() for tensor in floats]
    y = floats[0].new_empty((n_rows, out_dim))
    _call("relational_conv", floats, constants, table, relu, y)
    return y


def _conv_fake(
    floats: Tensors, constants: Tensors, table: Sequence[int], n_rows: int, out_dim: int, relu: bool
) -> Tensor:
    return floats[0].new_empty((n_rows, out_dim))


def _grad_cpu(
    floats: Tensors,
    constants: Tensors,
    table: Sequence[int],
    relu: bool,
    y: Tensor,
    grad: Tensor,
    wanted: Sequence[bool],
) -> list[Tensor]:
    floats = [tensor.contiguous() for tensor in floats]
    y, grad = y.contiguous(), grad.contiguous()
    return _call("relational_conv_grad", floats, constants, table, relu, y, grad, wanted)


def _grad_fake(
    floats: Tensors,
    constants: Tensors,
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
    constants: Tensors,
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
        tensor.new_zeros(tensor.shape) if position in partial else tensor.new_empty(tensor.shape)
        for position, (tensor, wants) in enumerate(zip(floats, wanted))
        if wants
    ]
    given = [tensor for tensor in constants if not tensor.is_floating_point()]
    constants, index = _alike(name, constants, tables.numbers())
    left = iter(grads)
    gradients = _addresses([next(left) if wants else None for wants in wanted]) if grads else None

    # What isn't wanted isn't walked, and so wasn't checked.
    which = name, tuple(table), tuple(tensor.data_ptr() for tensor in given), tuple(wanted)
    known = bool(_IN_RANGE.find(given, which))
    relational.call(
        name,
        tables,
        _addresses(floats),
        _addresses(constants),
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


def _alike(name: str, constants: Tensors, numbers: set[int]) -> tuple[Tensors, int]:
    """Return the constants with dense arrays, ids of one type and int64 `numbers`, and the code of the ids' type."""
    ids = {i for i, t in enumerate(constants) if not (i in numbers or t.is_floating_point())}
    mixed = len({constants[i].dtype for i in ids}) > 1
    dense = [
        (tensor.long() if i in numbers or (mixed and i in ids) else tensor).contiguous()
        for i, tensor in enumerate(constants)
    ]
    return dense, id_code(name, dense[min(ids)]) if ids else 0


def _addresses(tensors: Sequence[Tensor | None]) -> np.ndarray:
    """Return the tensors' addresses and a 0; 0 for None, and no 0 for a tensor without elements."""
    addresses = [0 if tensor is None else tensor.data_ptr() or _NOWHERE for tensor in tensors]
    return np.array([*addresses, 0], np.int64)


def _gradients(
    floats: Tensors,
    constants: Tensors,
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
    grads = iter(operator(floats, constants, table, relu, y, grad, wanted))
    return [next(grads) if wants else None for wants in wanted]


def _second_gradients(
    floats: Tensors,
    constants: Tensors,
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
    first, second = _halves(floats, seeds, features, paired)
    positions = range(len(floats))
    of_rest = [wanted[i] and i in paired for i in positions]
    of_features = [wanted[i] and i in features for i in positions]
    by_rest = _gradients(first, constants, table, False, y, grad, of_rest)
    by_features = _gradients(second, constants, table, False, y, grad, of_features)
    along = _along(floats, constants, table, y, seeds)
    return along, [by_features[i] if i in features else by_rest[i] for i in positions]


def _halves(
    floats: Tensors, seeds: Sequence[Tensor | None], features: set[int], paired: set[int]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the floats with seeds in the place of features, no biases, and with seeds in the place of the rest."""
    given = [torch.zeros_like(tensor) if seed is None else seed for tensor, seed in zip(floats, seeds)]
    nothing = [torch.zeros_like(tensor) for tensor in floats]
    positions = range(len(floats))
    first = [given[i] if i in features else floats[i] if i in paired else nothing[i] for i in positions]
    return first, [floats[i] if i in features else given[i] for i in positions]


def _along(
    floats: Tensors, constants: Tensors, table: Sequence[int], y: Tensor, seeds: Sequence[Tensor | None]
) -> Tensor:
    """Return the sum over relations, before relu, as it changes along the seeds."""
    halves = _halves(floats, seeds, *relational.CallTable.read(table).roles())
    values = [tensor for half in halves for tensor in half]
    operator = conv.recorded if recorded(*values) else conv.forward
    first, second = (operator(half, constants, table, *y.shape, False) for half in halves)
    out: Tensor = first + second
    return out


def _setup(ctx: Any, given: Any, output: Tensor) -> None:
    _keep(ctx, given.floats, given.constants, given.table, given.relu, output)


def _keep(
    ctx: Any, floats: Tensors, constants: Tensors, table: Sequence[int], relu: bool, output: Tensor
) -> None:
    ctx.table, ctx.relu, ctx.counts = table, relu, (len(floats), len(constants))
    ctx.save_for_backward(*floats, *constants, output)


def _backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    grads, constants = _first(ctx, grad, wanted.floats)
    return {"floats": grads, "constants": constants}


def _first(ctx: Any, grad: Tensor, wanted: Sequence[bool]) -> tuple[list[Tensor | None], list[None]]:
    """Return the gradients of both lists of a sum over relations."""
    floats, constants, (y,) = _lists(ctx)
    return _gradients(floats, constants, ctx.table, ctx.relu, y, grad, wanted), [None] * len(constants)


def _grad_setup(ctx: Any, given: Any, output: Any) -> None:
    ctx.table, ctx.relu, ctx.wanted = given.table, given.relu, given.wanted
    ctx.counts = len(given.floats), len(given.constants)
    ctx.save_for_backward(*given.floats, *given.constants, given.y, given.grad)


def _grad_backward(ctx: Any, wanted: Any, seeds: Sequence[Tensor]) -> dict[str, Any]:
    along, grads, constants = _second(ctx, seeds, wanted.floats)
    return {"floats": grads, "constants": constants, "grad": along}


def _second(
    ctx: Any, seeds: Sequence[Tensor], wanted: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None], list[None]]:
    """Return the gradients of a gradient in what it was taken of and in both lists."""
    floats, constants, (y, grad) = _lists(ctx)
    given = iter(seeds)
    placed = [next(given) if wants else None for wants in ctx.wanted]
    along, grads = _second_gradients(floats, constants, ctx.table, y, grad, placed, wanted)
    return along, grads, [None] * len(constants)


def _lists(ctx: Any) -> tuple[Tensors, Tensors, Tensors]:
    floats, constants = ctx.counts
    saved = ctx.saved_tensors
    return saved[:floats], saved[floats : floats + constants], saved[floats + constants :]


class _Conv(torch.autograd.Function):
    """relational_conv(number of floats, table, n_rows, out_dim, relu, *floats, *constants)."""

    @staticmethod
    def forward(
        count: int, table: Sequence[int], n_rows: int, out_dim: int, relu: bool, *tensors: Tensor
    ) -> Tensor:
        return conv.forward(tensors[:count], tensors[count:], table, n_rows, out_dim, relu)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        count, table, _, _, relu, *tensors = inputs
        _keep(ctx, tensors[:count], tensors[count:], table, relu, output)
        ctx.save_for_forward(*tensors, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        grads, constants = _first(ctx, grad, ctx.needs_input_grad[5 : 5 + ctx.counts[0]])
        return None, None, None, None, None, *grads, *constants

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        one_level("relational_conv")
        floats, constants, (y,) = _lists(ctx)
        seeds = tangents[5 : 5 + len(floats)]
        tangent = _along(floats, constants, ctx.table, y, seeds)
        return tangent * (y > 0) if ctx.relu else tangent

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Tensor, int]:
        constants = zip(in_dims[5 + arguments[0] :], arguments[5 + arguments[0] :])
        if any(dim is not None and not each.is_floating_point() for dim, each in constants):
            expected = "a batch of values on one structure"
            raise NotImplementedError(
                problem("relational_conv: vmap", "batched ids", expected, "loop over the structures")
            )
        return one_by_one(_Conv.apply, info.batch_size, in_dims, arguments)


class _Grad(torch.autograd.Function):
    """relational_conv_grad(number of floats, table, relu, y, grad, wanted, *floats, *constants)."""

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
        ctx.table, ctx.relu, ctx.wanted = table, relu, wanted
        ctx.counts = count, len(tensors) - count
        ctx.save_for_backward(*tensors, y, grad)
        ctx.save_for_forward(*tensors, y, grad)

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Any, ...]:
        along, grads, constants = _second(ctx, seeds, ctx.needs_input_grad[6 : 6 + ctx.counts[0]])
        return None, None, None, None, along, None, *grads, *constants

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, ...]:
        one_level("relational_conv_grad")
        floats, constants, (y, grad) = _lists(ctx)
        table, wanted = ctx.table, ctx.wanted
        along, seeds = tangents[4], tangents[6 : 6 + len(floats)]
        given = torch.zeros_like(grad) if along is None else along
        by_grad = _gradients(floats, constants, table, ctx.relu, y, given, wanted)
        if ctx.relu:
            grad = grad * (y > 0)
        features, paired = relational.CallTable.read(table).roles()
        first, second = _halves(floats, seeds, features, paired)
        # the gradient of a matrix is linear in features, that of a feature in matrices, that of a bias in neither
        by_first = _gradients(
            first, constants, table, False, y, grad, [w and i in paired for i, w in enumerate(wanted)]
        )
        by_second = _gradients(
            second, constants, table, False, y, grad, [w and i in features for i, w in enumerate(wanted)]
        )
        terms = zip(by_grad, by_first, by_second)
        return tuple(t for each in terms if (t := total([x for x in each if x is not None])) is not None)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        return results_one_by_one(_Grad.apply, info.batch_size, in_dims, arguments)


conv = define(
    "relational_conv",
    _conv_cpu,
    _conv_fake,
    setup=_setup,
    backward=_backward,
    record=lambda floats, constants, table, n_rows, out_dim, relu: _Conv.apply(
        len(floats), table, n_rows, out_dim, relu, *floats, *constants
    ),
)
_grad = define(
    "relational_conv_grad",
    _grad_cpu,
    _grad_fake,
    setup=_grad_setup,
    backward=_grad_backward,
    record=lambda floats, constants, table, relu, y, grad, wanted: _Grad.apply(
        len(floats), table, relu, y, grad, wanted, *floats, *constants
    ),
)
