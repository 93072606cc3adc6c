"""Structure: the tensors of an adjacency that walks over its edges need, both ways."""

from typing import NamedTuple, Self

from torch import Tensor

from heddle.adjacency import Adjacency

SCHEMA = "Tensor indptr, Tensor senders, Tensor t_indptr, Tensor t_receivers, Tensor t_order"
"""The first arguments of every operator on a graph."""


class Structure(NamedTuple):
    """See heddle.adjacency.Adjacency; `receivers` and `order` are not needed."""

    indptr: Tensor
    senders: Tensor
    t_indptr: Tensor
    t_receivers: Tensor
    t_order: Tensor

    @classmethod
    def of(cls, adjacency: Adjacency) -> Self:
        senders, _, indptr, _, t_receivers, t_indptr, t_order = adjacency
        return cls(indptr, senders, t_indptr, t_receivers, t_order)

    def rows(self, at_senders: bool) -> int:
        """Count the senders, or the receivers."""
        return (self.t_indptr if at_senders else self.indptr).shape[0] - 1

    def walk(self, at_senders: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return (indptr, ids, perm) of the walk over senders, or over receivers, in dense memory."""
        if at_senders:
            return self.t_indptr.contiguous(), self.t_receivers.contiguous(), self.t_order.contiguous()
        return self.indptr.contiguous(), self.senders.contiguous(), None

    def degree(self, at_senders: bool, like: Tensor) -> Tensor:
        """Count the edges of each sender, or receiver, at least 1, shaped to divide `like`."""
        indptr = self.t_indptr if at_senders else self.indptr
        count = (indptr[1:] - indptr[:-1]).clamp(min=1).to(like.dtype)
        return count.reshape(-1, *(1,) * (like.ndim - 1))
