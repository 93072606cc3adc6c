"""Counts and sums in a wide enough type, on torch's own operations: more rows than float16 counts, or float32 adds."""

import pytest
import torch

from heddle.graphs.adjacency import Adjacency
from heddle_torch.arrays.ops import TorchOps

ROWS = 100_000
LONG = 2**24 + 2**22
"""More rows than a float32 counts by ones."""


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("how", ["segment_mean", "segment_max"])
def test_gradients_outlive_65504_rows(how, dtype):
    x = torch.ones(ROWS, 1, dtype=dtype, requires_grad=True)
    out = getattr(TorchOps(), how)(x, torch.zeros(ROWS, dtype=torch.int64), 1)
    assert out.item() == 1 and out.dtype == dtype
    out.sum().backward()
    assert abs(x.grad[0].item() * ROWS - 1) < 0.01


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("how", ["segment_softmax", "segment_logsumexp", "segment_std", "segment_mean"])
def test_values_and_gradients_of_many_narrow_rows(how, dtype):
    """A sum of more than 65504 exponentials is infinite in float16, and all shares of it are 0."""
    generator = torch.Generator().manual_seed(0)
    values, weights = (
        torch.randn(ROWS, 1, generator=generator).to(dtype),
        torch.rand(ROWS, generator=generator),
    )
    ids = torch.where(torch.arange(ROWS) < ROWS - 3, 0, 2)
    results = []
    for data in (values, values.double()):
        data = data.requires_grad_()
        out = getattr(TorchOps(), how)(data, ids, 3)
        weight = (1000 * weights[-len(out) :, None]).to(dtype).double()
        finite = torch.where(out.isfinite(), out, out.new_zeros(()))
        results.append((out, torch.autograd.grad((finite.double() * weight).sum(), data)[0]))
    for narrow, exact in zip(*results):
        assert narrow.dtype == dtype
        torch.testing.assert_close(narrow.double(), exact, rtol=16 * torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("how", ["segment_sum", "segment_mean", "spmm", "edge_sum"])
def test_a_sum_of_more_ones_than_float32_counts(how):
    ones, zeros = torch.ones(LONG, 1, requires_grad=True), torch.zeros(LONG, dtype=torch.int32)
    if how.startswith("segment"):
        out = getattr(TorchOps(), how)(ones, zeros, 1)
    else:
        ids = torch.arange(LONG, dtype=torch.int32)
        ends = torch.tensor([0, LONG], dtype=torch.int32)
        edges = Adjacency(ids, zeros, ends, ids, zeros, torch.arange(LONG + 1, dtype=torch.int32), ids)
        out = TorchOps().spmm(edges, ones) if how == "spmm" else TorchOps().edge_sum(edges, ones, "receivers")
    (grad,) = torch.autograd.grad(out.sum(), ones)
    expected = 1 / LONG if how == "segment_mean" else 1
    assert abs(out.item() / (expected * LONG) - 1) < 1e-6
    torch.testing.assert_close(grad[::1000], torch.full_like(grad[::1000], expected), rtol=1e-6, atol=0)


def test_a_sum_back_along_the_edges_of_a_hub():
    """The gradient of what a hub sends is a sum of as many rows."""
    ids = torch.zeros(LONG, dtype=torch.int32)
    ends, order = torch.tensor([0, LONG], dtype=torch.int32), torch.arange(LONG, dtype=torch.int32)
    edges = Adjacency(ids, ids, ends, order, ids, ends, order)
    x = torch.ones(1, 1, requires_grad=True)
    out = TorchOps().spmm(edges, x)
    assert out.item() == LONG
    assert torch.autograd.grad(out.sum(), x)[0].item() == LONG
