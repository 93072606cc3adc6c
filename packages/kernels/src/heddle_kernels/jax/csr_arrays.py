"""CsrArrays: the arrays of an adjacency that walks over its edges need, both ways."""

from typing import NamedTuple, Self

import jax.numpy as jnp
from jax import Array

from heddle.adjacency import Adjacency


class CsrArrays(NamedTuple):
    """See heddle.adjacency.Adjacency, of which only `order` is missing."""

    indptr: Array
    senders: Array
    receivers: Array
    t_indptr: Array
    t_receivers: Array
    t_order: Array

    @classmethod
    def of(cls, adjacency: Adjacency) -> Self:
        senders, receivers, indptr, _, t_receivers, t_indptr, t_order = adjacency
        arrays = map(jnp.asarray, (indptr, senders, receivers, t_indptr, t_receivers, t_order))
        return cls(*arrays)

    def rows(self, at_senders: bool) -> int:
        """Count the senders, or the receivers."""
        return (self.t_indptr if at_senders else self.indptr).shape[0] - 1

    def walk(self, at_senders: bool) -> dict[str, Array | None]:
        """Return indptr, ids and perm of the walk over senders, or over receivers, whose perm is None."""
        if at_senders:
            return {"indptr": self.t_indptr, "ids": self.t_receivers, "perm": self.t_order}
        return {"indptr": self.indptr, "ids": self.senders, "perm": None}

    def ends(self, transpose: bool) -> tuple[Array, Array]:
        """Return where each edge's value comes from and where it goes, in the adjacency's order."""
        return (self.receivers, self.senders) if transpose else (self.senders, self.receivers)

    def degree(self, at_senders: bool, like: Array) -> Array:
        """Count the edges of each sender, or receiver, at least 1, shaped to divide `like`."""
        count = jnp.diff(self.t_indptr if at_senders else self.indptr)
        return jnp.maximum(count, 1).astype(like.dtype).reshape(-1, *(1,) * (like.ndim - 1))


SIZE = len(CsrArrays._fields)
