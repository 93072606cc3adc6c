"""digest: 128 bits of what is in arrays, so that what is kept of them is never found for others."""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
import xxhash
from torch import Tensor


def digest(*arrays: np.ndarray) -> int:
    """Return 128 bits (xxh3) of arrays' dtypes, shapes and contents, in order; none have a digest too.

    >>> digest(np.zeros(2, np.float32)) == digest(np.zeros((1, 2), np.float32))
    False
    """
    state = xxhash.xxh3_128()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape};".encode())
        state.update(_bytes(array))
    return state.intdigest()


def tensor_digest(tensor: Tensor) -> int | None:
    """Return the digest (128 bits, of contents, shape and dtype) of a tensor of any shape in host memory, as an int.

    None where its contents can't be read cheaply: on another device, where a transformation of `torch.func` goes over
    it, and in code that torch compiles.
    """
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and tensor.layout == torch.strided
    if not plain or tensor.device.type != "cpu" or torch.compiler.is_compiling():
        return None
    if torch._C._functorch.maybe_current_level() is None:
        return _digest(tensor)
    if is_transformed(tensor):
        return None
    with outside_transforms():
        return _digest(tensor)


def _digest(tensor: Tensor) -> int:
    values = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    state = xxhash.xxh3_128(f"{tensor.dtype}{tuple(tensor.shape)};".encode())
    state.update(_bytes(values.view(torch.uint8).numpy()))
    return state.intdigest()


def is_transformed(tensor: Tensor) -> bool:
    """Tell whether a transformation of `torch.func` goes over a tensor, which has no values of its own then."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def outside_transforms() -> AbstractContextManager[Any]:
    """Return a context in which tensors are made, and constants read, as if no transformation of `torch.func` ran."""
    guard: AbstractContextManager[Any] = torch._C._DisableFuncTorch()
    return guard


def contents_version(array: Any) -> tuple[int, int | None] | None:
    """Return (changes in place, digest of the contents) of an array, as a version for a `Memo`.

    A write behind torch's back, through `.data` or memory that numpy shares, is seen where the tensor lies in host
    memory. None where nothing tells of a change: a tensor of inference mode on another device.

    >>> contents_version(np.zeros(2)) == contents_version(np.ones(2))
    False
    """
    if isinstance(array, Tensor):
        counted = -1 if array.is_inference() else array._version
        contents = tensor_digest(array)
        return None if contents is None and counted < 0 else (counted, contents)
    return 0, digest(np.asarray(array))


def counted_version(array: Any) -> int | tuple[int, int | None] | None:
    """Return a version of an array for a `Memo`: a tensor's number of changes in place, or else its contents'."""
    counts = isinstance(array, Tensor) and not array.is_inference()
    return array._version if counts else contents_version(array)


def _bytes(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
