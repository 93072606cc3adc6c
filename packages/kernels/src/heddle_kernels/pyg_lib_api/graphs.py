"""Graphs that pyg-lib's functions are given anew with each call: checked once, and kept while they are in use."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

import torch
from torch import Tensor

from heddle_kernels.sampling import NeighborSampler

MOST = 4
"""Graphs that are kept. They keep their tensors alive, so a fifth one lets the first go."""

_kept: OrderedDict[tuple[object, ...], NeighborSampler] = OrderedDict()
_lock = Lock()


def kept_sampler(
    names: Sequence[object], tensors: Sequence[Tensor | None], build: Callable[[], NeighborSampler]
) -> NeighborSampler:
    """Return the sampler of a graph, building it only if these very tensors weren't seen lately.

    A tensor that torch changed in place is another one; one changed through numpy isn't noticed.

    Args:
        names: what else tells the graph from another one on the same tensors.
        build: makes the sampler.
    """
    key = (*names, *map(_identity, tensors))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    sampler = build()
    with _lock:
        _kept[key] = sampler
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return sampler


def _identity(tensor: Tensor | None) -> object:
    if tensor is None:
        return None
    version = 0 if tensor.is_inference() else tensor._version
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, version


def random_key() -> int:
    """Return 63 bits from torch's generator."""
    return int(torch.randint(2**63 - 1, ()))
