"""Table: a parameter whose rows are read one by one, and whose gradient holds these rows and no others."""

from copy import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from heddle_torch.arrays.ops import TorchOps


class Table(nn.Parameter):
    """Rows of embeddings [n, d]; `TorchOps` of `sparse_ops` gathers from it with a sparse gradient."""


def sparse_ops(ops: TorchOps, compute: torch.dtype) -> TorchOps:
    """Return the primitives, of which `gather` from a Table has a sparse gradient.

    Args:
        compute: dtype that the rows are returned in; the Table itself stays in that of the weights.
    """
    changed, gather = copy(ops), ops.gather

    def gather_rows(x: Tensor, index: Tensor) -> Tensor:
        if not isinstance(x, Table):
            return gather(x, index)
        return functional.embedding(index, x, sparse=True).to(compute)

    changed.gather = gather_rows  # type: ignore[method-assign]
    return changed


def make_sparse(table: Tensor) -> None:
    """Make the dense gradient [n, d] of a Table [n, d] a sparse one of all its rows; None and sparse ones stay.

    A step that reads a Table as a whole, and not by rows, leaves a dense gradient.
    """
    grad = table.grad
    if grad is not None and not grad.is_sparse:
        rows = torch.arange(len(table), device=table.device)
        table.grad = torch.sparse_coo_tensor(
            rows[None], grad, table.shape, is_coalesced=True, check_invariants=False
        )
