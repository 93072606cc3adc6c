"""ExportOps: the primitives in operators of torch's own that torch.export knows, without autograd or kernels."""

import array_api_compat.torch
import numpy as np
import torch
from torch import Tensor

from heddle.ops.graph_ops import GraphOps


class ExportOps(GraphOps):
    """The six primitives for inference; everything else follows from them."""

    xp = array_api_compat.torch

    def asarray(self, array: np.ndarray, like: Tensor | None = None) -> Tensor:
        tensor = torch.from_numpy(np.array(array, order="C"))
        return tensor.to(like.dtype) if like is not None and tensor.is_floating_point() else tensor

    def stop_gradient(self, x: Tensor) -> Tensor:
        return x

    def gather(self, x: Tensor, index: Tensor) -> Tensor:
        return x.index_select(0, index)

    def segment_sum(self, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
        return data.new_zeros((num_segments, *data.shape[1:])).index_add(0, segment_ids, data)

    def segment_max(self, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
        index = segment_ids.long().reshape(-1, *(1,) * (data.ndim - 1)).expand_as(data)
        zeros = data.new_zeros((num_segments, *data.shape[1:]))
        return zeros.scatter_reduce(0, index, data, "amax", include_self=False)

    def segment_matmul(self, lhs: Tensor, rhs: Tensor, group_sizes: np.ndarray) -> Tensor:
        groups = zip(lhs.split([int(size) for size in group_sizes]), rhs.unbind())
        return torch.cat([rows @ matrix for rows, matrix in groups])
