"""CsrArrays: the arrays of an adjacency that walks over its edges need, both ways."""

from typing import NamedTuple, Self

import jax.numpy as jnp
from jax import Array

from heddle.graphs.adjacency import Adjacency
from heddle_kernels.jax.compat import widened


class CsrArrays(NamedTuple):
    """See heddle.graphs.adjacency.Adjacency, of which only `order` is missing."""

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
        """Return {"indptr": [n + 1], "ids": [n_edges], "perm": [n_edges]} of the walk over the n senders, or receivers.

        `ids` are the far ends, `perm` is where a walk's edges lie in the adjacency's order: None over receivers, which
        have it.
        """
        if at_senders:
            return {"indptr": self.t_indptr, "ids": self.t_receivers, "perm": self.t_order}
        return {"indptr": self.indptr, "ids": self.senders, "perm": None}

    def ends(self, transpose: bool) -> tuple[Array, Array]:
        """Return the nodes that edges' values come from and go to, [n_edges] each, in the adjacency's order.

        Args:
            transpose: whether values go from receivers to senders.
        """
        return (self.receivers, self.senders) if transpose else (self.senders, self.receivers)

    def divided(self, at_senders: bool, x: Array) -> Array:
        """Divide rows of x [n, ...] by the number of edges of each sender, or receiver; rows without edges stay."""
        count = jnp.maximum(jnp.diff(self.t_indptr if at_senders else self.indptr), 1)
        return divided(x, count.reshape(-1, *(1,) * (x.ndim - 1)))


def divided(x: Array, count: Array) -> Array:
    """Return x / count, in the shape and dtype of x; computed in float32 at least, as float16 ends at 65504.

    Args:
        count: whole numbers, in a shape that x's holds.
    """
    wide = widened(x)
    return (wide / count.astype(wide.dtype)).astype(x.dtype)


SIZE = len(CsrArrays._fields)
