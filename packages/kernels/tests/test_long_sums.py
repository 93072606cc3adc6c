"""Sums and counts of the sizes where a type too narrow for them breaks."""

import numpy as np
import pytest
import torch

import heddle_kernels.numpy as on_numpy
import heddle_kernels.torch as kernels
from heddle_kernels.torch.csr_arrays import divided

MANY = 20_000_000
ROWS = 100_000
NARROW = [torch.float16, torch.bfloat16]


def one_segment(rows: int) -> torch.Tensor:
    return torch.zeros(rows, dtype=torch.int32)


def test_a_mean_of_many_ones_is_one_and_so_is_its_gradient():
    """One float32 stops growing at 2**24."""
    x = torch.ones(MANY, 1, requires_grad=True)
    mean = kernels.segment_mean(x, one_segment(MANY), 1)
    assert abs(mean.item() - 1) < 1e-6
    mean.sum().backward()
    assert abs(x.grad[0].item() * MANY - 1) < 1e-6 and (x.grad == x.grad[0]).all()


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 7.7])
def test_a_mean_of_many_equal_values_is_that_value(value):
    """Rounding goes the same way at each addition, so that what a long block loses adds up."""
    x = np.full((MANY // 100, 1), value, np.float32)
    ids = np.zeros(len(x), np.int32)
    for mean in (on_numpy.segment_mean(x, ids, 1), on_numpy.segment_sum(x, ids, 1) / len(x)):
        assert abs(mean.item() / float(np.float32(value)) - 1) < 1e-6


def test_a_sum_of_many_values_is_that_of_float64(rng):
    x = rng.random((MANY // 4, 1), dtype=np.float32)
    actual = on_numpy.segment_sum(x, np.zeros(len(x), np.int32), 1)
    assert abs(actual.item() / x.sum(dtype=np.float64) - 1) < 1e-6


@pytest.mark.parametrize("width", [1, 3, 40])
def test_every_sum_of_a_long_row_is_that_of_float64(width, rng):
    """All of them are cut in blocks: weighted or not, by walk or by segment, and softmax's."""
    n = 30_000
    ends = torch.arange(n), torch.zeros(n, dtype=torch.int64)
    edges = kernels.build_adjacency(*ends, n, 1)
    x, weight = torch.from_numpy(rng.random((n, width))), torch.from_numpy(rng.random(n))
    cases = {
        "spmm": lambda x, w: kernels.spmm(edges, x),
        "weighted": lambda x, w: kernels.spmm(edges, x, w),
        "mean": lambda x, w: kernels.spmm(edges, x, reduce="mean"),
        "segment": lambda x, w: kernels.segment_sum(x, ends[1], 1),
        "softmax": lambda x, w: kernels.segment_softmax(x, ends[1], 1),
    }
    for name, call in cases.items():
        expected = call(x, weight)
        actual = call(x.float(), weight.float())
        assert ((actual - expected).abs() / expected).max() < 1e-6, name


def test_infinities_and_nan_stay_what_they_are():
    n = 3 * 4096 + 5
    for position in (0, 4096, n - 1):
        x = torch.ones(n, 1)
        x[position] = torch.inf
        assert kernels.segment_sum(x, one_segment(n), 1).item() == torch.inf
        x[(position + 7) % n] = -torch.inf
        assert kernels.segment_sum(x, one_segment(n), 1).isnan().all()


@pytest.mark.parametrize("dtype", NARROW)
def test_gradients_of_sixteen_bits_outlive_65504_rows(dtype):
    ids, edges = one_segment(ROWS).long(), None
    edges = kernels.build_adjacency(torch.arange(ROWS), ids, ROWS, 1)
    weight = torch.ones(ROWS, dtype=dtype)
    for call in (
        lambda x: kernels.segment_mean(x, ids, 1),
        lambda x: kernels.segment_max(x, ids, 1),
        lambda x: kernels.spmm(edges, x, reduce="mean"),
        lambda x: kernels.spmm(edges, x, reduce="max"),
        lambda x: kernels.spmm(edges, x, weight, reduce="max"),
    ):
        x = torch.ones(ROWS, 1, dtype=dtype, requires_grad=True)
        call(x).sum().backward()
        assert abs(x.grad[0].item() * ROWS - 1) < 0.01


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gradients_of_sixteen_bits_on_jax(dtype):
    jax = pytest.importorskip("jax")
    from heddle.graphs.adjacency import Adjacency, build_adjacency
    from heddle_kernels import jax as on_jax

    ids = np.zeros(ROWS, np.int32)
    edges = Adjacency(*map(jax.numpy.asarray, build_adjacency(np.arange(ROWS, dtype=np.int32), ids, ROWS, 1)))
    x = jax.numpy.ones((ROWS, 1), dtype)

    def total(x):
        parts = (
            on_jax.segment_mean(x, ids, 1),
            on_jax.segment_max(x, ids, 1),
            on_jax.spmm(edges, x, reduce="mean"),
            on_jax.spmm(edges, x, reduce="max"),
        )
        return sum(part.astype("float32").sum() for part in parts)

    grad = jax.grad(total)(x)
    assert abs(float(grad[0, 0]) * ROWS / 4 - 1) < 0.02


@pytest.fixture
def edge_mlp():
    """Give edge_mlp of JAX on edges to one receiver: features and cotangents of these -> (answers, gradients)."""
    jax = pytest.importorskip("jax")
    from heddle.graphs.adjacency import build_adjacency
    from heddle_kernels.jax.csr_arrays import CsrArrays
    from heddle_kernels.jax.edge_mlp import edge_mlp as op

    def run(features, cotangents, senders, width):
        n_senders = int(senders.max()) + 1
        edges = build_adjacency(senders, np.zeros(len(senders), np.int32), n_senders, 1)
        structure = CsrArrays.of(edges)
        ends = [np.zeros((n, 1), np.float32) for n in (1, n_senders)]
        first, second, bias = np.ones((1, 1)), np.ones((1, width)), np.zeros(width)
        weights = [each.astype(np.float32) for each in (first, second, bias)]

        def total(first, received, sent, second, bias):
            out, come, gone = op(structure, features[edges.order], first, received, sent, second, bias, True)
            return (out * cotangents[edges.order]).sum(), (come, gone)

        function = jax.jit(jax.value_and_grad(total, (0, 1, 2, 3, 4), has_aux=True))
        (_, answers), grads = function(weights[0], *ends, *weights[1:])
        return [np.asarray(each) for each in answers], [np.asarray(each) for each in grads]

    return run


@pytest.mark.parametrize(
    ("rows", "width"), [pytest.param(MANY, 1, marks=pytest.mark.slow), (1_000_001, 3), (300_000, 17)]
)
def test_sums_of_edges_through_an_mlp_are_those_of_float64(edge_mlp, rng, rows, width):
    """In one row, and in each gradient, which are sums over all edges too."""
    x, d_out = rng.random((2, rows, 1), np.float32)
    senders = rng.integers(0, 10, rows, dtype=np.int32)
    (come, gone), grads = edge_mlp(x, d_out, senders, width)
    expected = {
        "by receiver": (come, x.sum(dtype=np.float64)),
        "by sender": (gone, np.bincount(senders, x[:, 0])[:, None]),
        "first": (grads[0], width * np.vdot(x.astype(np.float64), d_out)),
        "received": (grads[1], width * d_out.sum(dtype=np.float64)),
        "sent": (grads[2], width * np.bincount(senders, d_out[:, 0])[:, None]),
        "second": (grads[3], np.vdot(x.astype(np.float64), d_out)),
        "bias": (grads[4], d_out.sum(dtype=np.float64)),
    }
    for name, (actual, wanted) in expected.items():
        assert np.max(np.abs(actual / wanted - 1)) < 1e-6, name


def test_infinities_of_an_mlp_stay_what_they_are(edge_mlp):
    """Not a number is only what a sum loses between two infinities, in any tile of a long row."""
    for position in (0, 300, 4999):
        x, senders = np.ones((5000, 1), np.float32), np.arange(5000, dtype=np.int32)
        x[position] = np.inf
        (come, gone), _ = edge_mlp(x, np.ones_like(x), senders, 1)
        assert come.item() == np.inf and np.isinf(gone).sum() == 1


@pytest.mark.parametrize("rows", [MANY // 4, 300_001])
def test_gradients_of_weights_are_sums_of_blocks(rng, rows):
    """Not one row after the other, which is what BLAS doesn't do either."""
    x, matrix = torch.from_numpy(rng.random((rows, 1), np.float32)), torch.ones(1, 1, 2, requires_grad=True)
    kernels.segment_matmul(x, matrix, torch.tensor([rows]), None).sum().backward()
    assert abs(matrix.grad / x.double().sum() - 1).max() < 1e-6


def test_dividing_by_counts_that_float16_cannot_hold():
    assert divided(torch.full((1, 2), 1000.0).half(), torch.tensor([100_000]))[0, 0].item() == pytest.approx(
        0.01, rel=1e-2
    )
