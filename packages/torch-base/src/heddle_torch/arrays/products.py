"""Dense products in the form that torch's batched kernels take without copies."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


class MultiplyByEach(Function):
    """x [n, k] times each of matrices [g, k, m] -> [g, n, m]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrices: Tensor) -> Tensor:
        ctx.save_for_backward(x, matrices)
        count, k, m = matrices.shape
        if m % 16 == 0 or m > 32:
            return torch.bmm(x.expand(count, *x.shape), matrices)
        side_by_side = x @ matrices.permute(1, 0, 2).reshape(k, count * m)  # products of few columns are slow
        return side_by_side.view(len(x), count, m).permute(1, 0, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, matrices = ctx.saved_tensors
        grad_x = grad_matrices = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.addbmm(torch.zeros_like(x), grad, matrices.mT)
        if ctx.needs_input_grad[1]:
            grad_matrices = torch.bmm(grad.mT, x.expand(len(grad), *x.shape)).mT
        return grad_x, grad_matrices
