"""ShardedOps: the primitives on a graph that lies on several devices, for functions that run on each of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import ConfigError
from heddle.ops.graph_ops import GraphOps
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.adjacency import ShardedAdjacency
from heddle_jax.sharding.segments import segment_max, segment_softmax


class Ends:
    """The senders or the receivers of a device's edges: ids that know on which devices their nodes lie."""

    def __init__(self, adjacency: ShardedAdjacency, side: str):
        self.adjacency, self.side = adjacency, side

    @property
    def shape(self) -> tuple[int, ...]:
        """[n_edges], of this device."""
        return self.adjacency.local.senders.shape


class Counts(NamedTuple):
    """Rows of each graph of a batch that this device holds: what stands for n_node or n_edge if rows are split."""

    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """[n_graphs]."""
        return self.values.shape


class Members(NamedTuple):
    """The graph of each row that this device holds; sums by it go over all devices."""

    ids: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """[n_rows], of this device."""
        return self.ids.shape


class EdgesOf(NamedTuple):
    """A ShardedAdjacency as layers see it: the fields of an Adjacency, with ends that know where their nodes lie.

    Attributes:
        part: what one device holds.
    """

    part: Any

    @property
    def senders(self) -> Ends:
        """The ends that send."""
        return Ends(self.part, "senders")

    @property
    def receivers(self) -> Ends:
        """The ends that receive."""
        return Ends(self.part, "receivers")

    @property
    def order(self) -> Array:
        """[n_edges] int, the place of each edge among this device's edge features: they lie in this order."""
        return jnp.arange(self.n_edges, dtype=self.part.local.senders.dtype)

    @property
    def n_receivers(self) -> int:
        """Rows of nodes held."""
        return self.part.n_rows

    @property
    def n_senders(self) -> int:
        """Rows of nodes held."""
        return self.part.n_rows

    @property
    def n_edges(self) -> int:
        """Edges held, padding among them."""
        return self.part.local.n_edges


class UnorderedEdgesOf(EdgesOf):
    """EdgesOf edges other than the graph's own, transposed or with loops added: edge features aren't in their order."""

    @property
    def order(self) -> Array:
        """Refuse to give edges in another order.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "sharding: found a layer that reads edge features along edges transposed or with loops, expected the "
            "graph's own edges; use sharding=none"
        )


class ShardedOps(GraphOps):
    """The primitives inside a body that runs on every device of a mesh axis, for portable layers as they are.

    What an op does follows from the ids it is given: plain ids stay on the device; `Ends` of an adjacency and
    `Members` of a batch reach across. A body is what `spmd` runs.

    Args:
        inner: the primitives on one device.
        axis: name of the mesh axis.
    """

    xp: Any = jnp

    def __init__(self, inner: JaxOps, axis: str):
        self.inner, self.axis = inner, axis

    def asarray(self, array: np.ndarray, like: Array | None = None) -> Array:
        return self.inner.asarray(array, like)

    def stop_gradient(self, x: Array) -> Array:
        return jax.lax.stop_gradient(x)

    def gather(self, x: Array, index: Any) -> Array:
        if isinstance(index, Ends):
            table = index.adjacency.table(x, index.side, self.axis)
            return self.inner.gather(table, index.adjacency.ids(index.side))
        return self.inner.gather(x, index.ids if isinstance(index, Members) else index)

    def segment_sum(self, data: Array, segment_ids: Any, num_segments: int) -> Array:
        if isinstance(segment_ids, Ends):
            return segment_ids.adjacency.total(data, segment_ids.side, self.axis)
        if isinstance(segment_ids, Members):
            return jax.lax.psum(self.inner.segment_sum(data, segment_ids.ids, num_segments), self.axis)
        return self.inner.segment_sum(data, segment_ids, num_segments)

    def segment_max(self, data: Array, segment_ids: Any, num_segments: int) -> Array:
        if isinstance(segment_ids, Ends):
            return segment_ids.adjacency.largest(data, segment_ids.side, self.axis)
        if isinstance(segment_ids, Members):
            return segment_max(data, segment_ids.ids, num_segments, self.axis)
        return self.inner.segment_max(data, segment_ids, num_segments)

    def segment_matmul(self, lhs: Array, rhs: Array, group_sizes: Any) -> Array:
        return self.inner.segment_matmul(lhs, rhs, group_sizes)

    def matmul(self, x: Array, weight: Array) -> Array:
        return self.inner.matmul(x, weight)

    def spmm(self, adjacency: Any, x: Array, weight: Array | None = None) -> Array:
        sharded = adjacency.part
        table = sharded.table(x, "senders", self.axis)
        return sharded.fold(self.inner.spmm(sharded.local, table, weight), self.axis)

    def edge_softmax(self, adjacency: Any, logits: Array) -> Array:
        return adjacency.part.softmax(logits, self.axis)

    def joint_softmax(self, adjacencies: Any, logits: Array, n_receivers: int) -> Array:
        local = [adjacency.part.local for adjacency in adjacencies]
        receivers = jnp.concat([edges.receivers for edges in local])
        return segment_softmax(logits, receivers, local[0].n_receivers, self.axis)

    def segment_softmax(self, data: Array, segment_ids: Any, num_segments: int) -> Array:
        if isinstance(segment_ids, Ends) and segment_ids.side == "receivers":
            return segment_ids.adjacency.softmax(data, self.axis)
        return super().segment_softmax(data, segment_ids, num_segments)

    def degree(self, adjacency: Any, like: Array) -> Array:
        return adjacency.part.fold(self.inner.degree(adjacency.part.local, like), self.axis)

    def activate(self, x: Array, name: str) -> Array:
        return self.inner.activate(x, name)

    def graph_ids(self, counts: Any, n_rows: int) -> Any:
        if isinstance(counts, Counts):
            return Members(self.inner.graph_ids(counts.values, n_rows))
        return self.inner.graph_ids(counts, n_rows)

    def _count(self, data: Array, segment_ids: Any, num_segments: int) -> Array:
        ones = jnp.ones((data.shape[0],) + (1,) * (data.ndim - 1), data.dtype)
        count = self.segment_sum(ones, segment_ids, num_segments)
        return jnp.where(count > 0, count, jnp.ones_like(count))
