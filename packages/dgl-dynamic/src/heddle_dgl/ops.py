"""TorchOps: the primitives on torch tensors, differentiable to any order."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import array_api_compat.torch
import numpy as np
import torch
from torch import Tensor

from heddle.adjacency import Adjacency
from heddle.ops import GraphOps
from heddle_dgl.segments import SegmentMax, segment_sum
from heddle_dgl.sparse import Spmm

Kernel = Callable[[Adjacency, Tensor, Tensor | None], Tensor]
"""(adjacency, x [n_senders, d], weight [n_edges] or None) -> [n_receivers, d], differentiable in x."""


class TorchOps(GraphOps):
    """The primitives on torch tensors; float16 and bfloat16 are summed in float32 and returned as they came.

    `kernel` takes the place of torch's CSR product where weights are constants, see `heddle_dgl.kernels`; `kernels`
    of whole primitives, by their names, see `heddle.plugins.kernels`.
    """

    xp = array_api_compat.torch

    def __init__(
        self,
        device: str | torch.device = "cpu",
        kernel: Kernel | None = None,
        kernels: Mapping[str, Callable[..., Any]] | None = None,
    ):
        self.device, self.kernel = torch.device(device), kernel
        for name, primitive in (kernels or {}).items():
            setattr(self, name, primitive)

    def asarray(self, array: np.ndarray, like: Tensor | None = None) -> Tensor:
        tensor = torch.from_numpy(np.array(array, order="C"))
        if like is not None and tensor.is_floating_point():
            return tensor.to(like.device, like.dtype)
        return tensor.to(self.device if like is None else like.device)

    def stop_gradient(self, x: Tensor) -> Tensor:
        return x.detach()

    def gather(self, x: Tensor, index: Tensor) -> Tensor:
        return x.index_select(0, index)

    def split(self, x: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
        return x.split(list(sizes))  # the gradients of slices would each be as large as x

    def segment_sum(self, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
        return segment_sum(data, segment_ids, num_segments)

    def segment_max(self, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
        return SegmentMax.apply(data, segment_ids, num_segments)

    def segment_matmul(self, lhs: Tensor, rhs: Tensor, group_sizes: np.ndarray) -> Tensor:
        groups = zip(lhs.split([int(size) for size in group_sizes]), rhs.unbind())
        parts = [rows @ matrix for rows, matrix in groups if len(rows)]
        return torch.cat(parts) if parts else lhs @ rhs.sum(0)

    def spmm(self, adjacency: Adjacency, x: Tensor, weight: Tensor | None = None) -> Tensor:
        by_edge = weight is not None and (weight.ndim > 1 or weight.requires_grad)
        if by_edge or not x.is_floating_point():
            return super().spmm(adjacency, x, weight)
        dtype = x.dtype if weight is None else torch.promote_types(x.dtype, weight.dtype)
        wide = torch.promote_types(dtype, torch.float32)
        columns = x.to(wide).reshape(len(x), prod(x.shape[1:]))
        weight = None if weight is None else weight.to(wide)
        if self.kernel is None:
            y = Spmm.apply(columns, weight, adjacency, False)
        else:
            y = self.kernel(adjacency, columns, weight)
        return y.reshape((adjacency.n_receivers, *x.shape[1:])).to(dtype)

    def activate(self, x: Tensor, name: str) -> Tensor:
        function = _ACTIVATIONS.get(name)
        return super().activate(x, name) if function is None else function(x)


_ACTIVATIONS: dict[str, Callable[[Tensor], Any]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
