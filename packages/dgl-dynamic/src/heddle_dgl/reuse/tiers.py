"""Tiers: places that hold constants under a budget of bytes: a device, the host, a memory-mapped file."""

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from heddle.errors import ConfigError


class Tier(Protocol):
    """Holds tensors by slot; never more than `budget` bytes of them."""

    name: str
    budget: int
    used: int

    def write(self, value: Tensor) -> Any:
        """Keep a copy of a tensor of any shape and return its slot, for `read` and `free`.

        The caller made sure that it fits.
        """
        ...

    def read(self, slot: Any) -> Tensor:
        """Return the tensor that a slot holds, in the shape and dtype that it was written in, on the tier's device."""
        ...

    def free(self, slot: Any) -> None:
        """Release a slot, its bytes no longer counted."""
        ...


class MemoryTier:
    """Tensors on a device: "cpu" for the host, "cuda" for the card."""

    def __init__(self, name: str, budget: int, device: str | torch.device = "cpu"):
        _check(name, budget)
        self.name, self.budget, self.used, self._device = name, budget, 0, torch.device(device)

    def write(self, value: Tensor) -> Tensor:
        kept = value.to(self._device, copy=True).contiguous()
        self.used += kept.nbytes
        return kept

    def read(self, slot: Tensor) -> Tensor:
        return slot

    def free(self, slot: Tensor) -> None:
        self.used -= slot.nbytes


class FileTier:
    """Tensors in a temporary memory-mapped file in `folder`, one region for each size; gone with the object."""

    def __init__(self, budget: int, folder: str | Path | None = None, name: str = "disk"):
        _check(name, budget)
        self.name, self.budget, self.used = name, budget, 0
        self._file = tempfile.TemporaryFile(dir=folder, prefix="heddle-store-")  # noqa: SIM115 - closed in close()
        self._free: dict[int, list[int]] = {}
        self._end = 0

    def write(self, value: Tensor) -> tuple[int, int, torch.dtype, tuple[int, ...]]:
        array = value.detach().cpu().contiguous()
        size, holes = array.nbytes, self._free.get(array.nbytes, [])
        start = holes.pop() if holes else self._end
        if start == self._end:
            self._end += size
            os.ftruncate(self._file.fileno(), self._end)
        if size:
            self._region(start, size)[:] = array.view(torch.uint8).reshape(-1).numpy()
        self.used += size
        return start, size, array.dtype, tuple(array.shape)

    def read(self, slot: tuple[int, int, torch.dtype, tuple[int, ...]]) -> Tensor:
        start, size, dtype, shape = slot
        if not size:
            return torch.empty(shape, dtype=dtype)
        return torch.from_numpy(np.array(self._region(start, size))).view(dtype).reshape(shape)

    def free(self, slot: tuple[int, int, torch.dtype, tuple[int, ...]]) -> None:
        start, size, *_ = slot
        self.used -= size
        self._free.setdefault(size, []).append(start)
        if not self.used:  # holes of one size can't serve another, so an empty file starts anew
            self._free, self._end = {}, 0
            os.ftruncate(self._file.fileno(), 0)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __del__(self) -> None:
        self._file.close()

    def _region(self, start: int, size: int) -> np.memmap:
        return np.memmap(self._file, np.uint8, "r+", start, (size,))


def _check(name: str, budget: int) -> None:
    if budget < 0:
        raise ConfigError(
            f"store: tier {name!r}: found a budget of {budget} bytes, expected 0 or more; raise it"
        )
