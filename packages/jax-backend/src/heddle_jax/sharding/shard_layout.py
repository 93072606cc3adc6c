"""ShardLayout: where the rows of a graph lie, by one of the plans, and how a Batch is cut along it; numpy alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from heddle.engines.sharding.halo import halo_shards, owned_rows
from heddle.engines.sharding.partition import partition
from heddle.engines.sharding.shard import EdgeShards, Rows, scatter_edges, scattered_rows, split_edges
from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Graph, HeteroGraph, num_nodes
from heddle.graphs.pytree import tree_map
from heddle.nn.model import Batch
from heddle.ops.propagation import Propagation
from heddle_jax.sharding.adjacency import HaloAdjacency, ReplicatedAdjacency, ScatteredAdjacency
from heddle_jax.sharding.ops import Counts, EdgesOf, UnorderedEdgesOf


@dataclass(frozen=True)
class Split:
    """Marks an array [n_devices, ...] whose entries go to a device each; arrays without it go to all of them."""

    array: np.ndarray


def split(array: np.ndarray) -> Any:
    """Return an array [n_devices, ...] as a `Split`, whose entries go to a device each."""
    return Split(array)


class ShardLayout(Protocol):
    """Where nodes and edges lie."""

    @property
    def rows(self) -> Rows | None:
        """The nodes of each device; None if every device holds all."""
        ...

    def shard(self, adjacency: Adjacency) -> tuple[EdgeShards, Any]:
        """Return the shards of some edges between the nodes, and their ShardedAdjacency of `Split` arrays."""
        ...


class Replicated:
    """The ShardLayout where every device holds all nodes, of all types, and a contiguous part of each type of edges."""

    rows: Rows | None = None

    def __init__(self, n_devices: int):
        self.n_devices = n_devices

    def shard(self, adjacency: Adjacency) -> tuple[EdgeShards, Any]:
        shards = split_edges(adjacency, self.n_devices)
        return shards, ReplicatedAdjacency(_split_edges(shards))


class Scattered:
    """The ShardLayout where every device holds a range of the nodes and a contiguous part of the edges."""

    def __init__(self, n_nodes: int, n_devices: int):
        self.rows = scattered_rows(n_nodes, n_devices)

    def shard(self, adjacency: Adjacency) -> tuple[EdgeShards, Any]:
        shards = scatter_edges(adjacency, self.rows)
        return shards, ScatteredAdjacency(_split_edges(shards), split(self.rows.mask))


class Halo:
    """Every device holds a part of the nodes and the edges that enter it.

    Args:
        owner: [n_nodes] int, as `heddle.engines.sharding.partition.partition` gives it.
    """

    def __init__(self, owner: np.ndarray, n_devices: int):
        self.owner, self.n_devices = owner, n_devices
        self.rows = owned_rows(owner, n_devices)

    def shard(self, adjacency: Adjacency) -> tuple[EdgeShards, Any]:
        shards = halo_shards(adjacency, self.owner, self.n_devices)
        return shards.edges, HaloAdjacency(_split_edges(shards.edges), split(shards.send))


def layout_of(
    plan: str, graph: Graph | HeteroGraph, n_devices: int, method: str = "labels", seed: int = 0
) -> ShardLayout:
    """Return the ShardLayout of a plan: "edges", "scatter" or "halo" (with nodes partitioned by `method`).

    Raises:
        ConfigError: "scatter" or "halo" for a graph with types of nodes, or an unknown plan.
    """
    if plan == "edges":
        return Replicated(n_devices)
    if plan not in ("scatter", "halo"):
        raise ConfigError(f"sharding: found {plan!r}, expected one of edges, scatter, halo")
    if isinstance(graph, HeteroGraph):
        raise ConfigError(
            f"sharding={plan}: found a graph with types of nodes, expected one without; use sharding=edges"
        )
    if plan == "scatter":
        return Scattered(num_nodes(graph), n_devices)
    ends = np.asarray(graph.senders), np.asarray(graph.receivers)
    return Halo(partition(*ends, num_nodes(graph), n_devices, method, seed), n_devices)


def rows_may_be_split(prepared: Any) -> bool:
    """Tell whether all that a model prepared can be cut by nodes; else every device has to hold all of them."""

    def fine(name: str, pytree: Any) -> bool:
        if isinstance(pytree, (Propagation, Adjacency)):
            return name != "codes"
        if isinstance(pytree, Mapping):
            return name != "codes" and all(fine(key, value) for key, value in pytree.items())
        return name in ("ones", "received")

    return fine("", prepared)


def shard_graph(graph: Graph | HeteroGraph, prepared: Any, shard_layout: ShardLayout) -> tuple[Any, Any]:
    """Return a graph and what a model prepared of it, cut along a layout: pytrees of arrays, some of them `Split`.

    Edge features lie in the order of the graph's own adjacency, if one is among the propagations; globals and counts
    get one graph more, that padding belongs to.

    Raises:
        ConfigError: something prepared that can't be cut.
    """
    known: dict[int, tuple[EdgeShards, Any]] = {}
    pairs: list[tuple[Adjacency, EdgeShards]] = []

    def adjacency_of(adjacency: Adjacency) -> tuple[EdgeShards, Any]:
        key = id(adjacency.order)
        if key not in known:
            shards, sharded = shard_layout.shard(adjacency)
            if isinstance(graph, Graph) and _is_own(adjacency, graph):
                pairs.append((adjacency, shards))
                known[key] = shards, EdgesOf(sharded)
            else:
                known[key] = shards, UnorderedEdgesOf(sharded)
        return known[key]

    def cut(name: str, pytree: Any) -> Any:
        if name == "codes" and shard_layout.rows is not None:
            raise ConfigError(
                "sharding: found codes of categories on edges, expected features alone where nodes are split; use "
                "sharding=edges, or model.ignore=[edge codes]"
            )
        if name == "relations":
            raise ConfigError(
                "sharding: found sums over several relations in one among what the model prepares, expected one for "
                "each relation; set model.plan=loop"
            )
        if isinstance(pytree, Propagation):
            shards, sharded = adjacency_of(pytree.adjacency)
            weight = None if pytree.weight is None else Split(shards.take(pytree.weight))
            return Propagation(
                sharded, weight, None if pytree.loop is None else _nodes(shard_layout, pytree.loop)
            )
        if isinstance(pytree, Adjacency):
            return adjacency_of(pytree)[1]
        if isinstance(pytree, Mapping):
            return {key: cut(key, value) for key, value in pytree.items()}
        if shard_layout.rows is None:
            return pytree
        if name in ("ones", "received"):
            return _nodes(shard_layout, pytree)
        raise ConfigError(
            f"sharding: found {name!r} among what the model prepares, expected propagations alone where nodes are "
            "split; use sharding=edges"
        )

    made = cut("", prepared)
    if isinstance(graph, HeteroGraph):
        return graph._replace(edges={}), made
    return _cut_graph(graph, shard_layout, *(pairs[0] if pairs else (None, None))), made


def entries_of(index: np.ndarray, rows: Rows) -> tuple[Rows, np.ndarray]:
    """Return which entries of an index of nodes each device answers for, and the rows that it looks them up in.

    Returns:
        entries: of the m entries, as `Rows` hold nodes; `entries.join` brings answers back into their order.
        places: [n_devices, n_slots] int, rows of the device; 0 for padding.
    """
    n_nodes = int(rows.mask.sum())
    device, row = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
    at = np.nonzero(rows.mask)
    device[rows.ids[at]], row[rows.ids[at]] = at
    entries = owned_rows(device[index], len(rows.mask))
    return entries, entries.take(row[index])


def shard_batch(
    batch: Batch, shard_layout: ShardLayout, sharded: tuple[Any, Any]
) -> tuple[Batch, Rows | None]:
    """Return a node task's Batch cut along a layout, and which entries each device has (None: all have all).

    Args:
        sharded: `shard_graph` of the batch's graph.
    """
    graph, prepared = sharded
    if shard_layout.rows is None:
        return Batch(graph, prepared, *batch[2:]), None
    entries, positions = entries_of(np.asarray(batch.index), shard_layout.rows)
    targets = None if batch.targets is None else Split(entries.take(batch.targets))
    mask = None if batch.mask is None else Split(entries.take(batch.mask))
    weights = None if batch.weights is None else Split(entries.take(batch.weights))
    groups = None if batch.groups is None else Split(entries.take(batch.groups))
    return Batch(graph, prepared, Split(positions), targets, mask, weights=weights, groups=groups), entries


def _cut_graph(
    graph: Graph, shard_layout: ShardLayout, adjacency: Adjacency | None, shards: EdgeShards | None
) -> Graph:
    def padded(leaf: Any) -> np.ndarray:
        return np.concatenate([leaf, np.zeros_like(leaf, shape=(1, *leaf.shape[1:]))])

    graph = tree_map(np.asarray, graph)
    edges, n_edge = None, None
    if adjacency is not None and shards is not None:
        edges = tree_map(lambda leaf: Split(shards.take(leaf[adjacency.order])), graph.edges)
        of_edge = np.repeat(np.arange(len(graph.n_edge)), graph.n_edge)[adjacency.order]
        n_edge = Counts(split(_counts(of_edge, shards.ids, shards.mask, len(graph.n_edge))))
    n_node: Any = padded(graph.n_node)
    if shard_layout.rows is not None:
        of_node = np.repeat(np.arange(len(graph.n_node)), graph.n_node)
        n_node = Counts(split(_counts(of_node, *shard_layout.rows, len(graph.n_node))))
    return Graph(
        tree_map(lambda leaf: _nodes(shard_layout, leaf), graph.nodes),
        edges,
        None,
        None,
        tree_map(padded, graph.globals),
        n_node,
        n_edge,
    )


def _split_edges(shards: EdgeShards) -> Adjacency:
    """Return the devices' adjacencies without their order, which is that of their edges."""
    return tree_map(split, shards.adjacency._replace(order=None))


def _nodes(shard_layout: ShardLayout, values: Any) -> Any:
    return values if shard_layout.rows is None else Split(shard_layout.rows.take(values))


def _counts(graph_of: np.ndarray, ids: np.ndarray, mask: np.ndarray, n_graphs: int) -> np.ndarray:
    """Count each device's rows by graph, padding as one graph more: [n_devices, n_graphs + 1]."""
    if not len(graph_of):
        return np.pad(np.full((len(mask), 1), mask.shape[1]), ((0, 0), (n_graphs, 0)))
    rows = np.where(mask, graph_of[ids], n_graphs)
    return np.stack([np.bincount(part, minlength=n_graphs + 1) for part in rows])


def _is_own(adjacency: Adjacency, graph: Graph) -> bool:
    """Tell whether an adjacency holds the graph's own edges, in their direction."""
    if adjacency.n_edges != len(graph.senders):
        return False
    senders, receivers = np.asarray(graph.senders), np.asarray(graph.receivers)
    order = adjacency.order
    return bool(
        np.array_equal(adjacency.senders, senders[order])
        and np.array_equal(adjacency.receivers, receivers[order])
    )
