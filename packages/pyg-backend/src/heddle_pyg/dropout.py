"""Dropout whose random numbers come from a generator that a State carries, and that skips what is zero anyway."""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from heddle.layers.base import Dropout

NonZero = Mapping[int, tuple[Tensor, Tensor]]
"""id of a constant feature matrix -> (positions [n] int64 in the flattened matrix, values [n]) of its entries."""

_VALUES = 1 << 16


def dropout_from(generator: torch.Generator, nonzero: NonZero) -> Dropout:
    """Return a Dropout that draws 16 random bits for each entry, or for each non-zero entry where those are known.

    The rate is rounded to 1/65536, the scale is exactly the inverse of what is kept.
    """

    def dropout(x: Tensor, rate: float) -> Tensor:
        if rate == 0:
            return x
        if not 0 < rate < 1:
            raise ValueError(f"dropout: found a rate of {rate}, expected at least 0 and less than 1")
        dropped = min(round(rate * _VALUES), _VALUES - 1)
        scale = _VALUES / (_VALUES - dropped)
        if id(x) not in nonzero:
            return x * _keep(x.shape, dropped, generator).to(x.dtype).mul_(scale)
        positions, values = nonzero[id(x)]
        values = values * _keep(values.shape, dropped, generator).to(x.dtype).mul_(scale)
        return torch.zeros_like(x).flatten().scatter_(0, positions, values).reshape(x.shape)

    return dropout


def nonzero_entries(x: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return positions and values of the non-zero entries of a matrix that is large and mostly zero, else None."""
    if not x.is_floating_point() or x.numel() < _VALUES or int(torch.count_nonzero(x)) * 4 > x.numel():
        return None
    positions = x.flatten().nonzero().flatten()
    return positions, x.flatten()[positions]


def _keep(shape: torch.Size, dropped: int, generator: torch.Generator) -> Tensor:
    """Draw a mask that is False with probability dropped / 65536."""
    n = prod(shape)
    words = torch.empty((n + 3) // 4, dtype=torch.int64, device=generator.device)
    bits = words.random_(-(2**63), None, generator=generator).view(torch.int16)
    return (bits[:n] >= dropped - _VALUES // 2).reshape(shape)
