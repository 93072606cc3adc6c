"""SparseFeatures: a constant matrix that is mostly zero, such as bags of words, and knows where it isn't."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle_torch.arrays.sparse import spmm

_PRODUCTS = {Tensor.__matmul__, Tensor.matmul, Tensor.mm, torch.matmul, torch.mm}
_LEAST, _SHARE = 1 << 16, 8


class SparseFeatures(Tensor):
    """A dense matrix [n, d] without gradient, whose product `x @ w` costs as many steps as it has entries.

    Whatever else is done with it gives plain tensors, as if it were one itself.

    Attributes:
        pattern: row (receiver) and column (sender) of each entry, sorted both ways.
        entries: [n_entries] values in the pattern's order.
    """

    pattern: Adjacency
    entries: Tensor

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _PRODUCTS and len(args) == 2 and isinstance(args[0], cls):
            x, weight = args
            if type(weight) is not cls and weight.ndim == 2 and weight.dtype == x.entries.dtype:
                return spmm(weight, x.entries, x.pattern, False)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    def with_entries(self, entries: Tensor) -> "SparseFeatures":
        """Return the matrix of the same shape and positions of entries, with other values [n_entries]."""
        columns = self.pattern.senders.long()
        positions = columns.add_(self.pattern.receivers, alpha=self.shape[1])
        dense = torch.zeros(self.shape, dtype=entries.dtype).view(-1).scatter_(0, positions, entries)
        return _made(dense.view(self.shape), self.pattern, entries)


def as_features(x: Tensor) -> Tensor:
    """Return a matrix [n, d] as SparseFeatures of the same values where that pays; else x itself.

    It pays on a CPU, in float32 or float64, from 65536 entries on of which at most one in eight isn't zero.
    """
    fits = x.ndim == 2 and x.dtype in (torch.float32, torch.float64) and x.device.type == "cpu"
    if not fits or x.numel() < _LEAST or int(torch.count_nonzero(x)) * _SHARE > x.numel():
        return x
    rows, columns = x.nonzero(as_tuple=True)
    pattern = build_adjacency(columns.numpy(), rows.numpy(), x.shape[1], x.shape[0])
    tensors = Adjacency(*(torch.from_numpy(field) for field in pattern))
    return _made(x, tensors, x[rows, columns])


def _made(dense: Tensor, pattern: Adjacency, entries: Tensor) -> SparseFeatures:
    features = dense.as_subclass(SparseFeatures)
    features.pattern, features.entries = pattern, entries
    return features
