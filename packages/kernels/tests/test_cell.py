"""Steps of recurrent cells: equal to their equations, in values and gradients, on every instruction set."""

import pytest
import torch
from torch import Tensor

from heddle.errors import GraphError
from heddle_kernels.torch.cells import cell

TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-4}
ROWS = [(0,), (1,), (3, 5), (2300,)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def leaf(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.randn(*shape, dtype=torch.float64) / 2).to(dtype).requires_grad_()


def summed(base, terms, matrices):
    for term, matrix in zip(terms, matrices):
        base = base + term @ matrix
    return base


def plain_lstm(base, c, peephole, terms, matrices):
    i, f, g, o = summed(base, terms, matrices).chunk(4, -1)
    c = torch.zeros_like(i) if c is None else c
    p = c.new_zeros(3, c.shape[-1]) if peephole is None else peephole
    new = torch.sigmoid(f + p[1] * c) * c + torch.sigmoid(i + p[0] * c) * torch.tanh(g)
    return torch.sigmoid(o + p[2] * new) * torch.tanh(new), new


def plain_gates(base, h, terms, matrices):
    r, z = torch.sigmoid(summed(base, terms, matrices)).chunk(2, -1)
    return torch.zeros_like(r) if h is None else r * h, z


def plain_output(base, z, h, terms, matrices):
    candidate = torch.tanh(summed(base, terms, matrices))
    return z * (0 if h is None else h) + (1 - z) * candidate


PLAIN = {
    "lstm_step": (plain_lstm, 4, (None, 3)),
    "gru_gates": (plain_gates, 2, (None,)),
    "gru_output": (plain_output, 1, (None, None)),
}


def case(name, rows, hidden, shared, given, dtype=torch.float64, widths=(3, 17)):
    """Return (base, states, terms, matrices) of a step; `given`: whether states that may be None are there."""
    _, gates, kinds = PLAIN[name]
    base = leaf(gates * hidden, dtype=dtype) if shared else leaf(*rows, gates * hidden, dtype=dtype)
    states = [leaf(*(rows if size is None else (size,)), hidden, dtype=dtype) for size in kinds]
    if not given:
        states = [states[0], None] if name == "gru_output" else [None] * len(states)
    terms = [leaf(*rows, width, dtype=dtype) for width in widths]
    return base, states, terms, [leaf(width, gates * hidden, dtype=dtype) for width in widths]


def outputs_and_gradients(function, base, states, terms, matrices):
    copy = base * 1 if base.ndim > 1 else base  # it is used up
    outputs = function(copy, *states, terms, matrices)
    outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
    inputs = [t for t in (base, *states, *terms, *matrices) if t is not None]
    total = sum((torch.sin(out) * (1 + k)).sum() for k, out in enumerate(outputs))
    return [*outputs, *torch.autograd.grad(total, inputs, materialize_grads=True)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("name", PLAIN)
def test_equations(isa, name, rows, dtype):
    """Every width of the state, with and without states, products and a base of its own for each row."""
    for hidden in (1, 16, 37):
        for shared in (True, False):
            for given in (True, False):
                for widths in ((3, 17), (64,), ()) if not shared else ((3, 17),):
                    arguments = case(name, rows, hidden, shared, given, dtype, widths)
                    actual = outputs_and_gradients(getattr(cell, name), *arguments)
                    wide = [None if a is None else a.detach().double().requires_grad_() for a in arguments[1]]
                    doubled = [
                        a.detach().double().requires_grad_()
                        for a in (arguments[0], *arguments[2], *arguments[3])
                    ]
                    n = len(widths)
                    expected = outputs_and_gradients(
                        PLAIN[name][0], doubled[0], wide, doubled[1 : n + 1], doubled[n + 1 :]
                    )
                    for got, want in zip(actual, expected, strict=True):
                        size = max(1.0, float(want.detach().abs().max())) if want.numel() else 1.0
                        torch.testing.assert_close(got.double(), want, rtol=0, atol=TOLERANCE[dtype] * size)


@pytest.mark.parametrize("name", PLAIN)
def test_gradcheck(name):
    base, states, terms, matrices = case(name, (2, 2), 3, True, True)

    def function(*tensors):
        n = len(states)
        return getattr(cell, name)(tensors[0], *tensors[1 : n + 1], tensors[n + 1 : n + 3], tensors[n + 3 :])

    assert torch.autograd.gradcheck(function, (base, *states, *terms, *matrices))


@pytest.mark.parametrize("name", PLAIN)
def test_saturated_gates_stay_finite(isa, name):
    """Gates far beyond the exponential's range are 0 or 1 and their slopes 0: training never meets a NaN."""
    for size in (50.0, 1e4, 3e38):
        for dtype in (torch.float32, torch.float64):
            base, states, _, _ = case(name, (4,), 20, False, True, dtype)
            with torch.no_grad():
                base.copy_(base.sign() * size)
            for value in outputs_and_gradients(getattr(cell, name), base, states, [], []):
                assert torch.isfinite(value).all()
    base, states, _, _ = case(name, (4,), 20, False, True)
    with torch.no_grad():
        base[1] = torch.nan
    outputs = getattr(cell, name)(base * 1, *states, [], [])
    last = outputs if name == "gru_output" else outputs[-1]
    assert torch.isnan(last[1]).all() and torch.isfinite(last[0]).all()


def test_small_values_keep_their_digits():
    x = torch.logspace(-30, 1, 200, dtype=torch.float32).repeat(2, 1) * torch.tensor([[1.0], [-1.0]])
    out = cell.gru_output(x.clone(), torch.zeros_like(x), None, [], [])
    torch.testing.assert_close(out, torch.tanh(x.double()).float(), rtol=3e-7, atol=0)


@pytest.mark.parametrize("name", PLAIN)
def test_threads_dont_change_answers(name):
    arguments, results = case(name, (5000,), 8, True, True, torch.float32), []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(outputs_and_gradients(getattr(cell, name), *arguments))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert torch.equal(a, b)


def test_the_base_of_each_row_is_used_up():
    base = torch.zeros(6, 8)
    h, _ = cell.lstm_step(base, None, None, [], [])
    assert not torch.equal(base, torch.zeros(6, 8)) and h.shape == (6, 2)
    row = torch.zeros(8)
    cell.lstm_step(row, None, None, [torch.ones(6, 1)], [torch.ones(1, 8)])
    assert torch.equal(row, torch.zeros(8))


@pytest.mark.parametrize("name", PLAIN)
def test_compiles_without_breaks(name):
    arguments = case(name, (6,), 4, True, True)
    compiled = torch.compile(getattr(cell, name), backend="aot_eager", fullgraph=True)
    for got, want in zip(
        outputs_and_gradients(compiled, *arguments),
        outputs_and_gradients(getattr(cell, name), *arguments),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", PLAIN)
def test_operators(name):
    base, states, terms, matrices = case(name, (6,), 4, True, True)
    operator = getattr(torch.ops.heddle, name).default
    torch.library.opcheck(operator, (base, states, terms, matrices))


def test_errors():
    rows = torch.zeros(5, 3)
    with pytest.raises(GraphError, match="4 gates share evenly"):
        cell.lstm_step(torch.zeros(6), None, None, [rows], [torch.zeros(3, 6)])
    with pytest.raises(GraphError, match="a matrix of \\(3, 7\\)"):
        cell.lstm_step(torch.zeros(8), None, None, [rows], [torch.zeros(3, 7)])
    with pytest.raises(GraphError, match="1 terms and 0 matrices"):
        cell.gru_gates(torch.zeros(8), None, [rows], [])
    with pytest.raises(GraphError, match="state: found shape \\(4, 4\\)"):
        cell.gru_gates(torch.zeros(8), torch.zeros(4, 4), [rows], [torch.zeros(3, 8)])
    with pytest.raises(TypeError, match="bfloat16"):
        cell.gru_gates(torch.zeros(8).bfloat16(), None, [rows], [torch.zeros(3, 8)])
