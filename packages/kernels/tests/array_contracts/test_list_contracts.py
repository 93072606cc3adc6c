"""The contracts of test_torch_contracts.py for operators on lists: sums over relations, steps of recurrent cells."""

from typing import Any

import pytest
import torch
from relational_cases import Native, bundles, draw, make_graph, make_layer
from torch.autograd import forward_ad
from torch.func import grad, jacfwd, jacrev, jvp, vmap
from torch.utils.checkpoint import checkpoint

from heddle_kernels.torch.cells import cell

ONE_SENTENCE = r"^[^\n]+: found [^\n]+, expected [^\n]+; [^\n]+$"


def relational(activation: str, join: Any = torch.cat) -> tuple[Any, list[torch.Tensor]]:
    """Return a sum over relations, its results put together by `join`, as a function of its values, and values."""
    layer, graph = make_layer("narrow"), make_graph()
    prepared = bundles(layer, graph, "auto", torch.float64)
    params, x = draw(layer, graph, torch.float64)
    features = [node_type for node_type, value in x.items() if value is not None and value.numel()]

    def run(*given: torch.Tensor) -> torch.Tensor:
        values = dict(zip(params, given))
        nodes = x | dict(zip(features, given[len(params) :]))
        y = layer.apply_bundles(Native(), values, prepared, nodes, activation=activation)
        return join([y[node_type].flatten() for node_type in sorted(y)])

    return run, [*params.values(), *(x[node_type] for node_type in features)]


def lstm() -> tuple[Any, list[torch.Tensor]]:
    torch.manual_seed(0)
    shapes = ((5, 12), (5, 3), (5, 4), (4, 12))
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def run(base: torch.Tensor, c: torch.Tensor, term: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        h, new = cell.lstm_step(base * 1, c, None, [term], [matrix])
        return torch.cat((h, new))

    return run, given


def gru() -> tuple[Any, list[torch.Tensor]]:
    torch.manual_seed(0)
    shapes = ((5, 6), (5, 3), (5, 4), (4, 6), (5, 3), (4, 3))
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def run(base: Any, h: Any, term: Any, matrix: Any, second: Any, last: Any) -> torch.Tensor:
        reset, z = cell.gru_gates(base * 1, h, [term], [matrix])
        return cell.gru_output(second * 1, z, h, [reset, term], [last[:3], last])

    return run, given


MAKE = {
    "relational": lambda: relational("none"),
    "relu": lambda: relational("relu"),
    "lstm": lstm,
    "gru": gru,
}


@pytest.fixture(params=MAKE)
def case(request: pytest.FixtureRequest) -> tuple[str, Any, list[torch.Tensor]]:
    """Give each of them: name, function, values."""
    return request.param, *MAKE[request.param]()


def test_checkpoint_and_hooks(case):
    _, run, given = case
    expected = torch.autograd.grad(run(*given).pow(2).sum(), given)
    actual = torch.autograd.grad(checkpoint(run, *given, use_reentrant=False).pow(2).sum(), given)
    torch.testing.assert_close(actual, expected)
    seen: list[int] = []
    kept: list[torch.Tensor] = []

    def pack(tensor: torch.Tensor) -> int:
        kept.append(tensor.detach().clone())
        return len(kept) - 1

    with torch.autograd.graph.saved_tensors_hooks(
        pack, lambda position: seen.append(position) or kept[position]
    ):
        out = run(*given).pow(2).sum()
    actual = torch.autograd.grad(out, given)
    torch.testing.assert_close(actual, expected)
    assert len(seen) == len(set(seen)), "a saved tensor was read twice"


def test_lazily_negated(case):
    _, run, given = case
    values = [tensor.detach() for tensor in given]
    actual, expected = run(*map(torch._neg_view, values)), run(*(-tensor for tensor in values))
    torch.testing.assert_close(actual, expected)


def test_complex_is_refused(case):
    _, run, given = case
    with pytest.raises(TypeError, match=ONE_SENTENCE):
        run(*(torch.complex(tensor.detach(), tensor.detach()) for tensor in given))


def test_autocast(case):
    _, run, given = case
    values = [tensor.detach().float() for tensor in given]
    expected = run(*values)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = run(values[0].bfloat16(), *values[1:])
    torch.testing.assert_close(actual.double(), expected.double(), rtol=0.05, atol=0.05)


def test_forward_mode(case):
    name, run, given = case
    values = tuple(tensor.detach() for tensor in given)
    tangents = tuple(tensor.sin() for tensor in values)
    if name in ("lstm", "gru"):
        with (
            forward_ad.dual_level(),
            pytest.raises(NotImplementedError, match="found forward mode, expected"),
        ):
            run(*map(forward_ad.make_dual, values, tangents))
        return
    with forward_ad.dual_level():
        actual = forward_ad.unpack_dual(run(*map(forward_ad.make_dual, values, tangents))).tangent
    out = run(*given)
    cotangent = out.detach().cos()
    back = torch.autograd.grad(out, given, cotangent)
    torch.testing.assert_close((actual * cotangent).sum(), sum((g * t).sum() for g, t in zip(back, tangents)))


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_forward_over_reverse_is_reverse_over_reverse(activation):
    run, given = relational(activation)
    values, places = tuple(tensor.detach() for tensor in given), tuple(range(len(given)))
    tangents = tuple(tensor.sin() for tensor in values)

    def loss(*x: torch.Tensor) -> torch.Tensor:
        return run(*x).pow(3).sum()

    _, actual = jvp(grad(loss, places), values, tangents)
    first = torch.autograd.grad(loss(*given), given, create_graph=True)
    expected = torch.autograd.grad(sum((g * t).sum() for g, t in zip(first, tangents)), given)
    torch.testing.assert_close(tuple(actual), expected)


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("transform", [vmap, jacrev, jacfwd])
def test_a_step_under_torch_func_is_refused(name, transform):
    run, given = MAKE[name]()
    batch = [torch.stack([tensor.detach()] * 2) for tensor in given]
    with pytest.raises(NotImplementedError, match=ONE_SENTENCE):
        transform(run)(*batch)


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_vmap_over_relations(activation):
    """Values, gradients and second derivatives of a batch of weights and features are those of each."""
    run, given = relational(activation)
    batch = [torch.stack([tensor.detach() * (1 + i / 7) for i in range(3)]) for tensor in given]
    places = tuple(range(len(given)))

    def loss(*values: torch.Tensor) -> torch.Tensor:
        return run(*values).pow(3).sum()

    def along(*values: torch.Tensor) -> torch.Tensor:
        return sum(each.sin().sum() for each in grad(loss, places)(*values))

    for function in (lambda *values: (run(*values),), grad(loss, places), grad(along, places)):
        expected = [function(*values) for values in zip(*batch)]
        torch.testing.assert_close(vmap(function)(*batch), tuple(map(torch.stack, zip(*expected))))


def test_vmap_over_no_examples():
    run, given = relational("relu", join=tuple)
    expected = run(*(tensor.detach() for tensor in given))
    actual = vmap(run)(*(tensor.detach()[None][:0] for tensor in given))
    assert [each.shape for each in actual] == [(0, *each.shape) for each in expected]


def test_vmap_over_weights_alone():
    run, given = relational("none")
    first, *others = (tensor.detach() for tensor in given)
    batch = torch.stack([first, 2 * first], -1)
    actual = vmap(lambda weight: run(weight, *others), in_dims=-1, out_dims=1)(batch)
    torch.testing.assert_close(actual, torch.stack([run(first, *others), run(2 * first, *others)], 1))
