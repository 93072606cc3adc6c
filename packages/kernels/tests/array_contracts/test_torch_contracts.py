"""What users of torch do around an op, held by every op: ops x contracts, each right or refused in a sentence."""

import copy
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from contract_cases import CASES, RECEIVERS, Case, adjacency, values
from torch.autograd import forward_ad
from torch.func import hessian, jacfwd, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint

import heddle_kernels.torch as kernels
from heddle.errors import GraphError
from heddle.graphs.adjacency import Adjacency
from heddle_kernels.calls.tables import OPERATORS
from heddle_kernels.cuda import library
from heddle_kernels.torch import define

FACE = SimpleNamespace(**{name: getattr(kernels, name) for name in kernels.__all__}, cat=torch.cat)
ONE_SENTENCE = r"^[^\n]+: found [^\n]+, expected [^\n]+; [^\n]+$"

ELSEWHERE = {
    "index_sort": "has no gradient: test_torch.py",
    "build_adjacency": "has no gradient: test_torch.py",
    "relational_conv": "test_list_contracts.py",
    "relational_conv_grad": "test_list_contracts.py",
    "lstm_step": "test_list_contracts.py",
    "lstm_step_grad": "test_list_contracts.py",
    "gru_gates": "test_list_contracts.py",
    "gru_gates_grad": "test_list_contracts.py",
    "gru_output": "test_list_contracts.py",
    "gru_output_grad": "test_list_contracts.py",
}
"""Operators and functions that have their contracts elsewhere, and where."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Give every form of every op."""
    return CASES[request.param]


def edges(ids: type = np.int64) -> Adjacency:
    return Adjacency(*map(torch.from_numpy, adjacency(ids)))


def function(case: Case, ids: type = np.int64) -> Any:
    """Return a case as a function of its values alone."""
    arrays, segments = edges(ids), torch.from_numpy(RECEIVERS.astype(ids))
    return lambda *given: case.call(FACE, arrays, segments, *given)


def tensors(case: Case, dtype: torch.dtype = torch.float64, grad: bool = True) -> list[torch.Tensor]:
    return [torch.from_numpy(x).to(dtype).requires_grad_(grad) for x in values(case)]


def gradients(out: torch.Tensor, given: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(out.pow(2).sum(), given)


def same(actual: Any, expected: Any, **tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, **tolerance)


def test_every_op_is_here():
    covered = {name for case in CASES.values() for name in case.operators}
    assert covered | {*ELSEWHERE} >= {*OPERATORS} and not covered & {*ELSEWHERE}
    faces = {case.face for case in CASES.values()}
    assert faces | {*ELSEWHERE} >= {*kernels.__all__}


def test_every_case_goes_through_its_operators(case: Case, monkeypatch: pytest.MonkeyPatch):
    seen = set()
    for name, operator in define.DEFINED.items():

        def spied(*arguments: Any, name: str = name, inner: Any = operator) -> Any:
            seen.add(name)
            return inner.recorded(*arguments)

        monkeypatch.setitem(define.DEFINED, name, define.Operator(spied, spied))
    given = tensors(case)
    gradients(function(case)(*given), given)
    assert {*case.operators} - {"spmm_max", "spmm", "sddmm"} <= seen


def test_checkpoint(case: Case):
    run, given = function(case), tensors(case)
    expected = gradients(run(*given), given)
    for reentrant in (False, True):
        out = checkpoint(run, *given, use_reentrant=reentrant)
        for tensor in given:
            tensor.grad = None
        out.pow(2).sum().backward()
        same(tuple(tensor.grad for tensor in given), expected)


def test_what_is_saved_is_read_once(case: Case):
    run, given, packed, unpacked = function(case), tensors(case), [], []

    def pack(tensor: torch.Tensor) -> int:
        packed.append(tensor.detach().clone())
        return len(packed) - 1

    def unpack(position: int) -> torch.Tensor:
        unpacked.append(position)
        return packed[position]

    expected = gradients(run(*given), given)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        out = run(*given)
    actual = torch.autograd.grad(out.sum(), given, retain_graph=True)
    assert len(unpacked) == len(set(unpacked)), "a saved tensor was read twice"
    same(actual, torch.autograd.grad(run(*given).sum(), given))
    same(gradients(out, given), expected)


def test_lazily_negated_and_conjugated(case: Case):
    run, given = function(case), tensors(case, grad=False)
    same(run(*map(torch._neg_view, given)), run(*(-tensor for tensor in given)))
    lazy = [torch.complex(tensor, tensor).conj().imag for tensor in given]
    assert all(tensor.is_neg() for tensor in lazy)
    same(run(*lazy), run(*(tensor.resolve_neg() for tensor in lazy)))
    ids = torch._neg_view(-torch.from_numpy(RECEIVERS))
    same(case.call(FACE, edges(), ids, *given), run(*given))
    lazy = [tensor.detach().requires_grad_() for tensor in lazy]
    grads = torch.autograd.grad(run(*lazy), lazy, torch._neg_view(torch.ones_like(run(*lazy))))
    same(grads, torch.autograd.grad(run(*lazy), lazy, -torch.ones_like(run(*lazy))))


def test_complex_is_right_or_refused(case: Case):
    run, real = function(case), tensors(case, grad=False)
    given = [torch.complex(tensor, -2 * tensor).requires_grad_() for tensor in real]
    if not case.linear:
        with pytest.raises(TypeError, match=ONE_SENTENCE):
            run(*given)
        return
    out = run(*(tensor.conj() for tensor in given))
    same(out.real, run(*real))
    same(out.imag, run(*(2 * tensor for tensor in real)))
    assert all(g.is_complex() and g.abs().min() > 0 for g in torch.autograd.grad(out.abs().sum(), given))


def test_autocast(case: Case):
    run = function(case)
    given = tensors(case, torch.float32)
    expected = run(*given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = [given[0].bfloat16(), *given[1:]]
        out = run(*mixed)
        alike = run(*given)
    assert alike.dtype == (torch.bfloat16 if case.product else torch.float32)
    same(out.float(), expected, rtol=0.03, atol=0.03)
    same(alike.float(), expected, rtol=0.03, atol=0.03)
    assert all(g.dtype == torch.float32 for g in torch.autograd.grad(alike.float().sum(), given))
    double = tensors(case)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert run(*double).dtype == torch.float64


def test_forward_mode(case: Case):
    run, given = function(case), tensors(case)
    tangents = [tensor.detach().sin() for tensor in given]
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x.detach(), t) for x, t in zip(given, tangents)]
        actual = forward_ad.unpack_dual(run(*duals)).tangent
    out = run(*given)
    cotangent = out.detach().cos()
    back = torch.autograd.grad(out, given, cotangent)
    assert actual is not None and actual.shape == out.shape
    same((actual * cotangent).sum(), sum((g * t).sum() for g, t in zip(back, tangents)))


def test_forward_mode_of_one_value_alone(case: Case):
    run, given = function(case), tensors(case, grad=False)
    for position, value in enumerate(given):
        with forward_ad.dual_level():
            duals = [*given]
            duals[position] = forward_ad.make_dual(value, torch.ones_like(value))
            actual = forward_ad.unpack_dual(run(*duals)).tangent
        _, expected = torch.func.jvp(
            lambda x, at=position: run(*given[:at], x, *given[at + 1 :]), (value,), (torch.ones_like(value),)
        )
        same(actual, expected)


def test_jacobians_and_hessians(case: Case):
    run, given = function(case), tuple(tensors(case, grad=False))
    places = tuple(range(len(given)))
    same(jacfwd(run, places)(*given), jacrev(run, places)(*given))

    def loss(*values: torch.Tensor) -> torch.Tensor:
        return run(*values).pow(3).sum()

    actual = hessian(loss, places)(*given)
    same(actual, jacrev(jacrev(loss, places), places)(*given))
    same(actual, jacrev(jacfwd(loss, places), places)(*given))
    with pytest.raises(NotImplementedError, match=ONE_SENTENCE):  # torch drops the outer tangents
        jacfwd(jacfwd(loss, places), places)(*given)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_vmap(case: Case, size: int):
    run, given = function(case), tensors(case, grad=False)
    batch = [
        torch.stack([tensor * (i + 1) for i in range(size)]) if size else tensor[None][:0] for tensor in given
    ]
    for in_dims in ((0,) * len(given), (0, *(None,) * (len(given) - 1))):
        mixed = [b if d == 0 else g for b, g, d in zip(batch, given, in_dims)]
        actual = vmap(run, in_dims)(*mixed)
        assert actual.shape == (size, *run(*given).shape)
        for i in range(size):
            same(actual[i], run(*(m[i] if d == 0 else m for m, d in zip(mixed, in_dims))))


def test_batched_ids_are_refused_or_right(case: Case):
    given, ids = tensors(case, grad=False), torch.from_numpy(np.stack([RECEIVERS, RECEIVERS[::-1]]))
    arrays = edges()

    def run(segments: torch.Tensor) -> torch.Tensor:
        return case.call(FACE, arrays, segments, *given)

    try:
        actual = vmap(run)(ids)
    except NotImplementedError as error:
        assert re.match(ONE_SENTENCE, str(error))
    else:
        same(actual, torch.stack([run(each) for each in ids]))


def test_deepcopy_of_a_module(case: Case):
    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.values = torch.nn.ParameterList(tensors(case))
            self.edges, self.ids = edges(), torch.from_numpy(RECEIVERS)

        def forward(self) -> torch.Tensor:
            return case.call(FACE, self.edges, self.ids, *self.values)

    layer = Layer()
    layer().sum().backward()
    twin = copy.deepcopy(layer)
    same(twin(), layer())
    twin.zero_grad()
    twin().sum().backward()
    same([p.grad for p in twin.parameters()], [p.grad for p in layer.parameters()])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # which torch itself looks at
def test_compiled_autograd(case: Case):
    from torch._dynamo import compiled_autograd

    run, given = function(case), tensors(case)
    expected = gradients(run(*given), given)
    with compiled_autograd._enable(lambda graph: graph):
        run(*given).pow(2).sum().backward()
    same(tuple(tensor.grad for tensor in given), expected)


@pytest.mark.parametrize("ids", [np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64, np.int32])
def test_ids_of_any_type_are_right_or_refused(case: Case, ids: type):
    given = tensors(case, grad=False)
    try:
        out = function(case, ids)(*given)
    except TypeError as error:
        assert re.match(ONE_SENTENCE, str(error))
    else:
        same(out, function(case)(*given))


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Give each kind of device that streams and captures are tried on."""
    if request.param == "cuda":
        missing = library.unavailable() if torch.cuda.is_available() else "torch finds no CUDA device"
        if missing:
            pytest.skip(missing)
    return request.param


def on(device: str, case: Case) -> tuple[Any, list[torch.Tensor]]:
    """Return a case as a function of its values alone, and these, on a device."""
    arrays, segments = Adjacency(*(x.to(device) for x in edges())), torch.from_numpy(RECEIVERS).to(device)
    given = [tensor.detach().to(device).requires_grad_() for tensor in tensors(case)]
    return lambda *values: case.call(FACE, arrays, segments, *values), given


def test_streams(case: Case, device: str):
    """Two streams concurrently, each with values that it computes itself; on a CPU, threads in their place."""
    run, given = on(device, case)
    expected = [
        (run(*scaled), *gradients(run(*scaled), scaled)) for scaled in (given, [2 * x for x in given])
    ]

    def work(factor: int) -> tuple[torch.Tensor, ...]:
        scaled = [factor * x for x in given]
        return run(*scaled), *gradients(run(*scaled), scaled)

    if device == "cpu":
        with ThreadPoolExecutor(4) as threads:
            actual = list(threads.map(work, [1, 2] * 10, timeout=60))
    else:
        streams, actual = [torch.cuda.Stream(), torch.cuda.Stream()], []
        for number in range(20):
            streams[number % 2].wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(streams[number % 2]):
                torch.cuda._sleep(100_000)  # what an op on another stream would not wait for
                actual.append(work(1 + number % 2))
        torch.cuda.synchronize()
    for number, each in enumerate(actual):
        same(each, expected[number % 2])


def test_capture(case: Case, device: str):
    """A recorded call, forward and backward, is right for other values: CUDA's graph, on a CPU torch's trace."""
    run, given = on(device, case)

    def work(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        out = run(*values)
        return out.detach(), *gradients(out, list(values))

    others = [(x.detach() * 1.5).requires_grad_() for x in given]
    if device == "cpu":
        traced = make_fx(work)(*given)
        names = {str(node.target) for node in traced.graph.nodes}
        assert any(name.startswith("heddle") for name in names), names
        same(traced(*others), work(*others))
        return
    work(*given)  # the workspace and the library's functions are set up
    torch.cuda.synchronize()
    kept = [x.detach().clone().requires_grad_() for x in given]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        actual = work(*kept)
    for position, value in zip(kept, others):
        position.data.copy_(value)
    graph.replay()
    torch.cuda.synchronize()
    same(actual, work(*others))


def test_ids_out_of_range_are_named(case: Case):
    given, wrong = tensors(case, grad=False), torch.from_numpy(RECEIVERS.copy())
    for value in (-1, 2**40):
        wrong[3] = value
        arrays = edges()
        arrays.senders[2] = arrays.t_receivers[2] = value
        try:
            out = case.call(FACE, arrays, wrong, *given)
        except GraphError as error:
            assert str(value) in str(error)
        else:  # an op that reads no ids
            assert case.product
            same(out, function(case)(*given))


def test_no_gradient_where_none_is_recorded(case: Case):
    run, given = function(case), tensors(case)
    expected = run(*given)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            out = run(*given)
            assert not out.requires_grad
            same(out, expected)
