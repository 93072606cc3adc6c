"""TorchOps: the primitives on torch tensors, on CPU or CUDA, differentiable to any order."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from heddle.errors import problem
from heddle.graphs.adjacency import Adjacency
from heddle.ops.graph_ops import GraphOps
from heddle_torch.arrays import segments, sparse
from heddle_torch.arrays.namespace import xp
from heddle_torch.arrays.products import MultiplyByEach
from heddle_torch.arrays.transforms import transformed


class TorchOps(GraphOps):
    """The primitives on torch tensors.

    float32 and float64 run as they are; bfloat16 and float16 are summed in float32 and returned as they came. Ids
    are int32 or int64, tensors needn't be contiguous. On a CPU equal inputs give equal bits. Under transforms of
    torch.func and in forward mode they are computed edge by edge, in torch's own operations.
    """

    xp = xp

    def __init__(
        self, device: str | torch.device = "cpu", kernels: Mapping[str, Callable[..., Any]] | None = None
    ):
        """Make the primitives for new arrays on `device`.

        Args:
            kernels: primitive's name -> another implementation of the same signature, differentiable, which takes
                the place of the method of that name: the one door for kernels that the registry finds.
        """
        self.device = torch.device(device)
        for name, kernel in (kernels or {}).items():
            if not hasattr(GraphOps, name):
                raise ValueError(f"kernels: found {name!r}, expected the name of a primitive of GraphOps")
            setattr(self, name, kernel)

    def asarray(self, array: np.ndarray, like: Tensor | None = None) -> Tensor:
        tensor = torch.from_numpy(np.array(array, np.asarray(array).dtype.newbyteorder("="), order="C"))
        if like is not None and tensor.is_floating_point():
            return tensor.to(like.device, like.dtype)
        return tensor.to(self.device if like is None else like.device)

    def stop_gradient(self, x: Tensor) -> Tensor:
        return x.detach()

    def gather(self, x: Tensor, index: Tensor) -> Tensor:
        return segments.gather(x, index)

    def split(self, x: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
        result: Sequence[Tensor] = x.split(list(sizes))
        return result

    def segment_sum(self, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
        return segments.segment_sum(data, segment_ids, num_segments)

    def segment_max(self, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
        _check_ordered("segment_max", data)
        return segments.segment_max(data, segment_ids, num_segments)

    def segment_matmul(self, lhs: Tensor, rhs: Tensor, group_sizes: np.ndarray) -> Tensor:
        groups = zip(lhs.split([int(size) for size in group_sizes]), rhs.unbind())
        parts = [rows @ matrix for rows, matrix in groups if len(rows)]
        return torch.cat(parts) if parts else lhs @ rhs.sum(0)

    def spmm(self, adjacency: Adjacency, x: Tensor, weight: Tensor | None = None) -> Tensor:
        heads = () if weight is None else tuple(x.shape[1 : weight.ndim])
        h, d = prod(heads), prod(x.shape[1 + len(heads) :])
        if not x.is_floating_point() or (
            h > 1 and d == 1
        ):  # a matrix per column gains nothing over going by edge
            result: Tensor = super().spmm(adjacency, x, weight)
            return result
        dtype = x.dtype if weight is None else torch.promote_types(x.dtype, weight.dtype)
        wide = torch.promote_types(dtype, torch.float32)
        if weight is not None:
            weight = weight.to(wide).reshape((len(weight), h) if h > 1 else (len(weight),))
        y = sparse.spmm(
            x.to(wide).reshape((len(x), h, d) if h > 1 else (len(x), d)), weight, adjacency, False
        )
        return y.reshape((adjacency.n_receivers, *x.shape[1:])).to(dtype)

    def scaled_spmm(
        self, adjacency: Adjacency, x: Tensor, weight: Tensor | None = None, scale: Tensor | None = None
    ) -> Tensor:
        fixed = [tensor for tensor in (weight, scale) if tensor is not None]
        folds = (
            getattr(self.spmm, "__func__", None) is TorchOps.spmm
            and x.ndim == 2
            and x.dtype in (torch.float32, torch.float64)
        )
        if (
            scale is None
            or not folds
            or any(tensor.requires_grad or tensor.dtype != x.dtype or tensor.ndim != 1 for tensor in fixed)
        ):
            result: Tensor = super().scaled_spmm(adjacency, x, weight, scale)
            return result
        return sparse.scaled_spmm(x, weight, scale, adjacency, False)

    def multiply_by_each(self, x: Tensor, matrices: Tensor) -> Tensor:
        # Autocast casts what torch multiplies, and the gradients of that; devices multiply wide matrices better.
        if x.device.type != "cpu" or torch.is_autocast_enabled("cpu") or transformed():
            result: Tensor = super().multiply_by_each(x, matrices)
            return result
        result = MultiplyByEach.apply(x, matrices)
        return result

    def sddmm(self, adjacency: Adjacency, x: Tensor, y: Tensor, op: str) -> Tensor:
        if op == "add":
            return self._ends(adjacency, x, False) + self._ends(adjacency, y, True)
        if not x.is_floating_point() or x.shape[1:] != y.shape[1:]:
            result: Tensor = super().sddmm(adjacency, x, y, op)
            return result
        dtype = torch.promote_types(x.dtype, y.dtype)
        wide, heads, d = torch.promote_types(dtype, torch.float32), x.shape[1:-1], x.shape[-1]
        columns = (prod(heads), d) if prod(heads) != 1 else (d,)
        x, y = (z.to(wide).reshape((len(z), *columns)) for z in (x, y))
        return sparse.dot(x, y, adjacency).reshape((adjacency.n_edges, *heads)).to(dtype)

    def edge_softmax(self, adjacency: Adjacency, logits: Tensor) -> Tensor:
        _check_ordered("edge_softmax", logits)
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        columns = wide.reshape(len(logits), prod(logits.shape[1:]))
        return sparse.edge_softmax(columns, adjacency).reshape(logits.shape).to(logits.dtype)

    def _ends(self, adjacency: Adjacency, x: Tensor, back: bool) -> Tensor:
        """Return the row of each edge's receiver (or, back, sender): [n, ...] -> [n_edges, ...]."""
        if not x.is_floating_point():
            return x.index_select(0, adjacency.senders if back else adjacency.receivers)
        wide = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(len(x), prod(x.shape[1:]))
        return (
            sparse.edge_gather(wide, adjacency, back).reshape((adjacency.n_edges, *x.shape[1:])).to(x.dtype)
        )

    def activate(self, x: Tensor, name: str) -> Tensor:
        if name not in ("none", "tanh", "sigmoid"):
            _check_ordered(f"activate {name}", x)
        function = _ACTIVATIONS.get(name)
        return super().activate(x, name) if function is None else function(x)


def _check_ordered(op: str, x: Tensor) -> None:
    """Raise TypeError: `op` compares numbers, and these are complex."""
    if x.is_complex():
        raise TypeError(
            problem(op, f"dtype {x.dtype}", "real numbers, which have an order", "take x.abs() or x.real")
        )


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "elu": functional.elu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
