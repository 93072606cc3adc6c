"""pyg_lib.ops on Heddle's kernels, with gradients of any order."""

import torch
from torch import Tensor

from heddle_kernels import torch as kernels


def index_sort(inputs: Tensor, max_value: int | None = None) -> tuple[Tensor, Tensor]:
    """Sort non-negative integers [n]; return them sorted, and the places they come from. Equal ones keep their order.

    Args:
        max_value: at least the largest; a close one saves looking for it.
    """
    n = inputs.numel()
    top = max_value if max_value is not None else int(inputs.max()) if n else 0
    counted = inputs.device.type == "cpu" and inputs.dtype in (torch.int32, torch.int64)
    if not counted or top > 8 * n + 1024:  # counting would take longer than comparing
        return torch.sort(inputs, stable=True)
    order, _ = kernels.index_sort(inputs, top + 1)
    return inputs[order.long()], order.long()
