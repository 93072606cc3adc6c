"""shard: the edges of a graph split over devices, each with an Adjacency of its own, all of one size."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.graphs.graph import Array


class Rows(NamedTuple):
    """Which node each row of each device stands for.

    Attributes:
        ids: [n_shards, n_rows] int, the node; 0 for padding.
        mask: [n_shards, n_rows] bool, False for padding. Every node has one row on one device.
    """

    ids: np.ndarray
    mask: np.ndarray

    def take(self, values: Array) -> np.ndarray:
        """Return [n_nodes, ...] values as rows: [n_shards, n_rows, ...], zeros for padding."""
        return _taken(np.asarray(values), self.ids, self.mask)

    def join(self, rows: Array) -> np.ndarray:
        """Return rows as [n_nodes, ...] values; inverse of `take`."""
        return _joined(np.asarray(rows), self.ids, self.mask)


class EdgeShards(NamedTuple):
    """Edges split over devices.

    Attributes:
        adjacency: one Adjacency a device, stacked: each array has a leading axis [n_shards]. Padding edges come
            last and join a sender to a receiver that stand for no node.
        ids: [n_shards, n_slots] int, which edge of the adjacency that was split a slot holds; 0 for padding.
        mask: [n_shards, n_slots] bool, False for padding. Every edge has one slot on one device.
    """

    adjacency: Adjacency
    ids: np.ndarray
    mask: np.ndarray

    def take(self, values: Array) -> np.ndarray:
        """Return [n_edges, ...] values as slots: [n_shards, n_slots, ...], zeros for padding."""
        return _taken(np.asarray(values), self.ids, self.mask)

    def join(self, slots: Array) -> np.ndarray:
        """Return slots as [n_edges, ...] values; inverse of `take`."""
        return _joined(np.asarray(slots), self.ids, self.mask)


class LocalEdges(NamedTuple):
    """One device's edges, before padding: ids of the edges, and their ends in the device's own numbering."""

    ids: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray


def scattered_rows(n_nodes: int, n_shards: int) -> Rows:
    """Return equal ranges of the ids of `n_nodes` nodes, one for each of `n_shards` devices.

    At least one row of padding is at the end of the last.
    """
    n_rows = -(-(n_nodes + 1) // n_shards)
    ids = np.arange(n_shards * n_rows).reshape(n_shards, n_rows)
    return Rows(np.where(ids < n_nodes, ids, 0), ids < n_nodes)


def split_edges(adjacency: Adjacency, n_shards: int) -> EdgeShards:
    """Cut edges sorted by receiver into equal runs, for devices that each hold all nodes.

    The receivers of a shard lie in one range, which it shares at its ends alone. Its adjacency has one more
    receiver than there are nodes: the one that padding edges enter, from sender 0. The number of edges need not be a
    multiple of `n_shards`; without edges the shards have no slots.

    Raises:
        ConfigError: fewer than one shard.

    >>> star = build_adjacency(np.array([0, 1, 2]), np.array([3, 3, 3]), 4, 4)
    >>> shards = split_edges(star, 2)
    >>> shards.adjacency.senders.tolist(), shards.adjacency.receivers.tolist()
    ([[0, 1], [2, 0]], [[3, 3], [3, 4]])
    """
    runs = _runs(adjacency, n_shards)
    return stack_edges(runs, adjacency.n_senders, adjacency.n_receivers + 1, (0, adjacency.n_receivers))


def scatter_edges(adjacency: Adjacency, rows: Rows) -> EdgeShards:
    """Cut edges sorted by receiver into equal runs, for devices that hold `scattered_rows` of the nodes.

    Ends are numbered as in the rows of all devices one after another; padding edges join the last of these, which is
    padding, to itself.

    Raises:
        ConfigError: fewer than one shard.
    """
    idle = rows.mask.size - 1
    return stack_edges(_runs(adjacency, len(rows.mask)), rows.mask.size, rows.mask.size, (idle, idle))


def stack_edges(
    parts: Sequence[LocalEdges], n_senders: int, n_receivers: int, idle: tuple[int, int]
) -> EdgeShards:
    """Pad devices' edges to the largest count, sort each in both ways and stack them.

    Args:
        parts: sorted by receiver.
        n_senders, n_receivers: rows on either side of each device's adjacency.
        idle: sender and receiver of padding edges; the receiver is the last one.
    """
    n_slots = max((len(part.ids) for part in parts), default=0)

    def padded(array: np.ndarray, value: int) -> np.ndarray:
        return np.concatenate([array, np.full(n_slots - len(array), value, np.int64)])

    built = [
        build_adjacency(
            padded(part.senders, idle[0]), padded(part.receivers, idle[1]), n_senders, n_receivers
        )
        for part in parts
    ]
    mask = np.arange(n_slots) < np.array([[len(part.ids)] for part in parts])
    ids = np.stack([padded(part.ids, 0) for part in parts])
    return EdgeShards(Adjacency(*(np.stack(field) for field in zip(*built))), ids, mask)


def check_shards(n_shards: int) -> None:
    """Check that there is at least one shard.

    Raises:
        ConfigError: fewer than one.
    """
    if n_shards < 1:
        raise ConfigError(f"sharding: found {n_shards} devices, expected at least 1; raise sharding.devices")


def _runs(adjacency: Adjacency, n_shards: int) -> list[LocalEdges]:
    check_shards(n_shards)
    n_slots = -(-adjacency.n_edges // n_shards)
    cuts = [slice(k * n_slots, (k + 1) * n_slots) for k in range(n_shards)]
    ids = np.arange(adjacency.n_edges)
    return [LocalEdges(ids[cut], adjacency.senders[cut], adjacency.receivers[cut]) for cut in cuts]


def _taken(values: np.ndarray, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if not len(values):
        return np.zeros((*ids.shape, *values.shape[1:]), values.dtype)
    taken = values[ids]
    taken[~mask] = 0
    result: np.ndarray = taken
    return result


def _joined(rows: np.ndarray, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    joined = np.zeros((int(mask.sum()), *rows.shape[2:]), rows.dtype)
    joined[ids[mask]] = rows[mask]
    return joined
