"""pyg_lib.ops on Heddle's kernels, with gradients of any order."""

import torch
from torch import Tensor

from heddle_kernels import torch as kernels


def segment_matmul(inputs: Tensor, ptr: Tensor, other: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply rows by the matrix of their segment: rows ptr[i] to ptr[i + 1] of `inputs` times other[i] plus bias[i].

    Args:
        inputs: [n, k].
        ptr: [b + 1] int, rising from 0 to n.
        other: [b, k, m].
        bias: [b, m], or None.

    Returns: [n, m].
    """
    return kernels.segment_matmul(inputs, other, ptr.cpu().diff(), bias)


def grouped_matmul(
    inputs: list[Tensor], others: list[Tensor], biases: list[Tensor] | None = None
) -> list[Tensor]:
    """Multiply pairs of matrices of any sizes: inputs[i] [n_i, k_i] @ others[i] [k_i, m_i] + biases[i] [m_i]."""
    return kernels.grouped_matmul(inputs, others, biases)


def index_sort(inputs: Tensor, max_value: int | None = None) -> tuple[Tensor, Tensor]:
    """Sort non-negative integers [n]; return them sorted, and the places they come from. Equal ones keep their order.

    Args:
        max_value: at least the largest; a close one saves looking for it.
    """
    n = inputs.numel()
    largest = max_value if max_value is not None else int(inputs.max()) if n else 0
    counted = inputs.device.type == "cpu" and inputs.dtype in (torch.int32, torch.int64)
    if not counted or largest > 8 * n + 1024:  # counting would take longer than comparing
        return torch.sort(inputs, stable=True)
    order, _ = kernels.index_sort(inputs, largest + 1)
    return inputs[order.long()], order.long()


def softmax_csr(src: Tensor, ptr: Tensor, dim: int = 0) -> Tensor:
    """Softmax along `dim` within each group: places ptr[i] to ptr[i + 1].

    Args:
        src: any shape.
        ptr: [b + 1] int, rising from 0 to the size of `dim`.
    """
    rows = src.movedim(dim, 0)
    groups = ptr.numel() - 1
    ids = torch.repeat_interleave(
        torch.arange(groups, device=ptr.device), ptr.diff(), output_size=rows.shape[0]
    )
    return kernels.segment_softmax(rows, ids, groups).movedim(0, dim)


def sampled_add(
    left: Tensor, right: Tensor, left_index: Tensor | None = None, right_index: Tensor | None = None
) -> Tensor:
    """Add rows: left[left_index] + right[right_index]; None takes all rows as they are."""
    return _rows(left, left_index) + _rows(right, right_index)


def sampled_sub(
    left: Tensor, right: Tensor, left_index: Tensor | None = None, right_index: Tensor | None = None
) -> Tensor:
    """Subtract rows: left[left_index] - right[right_index]; None takes all rows as they are."""
    return _rows(left, left_index) - _rows(right, right_index)


def sampled_mul(
    left: Tensor, right: Tensor, left_index: Tensor | None = None, right_index: Tensor | None = None
) -> Tensor:
    """Multiply rows: left[left_index] * right[right_index], [n, ...]; None takes all rows as they are."""
    return _rows(left, left_index) * _rows(right, right_index)


def sampled_div(
    left: Tensor, right: Tensor, left_index: Tensor | None = None, right_index: Tensor | None = None
) -> Tensor:
    """Divide rows: left[left_index] / right[right_index], [n, ...]; None takes all rows as they are."""
    return _rows(left, left_index) / _rows(right, right_index)


def _rows(values: Tensor, index: Tensor | None) -> Tensor:
    return values if index is None else kernels.gather(values, index)
