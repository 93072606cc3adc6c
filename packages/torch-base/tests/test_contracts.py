"""What users of torch do around ops and layers of TorchOps without kernels: right, or refused in one sentence."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, jacfwd, jvp, vmap
from torch.utils.checkpoint import checkpoint

from heddle.graphs.pytree import leaves, tree_map
from heddle.ops.graph_ops import GraphOps
from heddle.testing.cases.ops import op_cases
from heddle.testing.suites.layer_runs import function_of, run_of
from heddle.testing.suites.layers import RUNS
from heddle_torch.arrays.features import as_features
from heddle_torch.arrays.ops import TorchOps

OPS = TorchOps()
ONE_SENTENCE = r"^[^\n]+: found [^\n]+, expected [^\n]+; [^\n]+$"
NO_ARRAYS = {"asarray", "stop_gradient", "widened", "graph_ids", "split", "matmul", "degree"}
"""Members of GraphOps that torch computes by a single operation of its own, or that take no floats."""


class Case(NamedTuple):
    """An op or a layer on the floats of its table.

    Attributes:
        call: (*floats) -> tuple of tensors.
        floats: float64.
        linear: whether it is linear, or bilinear, so that complex floats are right.
    """

    call: Callable[..., tuple[Tensor, ...]]
    floats: tuple[Tensor, ...]
    linear: bool = False


def put(pytree: Any) -> Any:
    """Return numpy arrays as tensors, floats in float64."""
    arrays = tree_map(np.asarray, pytree)
    return tree_map(lambda x: torch.from_numpy(x.astype(float) if x.dtype.kind == "f" else x.copy()), arrays)


def ops() -> dict[str, Case]:
    """Return every op of the table on one structure, with one axis of features and with two."""
    cases = {}
    for case in op_cases():
        op, structure, variant = case.name.split("/")
        if (structure, variant) in {("odd", "3"), ("odd", "2x3"), ("odd", "3x2")} or variant == "moderate":
            indices = put(case.indices)

            def call(*x: Tensor, case: Any = case, indices: Any = indices) -> tuple[Tensor, ...]:
                return (case.apply(OPS, indices, *x),)

            name = f"{op}_{structure}" if op == "activate" else f"{op}_{variant}"
            linear = op in ("gather", "segment_sum", "segment_mean", "segment_matmul") or op.startswith("sp")
            cases[name] = Case(call, tuple(put(case.floats)), linear)
    return cases


def layers() -> dict[str, Case]:
    """Return every portable layer, as a function of its parameters and features."""
    cases = {}
    for name in RUNS:
        layer, _, graph = name.rpartition("-")
        if graph in ("odd", "hetero_featured"):
            run = run_of(*RUNS[name])
            function = function_of(run, OPS, put(run.graph), put(run.prepared))
            cases[layer] = Case(
                lambda *x, function=function: tuple(leaves(function(*x))), tuple(put(run.floats))
            )
    return cases


OP_CASES, LAYER_CASES = ops(), layers()
CASES = OP_CASES | LAYER_CASES
each = pytest.mark.parametrize("name", CASES)
each_op = pytest.mark.parametrize("name", OP_CASES)


def scalar(case: Case) -> Callable[..., Tensor]:
    return lambda *x: sum(out.sin().sum() for out in case.call(*x))


def wanting(case: Case) -> tuple[Tensor, ...]:
    return tuple(x.clone().requires_grad_() for x in case.floats)


def gradients(case: Case, x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    x = tuple(tensor.detach().clone().requires_grad_() for tensor in x)
    return torch.autograd.grad(scalar(case)(*x), x, materialize_grads=True)


def same(actual: Any, expected: Any, **tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, **tolerance)


def test_every_primitive_is_here(monkeypatch: pytest.MonkeyPatch):
    members = {name for name in vars(GraphOps) if not name.startswith("_")} - {"xp"} - NO_ARRAYS
    seen = set()
    for name in members:
        inner = getattr(TorchOps, name)

        def spied(self, *args: Any, name: str = name, inner: Any = inner, **kwargs: Any) -> Any:
            seen.add(name)
            return inner(self, *args, **kwargs)

        monkeypatch.setattr(TorchOps, name, spied)
    for case in CASES.values():
        case.call(*case.floats)
    assert seen == members


@each
@pytest.mark.parametrize("size", [0, 2])
def test_vmap(name: str, size: int):
    case = CASES[name]
    if size:
        batch = [torch.stack([x * (i + 1) for i in range(size)]) for x in case.floats]
    else:
        batch = [x[None][:0] for x in case.floats]
    count, expected = len(batch), case.call(*case.floats)
    for in_dims in ((0,) * count, (0, *(None,) * (count - 1))):
        mixed = [b if d == 0 else x for b, x, d in zip(batch, case.floats, in_dims)]
        actual = vmap(case.call, in_dims)(*mixed)
        assert [out.shape for out in actual] == [(size, *out.shape) for out in expected]
        for i in range(size):
            alone = case.call(*(m[i] if d == 0 else m for m, d in zip(mixed, in_dims)))
            same(tuple(out[i] for out in actual), alone)


@each
def test_gradients_of_a_batch(name: str):
    case = CASES[name]
    batch = [torch.stack([x, -x]) for x in case.floats]
    actual = vmap(grad(scalar(case), tuple(range(len(batch)))))(*batch)
    for i in range(2):
        same(tuple(g[i] for g in actual), gradients(case, tuple(x[i] for x in batch)))


@each
def test_forward_mode(name: str):
    case = CASES[name]
    tangents = tuple(x.sin() for x in case.floats)
    value, actual = jvp(scalar(case), case.floats, tangents)
    same(value, scalar(case)(*case.floats))
    same(actual, sum((g * t).sum() for g, t in zip(gradients(case, case.floats), tangents)))
    with forward_ad.dual_level():
        out = scalar(case)(*map(forward_ad.make_dual, case.floats, tangents))
        tangent = forward_ad.unpack_dual(out).tangent
        same(torch.zeros_like(out) if tangent is None else tangent, actual)


@each_op
def test_second_derivatives(name: str):
    """Forward over reverse, forward over forward, reverse over forward: all are reverse over reverse."""
    case, loss = CASES[name], scalar(CASES[name])
    tangents, every = tuple(x.cos() for x in case.floats), tuple(range(len(case.floats)))
    x = wanting(case)
    first = torch.autograd.grad(loss(*x), x, create_graph=True, materialize_grads=True)
    slope = sum((g * t).sum() for g, t in zip(first, tangents))
    expected = torch.autograd.grad(slope, x, materialize_grads=True)

    def along(*x: Tensor) -> Tensor:
        return jvp(loss, x, tangents)[1]

    def both(gradient: tuple[Tensor, ...]) -> Tensor:
        return sum((g * t).sum() for g, t in zip(gradient, tangents))

    same(jvp(grad(loss, every), case.floats, tangents)[1], expected)
    same(grad(along, every)(*case.floats), expected)
    same(jvp(along, case.floats, tangents)[1], both(expected))


@each_op
def test_checkpoint(name: str):
    case, packed, unpacked = CASES[name], [], []
    x = wanting(case)

    def pack(tensor: Tensor) -> int:
        packed.append(tensor.detach().clone())
        return len(packed) - 1

    def unpack(position: int) -> Tensor:
        unpacked.append(position)
        return packed[position]

    again = Case(lambda *x: checkpoint(case.call, *x, use_reentrant=False), x)
    if scalar(case)(*x).requires_grad:
        same(gradients(again, x), gradients(case, x))
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            out = scalar(case)(*x)
        torch.autograd.grad(out, x, allow_unused=True)
        assert len(unpacked) == len(set(unpacked)), "a saved tensor was read twice"


@each_op
def test_lazily_negated_and_conjugated(name: str):
    case = CASES[name]
    same(case.call(*map(torch._neg_view, case.floats)), case.call(*(-x for x in case.floats)))
    lazy = [torch.complex(x, x).conj().imag for x in case.floats]
    assert all(x.is_neg() for x in lazy)
    same(gradients(case, tuple(lazy)), gradients(case, tuple(-x for x in case.floats)))


@each_op
def test_complex_is_right_or_refused(name: str):
    case = CASES[name]
    x = [torch.complex(x, -2 * x).requires_grad_() for x in case.floats]
    try:
        case.call(*x)
    except TypeError as error:
        assert not case.linear and re.match(ONE_SENTENCE, str(error)), error
        return
    assert torch.autograd.gradcheck(case.call, x, fast_mode=True)


def test_sparse_features_under_transforms():
    """A constant matrix that is mostly zero, times a batch of weights."""
    dense = torch.zeros(400, 200)
    dense[::7, ::5] = 2.0
    x = as_features(dense)
    assert type(x) is not Tensor
    weights = torch.randn(2, 200, 3)
    same(vmap(lambda w: x @ w)(weights), vmap(lambda w: dense @ w)(weights))
    same(jacfwd(lambda w: (x @ w).sum())(weights[0]), dense.sum(0)[:, None].expand(200, 3))
