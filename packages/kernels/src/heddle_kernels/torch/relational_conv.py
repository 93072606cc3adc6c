"""relational_conv on torch: a sum over relations in one call, and its gradient in another, each the other's derivative."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import array_api_compat.torch
import numpy as np
import torch
from torch import Tensor

from heddle.ops import GraphOps
from heddle.relational.bundle import Bundle
from heddle_kernels import relational
from heddle_kernels.torch.define import define, float_code, id_code, recorded

Tensors = Sequence[Tensor]

_NOWHERE = 64
"""The address of what is never read: torch has none for tensors without elements."""


def relational_conv(
    bundles: Sequence[tuple[str, Bundle]],
    x: Mapping[str, Tensor | None],
    weights: Tensor | Tensors,
    roots: Mapping[str, Tensor],
    biases: Mapping[str, Tensor],
    activation: str = "none",
) -> dict[str, Tensor]:
    """Return y[t] = activation of x[t] roots[t] + biases[t] + sum over relations r into t of A_r x[s] W_r.

    The arguments and the result are those of `heddle.relational.conv.relational_conv`, as CPU tensors; bfloat16 and
    float16 are computed in float32. relu is taken natively, other activations afterwards.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    compiling = torch.compiler.is_compiling()
    asked = relational.request(bundles, x, weights, roots, biases, activation == "relu", compiling)
    if not asked.rows:
        return {}
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in asked.floats))
    wide = torch.promote_types(dtype, torch.float32)
    floats = [tensor.to(wide) for tensor in asked.floats]
    structure = [tensor.to(wide) if tensor.is_floating_point() else tensor for tensor in asked.structure]
    layout = torch.tensor(asked.layout)
    operator = _conv.recorded if recorded(*floats) else _conv.forward
    y = operator(floats, structure, layout, sum(asked.rows.values()), asked.out_dim).to(dtype)
    if activation != "relu":
        y = _Activations().activate(y, activation)
    return dict(zip(asked.rows, y.split(list(asked.rows.values()))))


class _Activations(GraphOps):
    xp = array_api_compat.torch


def _conv_cpu(floats: Tensors, structure: Tensors, layout: Tensor, n_rows: int, out_dim: int) -> Tensor:
    floats = [tensor.contiguous() for tensor in floats]
    y = floats[0].new_empty((n_rows, out_dim))
    _call("heddle_relational_conv", floats, structure, layout, y)
    return y


def _conv_fake(floats: Tensors, structure: Tensors, layout: Tensor, n_rows: int, out_dim: int) -> Tensor:
    return floats[0].new_empty((n_rows, out_dim))


def _grad_cpu(
    floats: Tensors, structure: Tensors, layout: Tensor, y: Tensor, grad: Tensor, wanted: Sequence[bool]
) -> list[Tensor]:
    floats, grads = [tensor.contiguous() for tensor in floats], _grad_fake(floats, structure, layout, y, grad, wanted)
    _call("heddle_relational_conv_grad", floats, structure, layout, y.contiguous(), grad.contiguous(), wanted, grads)
    return grads


def _grad_fake(
    floats: Tensors, structure: Tensors, layout: Tensor, y: Tensor, grad: Tensor, wanted: Sequence[bool]
) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor, wants in zip(floats, wanted) if wants]


def _call(
    name: str,
    floats: Tensors,
    structure: Tensors,
    layout: Tensor,
    y: Tensor,
    grad: Tensor | None = None,
    wanted: Sequence[bool] = (),
    grads: Tensors = (),
) -> None:
    """Call the native function on dense floats; `grads` are those of the wanted ones."""
    structure = [tensor.contiguous() for tensor in structure]
    ids = [tensor for tensor in structure if not tensor.is_floating_point()]
    index = id_code(name, ids[0]) if ids else 0
    if any(tensor.dtype != ids[0].dtype for tensor in ids):
        structure = [tensor if tensor.is_floating_point() else tensor.long() for tensor in structure]
        index = id_code(name, structure[0])
    places = iter(grads)
    relational.call(
        name,
        relational.Layout.read(layout.numpy()),
        _addresses(floats),
        _addresses(structure),
        y.data_ptr() or _NOWHERE,
        y.element_size(),
        (float_code(name, y), index, torch.get_num_threads()),
        0 if grad is None else grad.data_ptr() or _NOWHERE,
        _addresses([next(places) if wants else None for wants in wanted]) if grads else None,
    )


def _addresses(tensors: Sequence[Tensor | None]) -> np.ndarray:
    """Return the tensors' addresses and a 0; 0 for None, and no 0 for a tensor without elements."""
    found = [0 if tensor is None else tensor.data_ptr() or _NOWHERE for tensor in tensors]
    return np.array([*found, 0], np.int64)


def _gradients(
    floats: Tensors, structure: Tensors, layout: Tensor, y: Tensor, grad: Tensor, wanted: Sequence[bool]
) -> list[Tensor | None]:
    """Return the gradient of each float, None for those that aren't wanted."""
    if not any(wanted):
        return [None] * len(floats)
    if layout[5] and torch.is_grad_enabled():  # relu apart, so that what is left is linear in the gradient
        grad = grad * (y > 0)
        layout = layout.clone()
        layout[5] = 0
    operator = _grad.recorded if recorded(grad, *floats) else _grad.forward
    found = iter(operator(floats, structure, layout, y, grad, wanted))
    return [next(found) if wants else None for wants in wanted]


def _second_gradients(
    floats: Tensors,
    structure: Tensors,
    layout: Tensor,
    y: Tensor,
    grad: Tensor,
    seeds: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> tuple[Tensor, list[Tensor | None]]:
    """Differentiate sum_i <seeds[i], gradient of floats[i]> in the gradient and in each wanted float.

    The result is linear in features and linear in the rest, so that the sum is <grad, conv> of seeds in the place of
    features, plus that of seeds in the place of the rest.
    """
    features, paired = relational.Layout.read(layout.numpy()).roles()
    seeds = [torch.zeros_like(own) if seed is None else seed for own, seed in zip(floats, seeds)]
    nothing = [torch.zeros_like(own) for own in floats]
    places = range(len(floats))
    first = [seeds[i] if i in features else floats[i] if i in paired else nothing[i] for i in places]
    second = [floats[i] if i in features else seeds[i] for i in places]
    by_rest = _gradients(first, structure, layout, y, grad, [wanted[i] and i in paired for i in places])
    by_features = _gradients(second, structure, layout, y, grad, [wanted[i] and i in features for i in places])
    operator = _conv.recorded if recorded(*first, *second) else _conv.forward
    total = sum(operator(each, structure, layout, *y.shape) for each in (first, second))
    return total, [by_features[i] if i in features else by_rest[i] for i in places]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    floats, structure, layout, _, _ = inputs
    ctx.counts = len(floats), len(structure)
    ctx.save_for_backward(*floats, *structure, layout, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    floats, structure, (layout, y) = _lists(ctx)
    grads = _gradients(floats, structure, layout, y, grad, ctx.needs_input_grad[0])
    return grads, [None] * len(structure), None, None, None


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    floats, structure, layout, y, grad, ctx.wanted = inputs
    ctx.counts = len(floats), len(structure)
    ctx.save_for_backward(*floats, *structure, layout, y, grad)


def _grad_backward(ctx: Any, seeds: Sequence[Tensor]) -> tuple[Any, ...]:
    floats, structure, rest = _lists(ctx)
    given = iter(seeds)
    placed = [next(given) if wants else None for wants in ctx.wanted]
    total, grads = _second_gradients(floats, structure, *rest, placed, ctx.needs_input_grad[0])
    return grads, [None] * len(structure), None, None, total, None


def _lists(ctx: Any) -> tuple[Tensors, Tensors, Tensors]:
    floats, structure = ctx.counts
    saved = ctx.saved_tensors
    return saved[:floats], saved[floats : floats + structure], saved[floats + structure :]


class _Conv(torch.autograd.Function):
    """relational_conv(number of floats, layout, n_rows, out_dim, *floats, *structure)."""

    @staticmethod
    def forward(count: int, layout: Tensor, n_rows: int, out_dim: int, *tensors: Tensor) -> Tensor:
        return _conv.forward(tensors[:count], tensors[count:], layout, n_rows, out_dim)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        count, layout, n_rows, out_dim, *tensors = inputs
        _setup(ctx, (tensors[:count], tensors[count:], layout, n_rows, out_dim), output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        floats, structure, (layout, y) = _lists(ctx)
        wanted = ctx.needs_input_grad[4 : 4 + len(floats)]
        grads = _gradients(floats, structure, layout, y, grad, wanted)
        return None, None, None, None, *grads, *[None] * len(structure)


class _Grad(torch.autograd.Function):
    """relational_conv_grad(number of floats, layout, y, grad, wanted, *floats, *structure)."""

    @staticmethod
    def forward(
        count: int, layout: Tensor, y: Tensor, grad: Tensor, wanted: Sequence[bool], *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        return tuple(_grad.forward(tensors[:count], tensors[count:], layout, y, grad, wanted))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        count, layout, y, grad, wanted, *tensors = inputs
        _grad_setup(ctx, (tensors[:count], tensors[count:], layout, y, grad, wanted), output)

    @staticmethod
    def backward(ctx: Any, *seeds: Tensor) -> tuple[Any, ...]:
        floats, structure, rest = _lists(ctx)
        given = iter(seeds)
        placed = [next(given) if wants else None for wants in ctx.wanted]
        wanted = ctx.needs_input_grad[5 : 5 + len(floats)]
        total, grads = _second_gradients(floats, structure, *rest, placed, wanted)
        return None, None, None, total, None, *grads, *[None] * len(structure)


_conv = define(
    "relational_conv(Tensor[] floats, Tensor[] structure, Tensor layout, int n_rows, int out_dim) -> Tensor",
    _conv_cpu,
    _conv_fake,
    setup=_setup,
    backward=_backward,
    record=lambda floats, structure, layout, n_rows, out_dim: _Conv.apply(
        len(floats), layout, n_rows, out_dim, *floats, *structure
    ),
)
_grad = define(
    "relational_conv_grad(Tensor[] floats, Tensor[] structure, Tensor layout, Tensor y, Tensor grad, bool[] wanted)"
    " -> Tensor[]",
    _grad_cpu,
    _grad_fake,
    setup=_grad_setup,
    backward=_grad_backward,
    record=lambda floats, structure, layout, y, grad, wanted: _Grad.apply(
        len(floats), layout, y, grad, wanted, *floats, *structure
    ),
)
