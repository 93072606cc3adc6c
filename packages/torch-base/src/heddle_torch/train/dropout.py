"""Dropout whose random numbers come from a generator that a State carries."""

from math import prod

import torch
from torch import Tensor

from heddle.nn.layers.base import Dropout
from heddle_torch.arrays.features import SparseFeatures

_VALUES = 1 << 16


def dropout_from(generator: torch.Generator) -> Dropout:
    """Return a Dropout that draws 16 random bits for each entry, of SparseFeatures for those that aren't zero.

    The rate is rounded to 1/65536, the scale is exactly the inverse of what is kept.
    """

    def dropout(x: Tensor, rate: float) -> Tensor:
        if rate == 0:
            return x
        if not 0 < rate < 1:
            raise ValueError(f"dropout: found a rate of {rate}, expected at least 0 and less than 1")
        dropped = min(round(rate * _VALUES), _VALUES - 1)
        if isinstance(x, SparseFeatures):
            return x.with_entries(x.entries * _scales(x.entries, dropped, generator))
        return x * _scales(x, dropped, generator)

    return dropout


def _scales(x: Tensor, dropped: int, generator: torch.Generator) -> Tensor:
    """Draw the shape of x: 0 with probability dropped / 65536, else the inverse of the rest."""
    n = prod(x.shape)
    integers = torch.empty((n + 3) // 4, dtype=torch.int64, device=generator.device)
    bits = integers.random_(-(2**63), None, generator=generator).view(torch.int16)
    kept = (bits[:n] >= dropped - _VALUES // 2).reshape(x.shape)
    return kept.to(x.dtype).mul_(_VALUES / (_VALUES - dropped))
