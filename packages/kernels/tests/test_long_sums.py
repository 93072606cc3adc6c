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


def test_a_sum_of_many_values_is_that_of_float64(rng):
    x = rng.random((MANY // 4, 1), dtype=np.float32)
    found = on_numpy.segment_sum(x, np.zeros(len(x), np.int32), 1)
    assert abs(found.item() / x.sum(dtype=np.float64) - 1) < 1e-6


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
        found = call(x.float(), weight.float())
        assert ((found - expected).abs() / expected).max() < 1e-6, name


def test_infinities_and_nan_stay_what_they_are():
    n = 3 * 4096 + 5
    for place in (0, 4096, n - 1):
        x = torch.ones(n, 1)
        x[place] = torch.inf
        assert kernels.segment_sum(x, one_segment(n), 1).item() == torch.inf
        x[(place + 7) % n] = -torch.inf
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


def test_dividing_by_counts_that_float16_cannot_hold():
    assert divided(torch.full((1, 2), 1000.0).half(), torch.tensor([100_000]))[0, 0].item() == pytest.approx(
        0.01, rel=1e-2
    )
