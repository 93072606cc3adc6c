"""Graphs that pyg-lib's functions are given anew with each call: checked once, and kept while they are in use."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

import torch
from torch import Tensor

from heddle_kernels.sampling import NeighborSampler

MOST = 4
"""Graphs that are kept. They keep their tensors alive, so a fifth one lets the first go."""

_kept: OrderedDict[tuple[object, ...], tuple[NeighborSampler, tuple[Tensor | None, ...]]] = OrderedDict()
"""Samplers with the tensors that their keys name by address, which nothing else may have while these are held."""
_lock = Lock()


def kept_sampler(
    names: Sequence[object], tensors: Sequence[Tensor | None], build: Callable[[], NeighborSampler]
) -> NeighborSampler:
    """Return the sampler of a graph, building it only if these very tensors weren't seen lately.

    A tensor that torch changed in place is another one; a change behind torch's back, through `.data` or numpy, isn't
    noticed. Tensors of inference mode count no changes, so that their graph is checked in each call.

    Args:
        names: what else tells the graph from another one on the same tensors.
        tensors: the graph's own, of any shape: ids [n_edges], times, weights; None for one that it lacks.
        build: makes the sampler.
    """
    if any(tensor is not None and tensor.is_inference() for tensor in tensors):
        return build()
    key = (*names, *map(_identity, tensors))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key][0]
    sampler = build()
    held = tuple(None if tensor is None else tensor.detach() for tensor in tensors)
    with _lock:
        _kept[key] = sampler, held
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return sampler


def _identity(tensor: Tensor | None) -> object:
    if tensor is None:
        return None
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor._version


def random_key() -> int:
    """Return 63 bits from torch's generator."""
    return int(torch.randint(2**63 - 1, ()))
