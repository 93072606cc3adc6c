"""matmul on torch: the values and gradients of torch's own, and torch itself where that is the better choice."""

import pytest
import torch

from heddle_kernels import library
from heddle_kernels.torch import products


@pytest.fixture
def narrow(monkeypatch):
    """Let the kernel be taken whatever the processor."""
    monkeypatch.setattr(products, "torch_is_narrow", lambda: True)
    monkeypatch.setattr(products, "_LEAST", 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (40, 64, 64), (33, 100, 17), (0, 3, 2), (5, 0, 2)])
def test_values_and_gradients_are_those_of_torch(narrow, dtype, shape):
    n, k, m = shape
    results = []
    for product in (products.matmul, torch.matmul):
        torch.manual_seed(0)
        x, weight = torch.randn(n, k, dtype=dtype), torch.randn(k, m, dtype=dtype)
        x.requires_grad_(), weight.requires_grad_()
        y = product(x, weight)
        results.append((y, *torch.autograd.grad((y * y).sum(), (x, weight))))
    for result, expected in zip(*results):
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_gradients_of_gradients_exist(narrow):
    x, weight = (torch.randn(4, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradgradcheck(products.matmul, (x, weight))


def test_torch_multiplies_what_the_kernel_does_not_take(narrow):
    weight = torch.randn(4, 3)
    for x in (torch.randn(4), torch.randn(2, 5, 4), torch.randn(2, 4, dtype=torch.bfloat16)):
        torch.testing.assert_close(products.matmul(x, weight.to(x.dtype)), x @ weight.to(x.dtype))
    batch = torch.randn(6, 2, 4)
    mapped = torch.func.vmap(products.matmul, (0, None))(batch, weight)
    torch.testing.assert_close(mapped, batch @ weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert products.matmul(batch[0], weight).dtype == torch.bfloat16


def test_the_choice_is_one_for_all_calls():
    assert products.torch_is_narrow() in (True, False)
    if library.isa() != "avx512":
        assert not products.torch_is_narrow()
