"""xp: the array API on torch as portable layers call it, each function one that torch.func goes through."""

from types import ModuleType
from typing import Any

import array_api_compat.torch
from torch import Tensor


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of x [..., n, ...] along an axis: n tensors without that axis, in one operation.

    array_api_compat's goes by torch.moveaxis, which has no batching rule.
    """
    return x.unbind(axis)


xp: Any = ModuleType(f"{__name__}.xp", "array_api_compat.torch, but for the functions above.")
xp.__dict__.update({name: getattr(array_api_compat.torch, name) for name in dir(array_api_compat.torch)})
xp.unstack = unstack
