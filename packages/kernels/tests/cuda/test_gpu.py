"""Numerics of the CUDA library on a card, against float64 on the CPU. They run where there is one and nowhere else."""

from typing import Any

import numpy as np
import pytest
import torch

import heddle_kernels.torch as ht
from heddle.errors import GraphError
from heddle.sampling import ReferenceSampler
from heddle.sampling.types import Fanout, homogeneous, in_edges
from heddle_kernels.cuda import library
from heddle_kernels.cuda.device import check
from heddle_kernels.cuda.sampling import CudaNeighborSampler

WHY_NOT = library.unavailable() if torch.cuda.is_available() else "torch finds no CUDA device"
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]

# (dtype, torch's precision) -> largest relative error in norm
BOUNDS = {
    (torch.float64, "highest"): 1e-13,
    (torch.float32, "highest"): 1e-6,
    (torch.float32, "high"): 3e-6,
    (torch.float32, "medium"): 2e-3,
    (torch.float16, "highest"): 2e-3,
    (torch.bfloat16, "highest"): 1e-2,
}


@pytest.fixture(params=BOUNDS, ids=lambda key: f"{str(key[0])[6:]}-{key[1]}")
def case(request: pytest.FixtureRequest):
    """Give (dtype, bound) under each precision; memory that torch hands out is poisoned."""
    dtype, precision = request.param
    before = torch.get_float32_matmul_precision()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_float32_matmul_precision(precision)
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield dtype, BOUNDS[request.param]
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = fill
    torch.set_float32_matmul_precision(before)


def random(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64).to(dtype)


def same(actual: torch.Tensor, expected: torch.Tensor, bound: float) -> None:
    """Assert a relative error in norm, and that nothing is NaN."""
    actual = actual.double().cpu()
    assert actual.shape == expected.shape and not actual.isnan().any()
    assert (actual - expected).norm() <= bound * expected.norm().clamp(min=1e-30)


SIZES = [[5], [0, 130, 0, 1, 300, 64, 0], [0, 0, 0], [17] * 200]


@pytest.mark.parametrize("sizes", SIZES, ids=["one", "mixed", "empty", "many"])
@pytest.mark.parametrize("k, m", [(8, 8), (128, 16), (16, 10), (15, 33), (64, 264), (1, 1)])
@pytest.mark.parametrize("on_device", [True, False])
def test_segment_matmul_and_its_gradients(case: Any, sizes: list[int], k: int, m: int, on_device: bool):
    dtype, bound = case
    n, groups = sum(sizes), torch.tensor(sizes, device="cuda" if on_device else "cpu")
    given = [
        random(n, k, dtype=dtype),
        random(len(sizes), k, m, dtype=dtype),
        random(len(sizes), m, dtype=dtype),
    ]
    seed = random(n, m, dtype=dtype)
    for biased in (True, False):
        here = [t.to(torch.float64, copy=True).requires_grad_() for t in given]
        there = [t.cuda().requires_grad_() for t in given]
        bias = (here[2], there[2]) if biased else (None, None)
        expected = ht.segment_matmul(here[0], here[1], groups.cpu(), bias[0])
        actual = ht.segment_matmul(there[0], there[1], groups, bias[1])
        same(actual, expected, bound)
        expected.backward(seed.double())
        actual.backward(seed.cuda())
        for mine, theirs in list(zip(there, here))[: 3 if biased else 2]:
            same(mine.grad, theirs.grad, bound)
    check()


def test_unaligned_views_are_right(case: Any):
    dtype, bound = case
    lhs, rhs = random(41 * 16 + 1, dtype=dtype), random(3 * 16 * 24 + 1, dtype=dtype)
    sizes = torch.tensor([20, 0, 21])
    actual = ht.segment_matmul(lhs.cuda()[1:].view(41, 16), rhs.cuda()[1:].view(3, 16, 24), sizes.cuda())
    same(
        actual,
        ht.segment_matmul(lhs[1:].view(41, 16).double(), rhs[1:].view(3, 16, 24).double(), sizes),
        bound,
    )


def test_grouped_matmul(case: Any):
    dtype, bound = case
    shapes = [(5, 8, 16), (0, 8, 8), (300, 64, 40), (7, 0, 3), *[(9, 16, 8)] * 130]
    lhs = [random(n, k, dtype=dtype) for n, k, _ in shapes]
    rhs = [random(k, m, dtype=dtype) for _, k, m in shapes]
    bias = [random(m, dtype=dtype) for *_, m in shapes]
    for added in (None, bias):
        expected = ht.grouped_matmul(
            [t.double() for t in lhs], [t.double() for t in rhs], added and [t.double() for t in added]
        )
        actual = ht.grouped_matmul(
            [t.cuda() for t in lhs], [t.cuda() for t in rhs], added and [t.cuda() for t in added]
        )
        for mine, theirs in zip(actual, expected):
            same(mine, theirs, bound)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
@pytest.mark.parametrize("heads, width", [(None, 64), (None, 5), (4, 16), (3, 7)])
def test_spmm_and_its_gradients(case: Any, adjacency: Any, reduce: str, heads: int | None, width: int):
    dtype, bound = case
    on_cpu = type(adjacency)(*map(torch.from_numpy, adjacency))
    on_card = type(adjacency)(*(t.cuda() for t in on_cpu))
    n, n_edges = len(adjacency.t_indptr) - 1, len(adjacency.senders)
    shape = (width,) if heads is None else (heads, width)
    x, weight = random(n, *shape, dtype=dtype), None if heads is None else random(n_edges, heads, dtype=dtype)
    # Whoever attains a maximum of 16 bits is recognised by its rounded value: the reference rounds too.
    exact = dtype if reduce == "max" and dtype.itemsize == 2 else torch.float64
    here = [None if t is None else t.to(exact, copy=True).requires_grad_() for t in (x, weight)]
    there = [None if t is None else t.cuda().requires_grad_() for t in (x, weight)]
    expected = ht.spmm(on_cpu, here[0], here[1], reduce=reduce)
    actual = ht.spmm(on_card, there[0], there[1], reduce=reduce)
    same(actual, expected.double(), bound)
    seed = random(*expected.shape, dtype=dtype)
    expected.backward(seed.to(exact))
    actual.backward(seed.cuda())
    for mine, theirs in zip(there, here):
        if theirs is not None:
            same(mine.grad, theirs.grad.double(), 4 * bound)
    check()


@pytest.mark.parametrize("op", ["dot", "add"])
def test_sddmm(case: Any, adjacency: Any, op: str):
    dtype, bound = case
    on_cpu = type(adjacency)(*map(torch.from_numpy, adjacency))
    on_card = type(adjacency)(*(t.cuda() for t in on_cpu))
    x = random(len(adjacency.indptr) - 1, 3, 21, dtype=dtype)
    y = random(len(adjacency.t_indptr) - 1, 3, 21, dtype=dtype)
    same(ht.sddmm(on_card, x.cuda(), y.cuda(), op), ht.sddmm(on_cpu, x.double(), y.double(), op), bound)


@pytest.mark.parametrize("count, n, width", [(0, 3, 2), (1, 1, 1), (5000, 70, 4), (3000, 4000, 1)])
def test_segments(case: Any, count: int, n: int, width: int):
    dtype, bound = case
    ids, data = torch.randint(0, n, (count,)), random(count, width, dtype=dtype)
    same(ht.segment_softmax(data.cuda(), ids.cuda(), n), ht.segment_softmax(data.double(), ids, n), bound)
    for reduce in (ht.segment_sum, ht.segment_mean, ht.segment_max):
        same(reduce(data.cuda(), ids.cuda(), n), reduce(data.double(), ids, n), bound)
    if n and count:
        table = random(n, width, dtype=dtype)
        assert torch.equal(ht.gather(table.cuda(), ids.cuda()).cpu(), table[ids])
    check()


def test_ids_out_of_range_are_reported_by_check():
    ht.gather(torch.ones(3, 2, device="cuda"), torch.tensor([0, 3], device="cuda"))
    with pytest.raises(GraphError, match=r"position 1: found id 3, expected one in \[0, 3\)"):
        check()
    check()


def test_products_can_be_captured_in_a_graph():
    lhs, rhs = torch.randn(100, 16, device="cuda"), torch.randn(3, 16, 16, device="cuda")
    sizes = torch.tensor([30, 0, 70], device="cuda")
    ht.segment_matmul(lhs, rhs, sizes)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        actual = ht.segment_matmul(lhs, rhs, sizes)
    sizes.copy_(torch.tensor([50, 50, 0]))
    graph.replay()
    same(actual, ht.segment_matmul(lhs.cpu().double(), rhs.cpu().double(), sizes.cpu()), 1e-6)


@pytest.mark.parametrize("replace", [False, True])
def test_samples_are_the_reference_to_the_bit(make_graph: Any, replace: bool):
    graph = homogeneous(in_edges(make_graph(300, 300, 9000)), 300)
    sampler, reference = CudaNeighborSampler(graph), ReferenceSampler(graph)
    for key in range(3):
        seeds, fanout = np.array([5, 0, 9, 5]), Fanout((15, 10), replace=replace)
        actual, expected = sampler.sample(seeds, fanout, key=key), reference.sample(seeds, fanout, key=key)
        for mine, theirs in zip(actual[:4], expected[:4]):
            assert np.array_equal(mine.cpu(), theirs)
        assert actual[4:] == expected[4:]
