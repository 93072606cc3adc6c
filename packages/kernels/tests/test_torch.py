"""The torch face: values and gradients of every order, operators as torch wants them, compile, vmap, errors."""

import numpy as np
import pytest
import torch
from torch import Tensor

import heddle_kernels.torch as kernels
from heddle.errors import GraphError
from heddle.graphs.adjacency import Adjacency
from heddle_kernels import reference

DTYPES = {torch.float64: 1e-13, torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


@pytest.fixture(autouse=True)
def poisoned():
    """Fill new memory with NaN, so that an element that no kernel writes is seen."""
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)


def tensors(adjacency: Adjacency) -> Adjacency:
    return Adjacency(*map(torch.from_numpy, adjacency))


def randn(*shape: int, dtype: torch.dtype = torch.float64, grad: bool = False) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).to(dtype).requires_grad_(grad)


def close(got: Tensor, want: np.ndarray, dtype: torch.dtype) -> None:
    assert got.dtype == dtype
    size = max(1.0, float(np.abs(want).max(initial=0)))
    torch.testing.assert_close(got.double(), torch.from_numpy(want), rtol=0, atol=DTYPES[dtype] * size)


def wide(tensor: Tensor | None) -> np.ndarray | None:
    return None if tensor is None else tensor.detach().double().numpy()


@pytest.mark.parametrize("dtype", DTYPES)
def test_values(adjacency, dtype):
    edges, e = tensors(adjacency), adjacency.n_edges
    for transpose in (False, True):
        n = adjacency.n_receivers if transpose else adjacency.n_senders
        x = randn(n, 4, 5, dtype=dtype)
        for weight in (None, randn(e, dtype=dtype), randn(e, 4, dtype=dtype), randn(e, 4, 5, dtype=dtype)):
            for reduce in ("sum", "mean", "max"):
                got = kernels.spmm(edges, x, weight, reduce=reduce, transpose=transpose)
                want = reference.spmm(adjacency, wide(x), wide(weight), reduce=reduce, transpose=transpose)
                close(got, want, dtype)
    x, y = randn(adjacency.n_receivers, 4, 5, dtype=dtype), randn(adjacency.n_senders, 4, 5, dtype=dtype)
    for op in ("dot", "add"):
        close(kernels.sddmm(edges, x, y, op), reference.sddmm(adjacency, wide(x), wide(y), op), dtype)
    data, ids, n = randn(e, 3, dtype=dtype), adjacency.receivers[::-1].copy(), adjacency.n_receivers
    index = torch.from_numpy(ids)
    for reduce in ("sum", "mean", "max"):
        got = getattr(kernels, f"segment_{reduce}")(data, index, n)
        close(got, reference.segment_reduce(wide(data), ids, n, reduce), dtype)
    close(kernels.segment_softmax(data, index, n), reference.segment_softmax(wide(data), ids, n), dtype)
    assert torch.equal(kernels.gather(x, index), x[index])
    for got, want in zip(kernels.index_sort(index, n), reference.index_sort(ids, n)):
        np.testing.assert_array_equal(got.numpy(), want)


def functions(adjacency: Adjacency) -> dict[str, tuple]:
    """Return name -> (function, inputs to differentiate), on every op and way to call it."""
    e, m, n = adjacency.n_edges, adjacency.n_receivers, adjacency.n_senders
    edges, ids = tensors(adjacency), torch.from_numpy(adjacency.receivers[::-1].copy())
    by_name = {}
    for reduce in ("sum", "mean", "max"):
        for transpose in (False, True):

            def spmm(x, weight=None, reduce=reduce, transpose=transpose):
                return kernels.spmm(edges, x, weight, reduce=reduce, transpose=transpose)

            rows = m if transpose else n
            name = f"spmm_{reduce}{'_transposed' if transpose else ''}"
            by_name[name] = spmm, (randn(rows, 2, 3),)
            by_name[f"{name}_weighted"] = spmm, (randn(rows, 4), randn(e))
            by_name[f"{name}_heads"] = spmm, (randn(rows, 2, 3), randn(e, 2))
            by_name[f"{name}_elements"] = spmm, (randn(rows, 3), randn(e, 3))
    by_name["dot"] = lambda x, y: kernels.sddmm(edges, x, y, "dot"), (randn(m, 2, 3), randn(n, 2, 3))
    by_name["add"] = lambda x, y: kernels.sddmm(edges, x, y, "add"), (randn(m, 3), randn(n, 3))
    sizes, groups = torch.tensor([3, 0, n - 3 if n > 3 else 0]), 3
    sizes[0] = n - sizes[2]
    counts = sizes.numpy()
    by_name["segment_matmul"] = (
        lambda a, b: kernels.segment_matmul(a, b, sizes),
        (randn(n, 4), randn(groups, 4, 2)),
    )
    by_name["segment_matmul_bias"] = (
        lambda a, b, c: kernels.segment_matmul(a, b, counts, c),
        (randn(n, 4), randn(groups, 4, 2), randn(groups, 2)),
    )
    by_name["gather"] = lambda x: kernels.gather(x, ids), (randn(m, 3),)
    for name in ("segment_sum", "segment_mean", "segment_max", "segment_softmax"):
        by_name[name] = lambda data, name=name: getattr(kernels, name)(data, ids, m), (randn(e, 3),)
    return by_name


def grouped(*tensors: Tensor) -> Tensor:
    """grouped_matmul of three pairs and their biases, as one tensor."""
    outs = kernels.grouped_matmul(tensors[:3], tensors[3:6], tensors[6:] or None)
    return torch.cat([out.flatten() for out in outs])


PAIRS = ((3, 4), (0, 2), (5, 1)), ((4, 2), (2, 3), (1, 6)), ((2,), (3,), (6,))


@pytest.mark.parametrize("lists", [2, 3], ids=["plain", "bias"])
def test_grouped_matmul(lists):
    tensors = [randn(*shape, grad=True) for each in PAIRS[:lists] for shape in each]
    want = [a @ b for a, b in zip(tensors[:3], tensors[3:6])]
    if lists == 3:
        want = [out + bias for out, bias in zip(want, tensors[6:])]
    torch.testing.assert_close(grouped(*tensors), torch.cat([out.flatten() for out in want]))
    with torch.no_grad():
        torch.testing.assert_close(grouped(*tensors), torch.cat([out.flatten() for out in want]))
    torch.autograd.gradcheck(grouped, tensors)
    torch.autograd.gradgradcheck(grouped, tensors)
    torch.library.opcheck(
        torch.ops.heddle.grouped_matmul.default, (tensors[:3], tensors[3:6], tensors[6:], False)
    )
    assert kernels.grouped_matmul([], []) == []


NAMES = list(functions(Adjacency(*(np.zeros(1, np.int32) for _ in range(7)))))


@pytest.mark.parametrize("sizes", [(7, 5, 13), (3, 4, 0), (0, 0, 0)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradients(make_graph, name, sizes):
    function, inputs = functions(make_graph(*sizes))[name]
    inputs = [each.requires_grad_() for each in inputs]
    torch.autograd.gradcheck(function, inputs)
    torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_third_order(make_graph, name):
    function, inputs = functions(make_graph(7, 5, 13))[name]
    inputs = [each.requires_grad_() for each in inputs]

    def once(*inputs):
        return torch.autograd.grad(function(*inputs).tanh().sum(), inputs, create_graph=True)

    torch.autograd.gradgradcheck(once, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_vmap(make_graph, name):
    function, inputs = functions(make_graph(7, 5, 13))[name]
    batched = [torch.stack([each, 2 * each, each.cos()], dim=1) for each in inputs]
    want = torch.stack([function(*(b[:, i] for b in batched)) for i in range(3)])
    torch.testing.assert_close(torch.vmap(function, in_dims=1)(*batched), want)

    def gradient(*inputs):
        return torch.func.grad(lambda *each: function(*each).tanh().sum(), argnums=tuple(range(len(inputs))))(
            *inputs
        )

    want = [gradient(*(b[:, i] for b in batched)) for i in range(3)]
    got = torch.vmap(gradient, in_dims=1)(*batched)
    for at, grads in enumerate(zip(*want)):
        torch.testing.assert_close(got[at], torch.stack(grads))
    for alone in range(len(inputs)) if len(inputs) > 1 else ():  # one operand batched, the other shared
        dims = tuple(1 if at == alone else None for at in range(len(inputs)))
        mixed = [b if at == alone else each for at, (b, each) in enumerate(zip(batched, inputs))]
        want = torch.stack([function(*(m[:, i] if d else m for m, d in zip(mixed, dims))) for i in range(3)])
        torch.testing.assert_close(torch.vmap(function, in_dims=dims)(*mixed), want)


def test_vmap_over_indices():
    x, index = randn(5, 3), torch.randint(0, 5, (4, 7))
    assert torch.equal(torch.vmap(kernels.gather, in_dims=(None, 0))(x, index), x[index])
    with pytest.raises(NotImplementedError, match="expected a batch of values on one structure"):
        torch.vmap(lambda ids: kernels.segment_sum(x, ids, 5))(torch.zeros(2, 5, dtype=torch.int64))


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(make_graph, recorded, dtype):
    edges = tensors(make_graph(7, 5, 13))
    structure = (edges.indptr, edges.senders, edges.t_indptr, edges.t_receivers, edges.t_order)

    def make(*shape):
        return randn(*shape, dtype=dtype, grad=recorded)

    ids, at = torch.randint(0, 5, (13,)), randn(5, 2, 3, dtype=dtype)
    calls = {
        "spmm": (*structure, make(13, 2), make(7, 2, 3), "mean", False),
        "sddmm": (*structure, make(5, 2, 3), make(7, 2, 3), "dot"),
        "edge_sum": (*structure, make(13, 2), True),
        "spmm_argmax": (
            *structure,
            at[:, 0, :2].repeat(3, 1)[:13],
            randn(7, 2, 3, dtype=dtype),
            at,
            make(13, 2),
            make(7, 2, 3),
            False,
            False,
        ),
        "segment_matmul": (make(7, 3), make(2, 4, 3), torch.tensor([3, 4]), make(2, 4), True),
        "segment_outer": (make(7, 3), make(7, 2), torch.tensor([3, 4])),
        "gather": (make(5, 3), ids),
        "segment_reduce": (make(13, 2), ids, 5, "max"),
        "segment_softmax": (make(13, 2), ids, None, 5),
        "segment_softmax_grad": (make(13, 2), make(13, 2), ids, None, 5),
    }
    for name, arguments in calls.items():
        operator = getattr(torch.ops.heddle, name if recorded else f"{name}_forward").default
        torch.library.opcheck(operator, arguments)
    if recorded:
        torch.library.opcheck(torch.ops.heddle.spmm_max.default, (*structure, None, make(5, 3), True))
    else:
        torch.library.opcheck(torch.ops.heddle.index_sort.default, (ids, 5))


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
def test_compile_without_breaks(make_graph, dynamic):
    edges = tensors(make_graph(7, 5, 13))
    weight = randn(13, 2, grad=True)

    def layer(edges: Adjacency, x: Tensor, weight: Tensor) -> Tensor:
        logits = kernels.sddmm(edges, x[:5], x, "dot")
        attention = kernels.segment_softmax(logits * weight, edges.receivers, 5)
        out = kernels.spmm(edges, x, attention) + kernels.spmm(edges, x, reduce="max")
        rows = kernels.gather(out, edges.receivers).relu().flatten(1)
        sizes, matrix = torch.tensor([6, 7]), weight[:12].reshape(2, 6, 2)
        pairs = kernels.grouped_matmul([rows, rows[:3]], [matrix[0], matrix[1]])
        return kernels.segment_matmul(rows, matrix, sizes).sum() + pairs[0].sum() + pairs[1].tanh().sum()

    compiled = torch.compile(layer, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for rows in (7, 7, 7):
        x = randn(rows, 2, 3, grad=True)
        grads = [torch.autograd.grad(f(edges, x, weight), (x, weight)) for f in (layer, compiled)]
        torch.testing.assert_close(*grads)


def test_no_gradient_where_none_is_asked(make_graph):
    edges, x = tensors(make_graph(7, 5, 13)), randn(7, 3, grad=True)
    with torch.no_grad():
        assert not kernels.spmm(edges, x).requires_grad
    assert kernels.spmm(edges, x.detach()).grad_fn is None
    assert kernels.spmm(edges, x).grad_fn is not None
    weight = randn(13)
    (grad,) = torch.autograd.grad(kernels.spmm(edges, x, weight).sum(), x)
    assert weight.grad is None and grad.shape == x.shape


@pytest.mark.parametrize("name", NAMES)
def test_forward_mode_is_the_adjoint_of_reverse_mode(make_graph, name):
    function, inputs = functions(make_graph(7, 5, 13))[name]
    tangents = tuple(x.detach().cos() for x in inputs)
    out, tangent = torch.func.jvp(function, inputs, tangents)
    cotangent = out.detach().sin()
    _, pull = torch.func.vjp(function, *inputs)
    back = sum((g * t).sum() for g, t in zip(pull(cotangent), tangents))
    torch.testing.assert_close((tangent * cotangent).sum(), back)


def test_ties_share_the_gradient():
    data = torch.tensor([[1.0], [1.0], [0.0], [3.0]], dtype=torch.float64, requires_grad=True)
    ids = torch.tensor([0, 0, 0, 2])
    (grad,) = torch.autograd.grad(kernels.segment_max(data, ids, 3).sum(), data)
    assert grad.flatten().tolist() == [0.5, 0.5, 0, 1]
    edges = kernels.build_adjacency(torch.arange(4), ids, 4, 3)
    (grad,) = torch.autograd.grad(kernels.spmm(edges, data, reduce="max").sum(), data)
    assert grad.flatten().tolist() == [0.5, 0.5, 0, 1]


def test_awkward_layouts(make_graph):
    edges, x = tensors(make_graph(7, 5, 13)), randn(7, 6)
    want = kernels.spmm(edges, x)
    spread = Adjacency(*(ids.repeat_interleave(2)[::2] for ids in edges))
    assert torch.equal(kernels.spmm(spread, x.t().contiguous().t()), want)
    total = kernels.spmm(edges, leaf := randn(7, 6, grad=True)).sum()  # its gradient is expanded, of stride 0
    torch.testing.assert_close(
        torch.autograd.grad(total, leaf)[0], kernels.spmm(edges, randn(5, 6) * 0 + 1, transpose=True)
    )


def test_errors(make_graph):
    edges, x, ids = tensors(make_graph(7, 5, 13)), randn(7, 3), torch.tensor([0, 7])
    cases = [
        (lambda: kernels.spmm(edges, x[:6]), GraphError, r"x: found shape \(6, 3\), expected 7 rows"),
        (lambda: kernels.spmm(edges, x, randn(12)), GraphError, "weight: found"),
        (lambda: kernels.spmm(edges, x, reduce="std"), ValueError, "reduce"),
        (
            lambda: kernels.spmm(edges._replace(senders=edges.senders.long()), x),
            TypeError,
            "int32 and torch.int64",
        ),
        (
            lambda: kernels.spmm(edges._replace(senders=edges.senders + 7), x),
            GraphError,
            r"expected an id in \[0, 7\)",
        ),
        (lambda: kernels.sddmm(edges, x, x, "dot"), GraphError, "x: found"),
        (lambda: kernels.sddmm(edges, x[:5], x, "sub"), ValueError, "combine"),
        (lambda: kernels.gather(x, ids), GraphError, r"ids\[1\]: found 7, expected an id in \[0, 7\)"),
        (lambda: kernels.gather(x, ids[None]), GraphError, "one axis"),
        (lambda: kernels.segment_sum(x[:2], ids, 7), GraphError, r"segment_ids\[1\]: found 7"),
        (lambda: kernels.segment_softmax(x[:2].int(), ids, 8), TypeError, "expected a float"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
