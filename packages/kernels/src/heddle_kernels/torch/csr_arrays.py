"""CsrArrays: the tensors of an adjacency that walks over its edges need, both ways."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency


class CsrArrays(NamedTuple):
    """The first arguments of every operator on edges, `calls.describe.STRUCTURE`.

    See heddle.graphs.adjacency.Adjacency; `receivers` and `order` are not needed.
    """

    indptr: Tensor
    senders: Tensor
    t_indptr: Tensor
    t_receivers: Tensor
    t_order: Tensor

    @classmethod
    def of(cls, adjacency: Adjacency) -> Self:
        """Take the arrays of an adjacency."""
        senders, _, indptr, _, t_receivers, t_indptr, t_order = adjacency
        return cls(indptr, senders, t_indptr, t_receivers, t_order)

    @classmethod
    def split(cls, arguments: Sequence[Any]) -> tuple[Self, Sequence[Any]]:
        """Return (the arrays that an operator's arguments begin with, the other arguments)."""
        return cls(*arguments[:SIZE]), arguments[SIZE:]

    def rows(self, at_senders: bool) -> int:
        """Count the senders, or the receivers."""
        return (self.t_indptr if at_senders else self.indptr).shape[0] - 1

    def walk(self, at_senders: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return (indptr [n + 1], ids [n_edges], perm [n_edges]) of the walk over the n senders, or receivers.

        `ids` are the far ends, `perm` is where a walk's edges lie in the adjacency's order: None over receivers, which
        have it. All are dense in memory.
        """
        if at_senders:
            return self.t_indptr.contiguous(), self.t_receivers.contiguous(), self.t_order.contiguous()
        return self.indptr.contiguous(), self.senders.contiguous(), None

    def degree(self, at_senders: bool) -> Tensor:
        """Count the edges of each sender, or receiver, at least 1: [n] int."""
        indptr = self.t_indptr if at_senders else self.indptr
        return (indptr[1:] - indptr[:-1]).clamp(min=1)


SIZE = len(CsrArrays._fields)


def divided(x: Tensor, count: Tensor) -> Tensor:
    """Divide rows of x [n, ...] by counts [n], in the shape and dtype of x.

    It is computed in float32 at least, as float16 ends at 65504.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    count = count.to(wide).reshape(*count.shape, *(1,) * (x.ndim - count.ndim))
    return (x.to(wide) / count).to(x.dtype)
