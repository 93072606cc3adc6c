"""halo: a graph with its nodes partitioned; an edge goes where its receiver goes, and senders it misses are sent."""

from typing import NamedTuple

import numpy as np

from heddle.engines.sharding.shard import EdgeShards, LocalEdges, Rows, check_shards, stack_edges
from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array


class HaloPart(NamedTuple):
    """What one device holds of a partitioned graph, in sizes of its own.

    Local ids count the nodes it owns first, in `owned`'s order, then those of its halo, in `halo`'s order. Edges
    whose sender is below len(owned) need nothing from others and can be summed while the halo is on its way.

    Attributes:
        owned: [n_owned] int, its nodes, ascending.
        halo: [n_halo] int, the nodes of others that its edges leave; by owner, then ascending.
        receive: [n_parts] int, rows of the halo that come from each part; they sum to n_halo.
        send: for each part, the local ids of the owned nodes to send it, in the order in which it expects them.
        edges: [n_edges] int, its edges by their position in the given arrays; ascending.
        senders: [n_edges] int local ids.
        receivers: [n_edges] int local ids below n_owned.
    """

    owned: np.ndarray
    halo: np.ndarray
    receive: np.ndarray
    send: tuple[np.ndarray, ...]
    edges: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray


class HaloShards(NamedTuple):
    """A partitioned graph in equal sizes, for one program on all devices.

    Attributes:
        rows: the nodes that each device owns; the last row is padding everywhere.
        edges: each device's edges; senders count its rows, then n_shards x n_slots rows of halo, by the device they
            come from; receivers count its rows. Padding edges join the last row to itself.
        send: [n_shards, n_shards, n_slots] int, the rows that a device sends to each other; 0 for padding.
        counts: [n_shards, n_shards] int, how many of `send`'s slots are real; 0 on the diagonal.
    """

    rows: Rows
    edges: EdgeShards
    send: np.ndarray
    counts: np.ndarray


def parts_of(senders: Array, receivers: Array, owner: np.ndarray, n_parts: int) -> list[HaloPart]:
    """Return what each part of a partitioned graph holds, sends and receives.

    Args:
        senders, receivers: [n_edges] int.
        owner: [n_nodes] int in [0, n_parts), as `partition` gives it.

    Raises:
        ConfigError: fewer than one part, or an owner out of range.

    >>> path = parts_of(np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([0, 0, 1, 1]), 2)
    >>> path[1].owned.tolist(), path[1].halo.tolist(), path[1].senders.tolist(), path[0].send[1].tolist()
    ([2, 3], [1], [2, 0], [1])
    """
    check_shards(n_parts)
    senders, receivers, owner = (np.asarray(ids, np.int64) for ids in (senders, receivers, owner))
    if len(owner) and not 0 <= owner.min() <= owner.max() < n_parts:
        raise ConfigError(
            f"partition: found owners from {owner.min()} to {owner.max()}, expected parts in [0, {n_parts}); "
            "partition the graph for this many devices"
        )
    owned = _grouped(owner, n_parts)
    local = np.empty(len(owner), np.int64)
    for nodes in owned:
        local[nodes] = np.arange(len(nodes))
    edges = _grouped(owner[receivers], n_parts)
    halos = [_halo(senders[entering], owner, part) for part, entering in enumerate(edges)]
    receive = [np.bincount(owner[halo], minlength=n_parts) for halo in halos]
    wanted = [np.split(local[halo], np.cumsum(counts)[:-1]) for halo, counts in zip(halos, receive)]
    position = np.empty(len(owner), np.int64)
    parts = []
    for part, entering in enumerate(edges):
        position[owned[part]] = np.arange(len(owned[part]))
        position[halos[part]] = len(owned[part]) + np.arange(len(halos[part]))
        send = tuple(wanted[other][part] for other in range(n_parts))
        ends = position[senders[entering]], local[receivers[entering]]
        parts.append(HaloPart(owned[part], halos[part], receive[part], send, entering, *ends))
    return parts


def owned_rows(owner: np.ndarray, n_shards: int) -> Rows:
    """Return the rows of a partition: each device's nodes, ascending, then padding: at least one row.

    Args:
        owner: [n_nodes] int, the device of each node.
    """
    owned = _grouped(np.asarray(owner, np.int64), n_shards)
    n_rows = 1 + max(len(nodes) for nodes in owned)
    ids = np.zeros((n_shards, n_rows), np.int64)
    for row, nodes in zip(ids, owned):
        row[: len(nodes)] = nodes
    return Rows(ids, np.arange(n_rows) < np.array([[len(nodes)] for nodes in owned]))


def halo_shards(adjacency: Adjacency, owner: np.ndarray, n_shards: int) -> HaloShards:
    """Return a partitioned graph in equal sizes: `parts_of` padded and stacked.

    Args:
        adjacency: square; a slot of `edges` holds one of its edges.
        owner: [n_nodes] int in [0, n_shards).

    Raises:
        ConfigError: as `parts_of`.
    """
    parts = parts_of(adjacency.senders, adjacency.receivers, owner, n_shards)
    rows = owned_rows(owner, n_shards)
    counts = np.array([[len(ids) for ids in part.send] for part in parts])
    n_rows, n_slots = rows.ids.shape[1], int(counts.max())
    send = np.zeros((n_shards, n_shards, n_slots), np.int64)
    for row, part in zip(send, parts):
        for slots, ids in zip(row, part.send):
            slots[: len(ids)] = ids
    local = [_in_slots(part, n_rows, n_slots) for part in parts]
    edges = stack_edges(local, n_rows + n_shards * n_slots, n_rows, (n_rows - 1, n_rows - 1))
    return HaloShards(rows, edges, send.astype(np.int32), counts)


def _in_slots(part: HaloPart, n_rows: int, n_slots: int) -> LocalEdges:
    """Return a part's edges with its halo numbered by the slots in which it arrives."""
    first = n_rows + n_slots * np.arange(len(part.receive))
    within = np.arange(len(part.halo)) - np.repeat(np.cumsum(part.receive) - part.receive, part.receive)
    numbers = np.concatenate([np.arange(len(part.owned)), np.repeat(first, part.receive) + within])
    return LocalEdges(part.edges, numbers[part.senders], part.receivers)


def _grouped(group: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """Return the positions of each group's entries, ascending."""
    order = np.argsort(group, kind="stable")
    return np.split(order, np.cumsum(np.bincount(group, minlength=n_groups))[:-1])


def _halo(senders: np.ndarray, owner: np.ndarray, part: int) -> np.ndarray:
    nodes = np.unique(senders)
    nodes = nodes[owner[nodes] != part]
    result: np.ndarray = nodes[np.argsort(owner[nodes], kind="stable")]
    return result
