"""value_and_grad: a function's scalar and its gradients, to any order."""

from collections.abc import Callable

import torch
from torch import Tensor


def value_and_grad(function: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, tuple[Tensor, ...]]]:
    """Return (*float tensors) -> (function's scalar [], its gradient in each, of the tensors' shapes).

    Nested in itself it gives derivatives of any order. A tensor that the function doesn't depend on gets zeros.

    >>> value_and_grad(lambda x, y: x * x)(torch.tensor(3.0), torch.tensor(1.0))
    (tensor(9.), (tensor(6.), tensor(0.)))
    """

    def evaluate(*arrays: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        nested = torch.is_grad_enabled() and any(x.requires_grad for x in arrays)
        tracked = [x if x.requires_grad else x.detach().requires_grad_() for x in arrays]
        with torch.enable_grad():
            value = function(*tracked)
        if not value.requires_grad:
            return value, tuple(torch.zeros_like(x) for x in arrays)
        grads = torch.autograd.grad(value, tracked, create_graph=nested, materialize_grads=True)
        return (value if nested else value.detach()), grads

    return evaluate
