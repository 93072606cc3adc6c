"""Steps of cells under torch.autocast: products in one dtype, with what autocast made narrower brought back."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Call = TypeVar("Call", bound=Callable[..., Any])


def without_autocast(call: Call) -> Call:
    """Return a method of an autograd.Function that computes in its arguments' dtypes, whatever autocast says.

    Autocast would make the operands of a product narrower than the buffer that it is added to.
    """

    @wraps(call)
    def computed(ctx: Any, *args: Any) -> Any:
        if not torch._C._is_any_autocast_enabled():
            return call(ctx, *args)
        device = next(arg.device.type for arg in args if isinstance(arg, Tensor))
        with torch.autocast(device, enabled=False):
            return call(ctx, *args)

    return cast(Call, computed)


def widened(base: Tensor, *lists: Sequence[Tensor | None]) -> tuple[Any, ...]:
    """Under autocast, return `base` and lists of operands in one dtype: float32 at least, float64 where `base` is.

    Tensors keep their shapes, None stays None. Without autocast all are returned as they are.
    """
    if not torch._C._is_any_autocast_enabled():
        return base, *lists
    wide = torch.promote_types(base.dtype, torch.float32)
    return base.to(wide), *([None if x is None else x.to(wide) for x in tensors] for tensors in lists)
