"""Counts of more rows than float16 can count, on torch's own operations."""

import pytest
import torch

from heddle_torch.arrays.ops import TorchOps

ROWS = 100_000


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("how", ["segment_mean", "segment_max"])
def test_gradients_outlive_65504_rows(how, dtype):
    x = torch.ones(ROWS, 1, dtype=dtype, requires_grad=True)
    out = getattr(TorchOps(), how)(x, torch.zeros(ROWS, dtype=torch.int64), 1)
    assert out.item() == 1 and out.dtype == dtype
    out.sum().backward()
    assert abs(x.grad[0].item() * ROWS - 1) < 0.01
