"""Adjacencies of a graph on several devices: what one device holds, and how it reaches the nodes of the others."""

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from heddle.graphs.adjacency import Adjacency
from heddle_jax.ops import segments
from heddle_jax.sharding import segments as across


class ShardedAdjacency(Protocol):
    """What stands for an Adjacency inside a function that runs on every device.

    A device holds some rows of nodes and some edges. The ends of its edges are numbered in tables: of senders, made of
    its rows and those it has to be sent, and of receivers. Methods are collective: every device calls them together.
    """

    @property
    def local(self) -> Adjacency:
        """This device's edges, in the numbers of its tables."""
        ...

    @property
    def n_rows(self) -> int:
        """Rows of nodes that a device holds."""
        ...

    def table(self, x: Array, side: str, axis: str) -> Array:
        """Return what the ends on `side` ("senders" or "receivers") index, from the rows held: [n_rows, ...] of x."""
        ...

    def ids(self, side: str) -> Array:
        """Return [n_edges] int ends as `table` numbers them."""
        ...

    def total(self, edges: Array, side: str, axis: str) -> Array:
        """Sum [n_edges, ...] values by their ends on `side`, over all devices: the rows held, [n_rows, ...]."""
        ...

    def fold(self, table: Array, axis: str) -> Array:
        """Sum the devices' tables of receivers, and return the rows held: [n_rows, ...]."""
        ...

    def largest(self, edges: Array, side: str, axis: str) -> Array:
        """Take the largest of [n_edges, ...] values by their ends on `side`, over all devices.

        Returns: for the rows held, [n_rows, ...]; 0 for ends without edges.
        """
        ...

    def softmax(self, logits: Array, axis: str) -> Array:
        """Normalise [n_edges, ...] logits over the edges that each receiver receives, on whatever device."""
        ...


class ReplicatedAdjacency(NamedTuple):
    """Every device holds all nodes and a run of the edges (`heddle.engines.sharding.shard.split_edges`).

    Attributes:
        local: with one receiver more than nodes, which padding edges enter.
    """

    local: Adjacency

    @property
    def n_rows(self) -> int:
        return self.local.n_receivers - 1

    def table(self, x: Array, side: str, axis: str) -> Array:
        return x

    def ids(self, side: str) -> Array:
        if side == "senders":
            return self.local.senders
        return jnp.minimum(self.local.receivers, self.local.n_receivers - 2)

    def total(self, edges: Array, side: str, axis: str) -> Array:
        n = self._n(side)
        partial = segments.segment_sum(edges, self._padded_ids(side), n + 1)[:n]
        return jax.lax.psum(partial, axis)

    def fold(self, table: Array, axis: str) -> Array:
        return jax.lax.psum(table[: self.n_rows], axis)

    def largest(self, edges: Array, side: str, axis: str) -> Array:
        n = self._n(side)
        return across.segment_max(edges, self._padded_ids(side), n + 1, axis)[:n]

    def softmax(self, logits: Array, axis: str) -> Array:
        return across.segment_softmax(logits, self.local.receivers, self.local.n_receivers, axis)

    def _n(self, side: str) -> int:
        return self.n_rows if side == "receivers" else self.local.n_senders

    def _padded_ids(self, side: str) -> Array:
        """Return the ends, those of padding edges one past the last node."""
        receivers, n = self.local.receivers, self._n(side)
        if side == "receivers":
            return receivers
        return jnp.where(receivers < self.n_rows, self.local.senders, jnp.full_like(receivers, n))


class ScatteredAdjacency(NamedTuple):
    """Every device holds a range of nodes and a run of edges (`scatter_edges`), and sees all nodes while it works.

    Attributes:
        local: in the numbers of all devices' rows, one after another.
        rows: [n_rows] of anything; its length is what counts.
    """

    local: Adjacency
    rows: Array

    @property
    def n_rows(self) -> int:
        return self.rows.shape[0]

    def table(self, x: Array, side: str, axis: str) -> Array:
        return jax.lax.all_gather(x, axis, tiled=True)

    def ids(self, side: str) -> Array:
        return self.local.senders if side == "senders" else self.local.receivers

    def total(self, edges: Array, side: str, axis: str) -> Array:
        return self.fold(segments.segment_sum(edges, self.ids(side), self.local.n_receivers), axis)

    def fold(self, table: Array, axis: str) -> Array:
        return jax.lax.psum_scatter(table, axis, tiled=True)

    def largest(self, edges: Array, side: str, axis: str) -> Array:
        table = across.segment_max(edges, self.ids(side), self.local.n_receivers, axis)
        return jax.lax.dynamic_slice_in_dim(table, jax.lax.axis_index(axis) * self.n_rows, self.n_rows)

    def softmax(self, logits: Array, axis: str) -> Array:
        return across.segment_softmax(logits, self.local.receivers, self.local.n_receivers, axis)


class HaloAdjacency(NamedTuple):
    """Every device holds a part's nodes and the edges that enter them (`heddle.engines.sharding.halo.halo_shards`).

    Attributes:
        local: senders count the rows held, then the halo by the device it comes from.
        send: [n_devices, n_slots] int, the rows to send to each.
    """

    local: Adjacency
    send: Array

    @property
    def n_rows(self) -> int:
        return self.local.n_receivers

    def table(self, x: Array, side: str, axis: str) -> Array:
        if side == "receivers" or not self.send.size:
            return x
        leaving = segments.gather(x, jnp.reshape(self.send, (-1,)))
        return jnp.concatenate([x, self._exchange(leaving, axis)])

    def ids(self, side: str) -> Array:
        return self.local.senders if side == "senders" else self.local.receivers

    def total(self, edges: Array, side: str, axis: str) -> Array:
        if side == "receivers":
            return segments.segment_sum(edges, self.local.receivers, self.n_rows)
        table = segments.segment_sum(edges, self.local.senders, self.local.n_senders)
        rows, halo = table[: self.n_rows], table[self.n_rows :]
        if not self.send.size:
            return rows
        returned = self._exchange(halo, axis)
        return rows + segments.segment_sum(returned, jnp.reshape(self.send, (-1,)), self.n_rows)

    def fold(self, table: Array, axis: str) -> Array:
        return table

    def largest(self, edges: Array, side: str, axis: str) -> Array:
        if side == "receivers":
            return segments.segment_max(edges, self.local.receivers, self.n_rows)
        return self._largest_of_senders(edges, axis)

    def softmax(self, logits: Array, axis: str) -> Array:
        receivers, n = self.local.receivers, self.n_rows
        largest = segments.segment_max(jax.lax.stop_gradient(logits), receivers, n)
        largest = jnp.where(jnp.isfinite(largest), largest, jnp.zeros_like(largest))
        exps = jnp.exp(logits - segments.gather(largest, receivers))
        total = segments.segment_sum(exps, receivers, n)
        total = jnp.where(total > 0, total, jnp.ones_like(total))
        return exps / segments.gather(total, receivers)

    def _exchange(self, rows: Array, axis: str) -> Array:
        """Send the k-th run of rows to the k-th device, and return what the devices sent here: [n_halo, ...]."""
        return jax.lax.all_to_all(rows, axis, 0, 0, tiled=True)

    def _largest_of_senders(self, edges: Array, axis: str) -> Array:
        """Take the largest by sender. Its edges may lie anywhere: the largest goes home and back, then ties share."""
        least = across.lowest(edges.dtype)
        table = jnp.full((self.local.n_senders, *edges.shape[1:]), least, edges.dtype)
        table = table.at[self.local.senders].max(jax.lax.stop_gradient(edges), mode="promise_in_bounds")
        most = table[: self.n_rows]
        if self.send.size:
            returned = self._exchange(table[self.n_rows :], axis)
            most = most.at[jnp.reshape(self.send, (-1,))].max(returned, mode="promise_in_bounds")
        most = jnp.where(most == least, jnp.zeros_like(most), most)
        largest = segments.gather(self.table(most, "senders", axis), self.local.senders)
        share = (jax.lax.stop_gradient(edges) == largest).astype(edges.dtype)
        count = self.total(share, "senders", axis)
        moving = jnp.where(share > 0, edges - jax.lax.stop_gradient(edges), jnp.zeros_like(edges))
        return most + self.total(moving, "senders", axis) / jnp.where(count > 0, count, jnp.ones_like(count))
