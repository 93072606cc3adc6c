"""ShardedEdgesGraphsTuple: a graph whose edges are split over devices and whose nodes are on all, and the way back."""

from typing import Any, NamedTuple

import jax
import numpy as np

from heddle.engines.sharding.shard import check_shards
from heddle.errors import GraphError, problem
from heddle_jax.jraph_api.graphs_tuple import ArrayTree, GraphsTuple, num_nodes, on_host


class _Fields(NamedTuple):
    nodes: ArrayTree
    device_edges: ArrayTree
    device_receivers: Any
    device_senders: Any
    globals: ArrayTree
    device_n_edge: Any
    n_node: Any
    n_edge: Any
    device_graph_idx: Any


class ShardedEdgesGraphsTuple(_Fields):
    """One graph or a batch, its edges split into equal runs; for ShardedEdgesGraphNetwork.

    Outside `jax.pmap` every array has a leading axis [n_shards], which a device doesn't see.

    Attributes:
        nodes, globals, n_node, n_edge: as in a GraphsTuple, the same for every shard.
        device_edges: pytree of [n_slots, ...]; zeros for padding.
        device_receivers, device_senders: [n_slots] int; the number of nodes for padding, which comes last.
        device_n_edge: [n_parts] int, edges of each graph that has some here; padding is counted nowhere.
        device_graph_idx: [n_parts] int, which graphs those are; 0 where `device_n_edge` is padded with 0.
    """

    __slots__ = ()

    def __new__(
        cls,
        nodes: ArrayTree,
        device_edges: ArrayTree,
        device_receivers: Any,
        device_senders: Any,
        receivers: Any = None,
        senders: Any = None,
        globals: ArrayTree = None,
        device_n_edge: Any = None,
        n_node: Any = None,
        n_edge: Any = None,
        device_graph_idx: Any = None,
    ):
        """Take Jraph's fields in Jraph's order; all `receivers` and `senders` follow from those of the devices, and
        are not kept: no device holds more than its own."""
        fields = (nodes, device_edges, device_receivers, device_senders, globals)
        return cls._make((*fields, device_n_edge, n_node, n_edge, device_graph_idx))

    @property
    def receivers(self) -> np.ndarray:
        """[n_shards, n_edges] int, the receivers of all edges; outside `jax.pmap`."""
        return self._whole(self.device_receivers, "receivers")

    @property
    def senders(self) -> np.ndarray:
        """[n_shards, n_edges] int, the senders of all edges; outside `jax.pmap`."""
        return self._whole(self.device_senders, "senders")

    def _whole(self, ids: Any, field: str) -> np.ndarray:
        if isinstance(ids, jax.core.Tracer) or np.ndim(ids) != 2:
            do = f"use device_{field}, or {field} outside pmap"
            raise GraphError(problem(field, "one device's view", "all devices' edges", do))
        whole = real_edges(np.asarray(ids), self.n_edge)
        return np.broadcast_to(whole, (len(ids), len(whole)))


jax.tree_util.register_pytree_with_keys(
    ShardedEdgesGraphsTuple,
    lambda graph: (
        [(jax.tree_util.GetAttrKey(name), value) for name, value in graph._asdict().items()],
        None,
    ),
    lambda _, values: ShardedEdgesGraphsTuple._make(values),
)


def require_ids(graph: ShardedEdgesGraphsTuple) -> ShardedEdgesGraphsTuple:
    """Return the graph after checking that it has all ids and counts.

    Raises:
        GraphError: names the first that is None.
    """
    for field in graph._fields:
        if getattr(graph, field) is None and field not in ("nodes", "device_edges", "globals"):
            do = "make it with graphs_tuple_to_broadcasted_sharded_graphs_tuple"
            raise GraphError(problem(field, None, "an array of integers", do))
    return graph


def graphs_tuple_to_broadcasted_sharded_graphs_tuple(
    graphs_tuple: GraphsTuple, num_shards: int
) -> ShardedEdgesGraphsTuple:
    """Split a graph's edges into `num_shards` runs of one size, in numpy, for `jax.pmap` or shard_map.

    The number of edges need not be a multiple of `num_shards`, nor need there be any.

    Raises:
        ConfigError: fewer than one shard.
        GraphError: an id out of range, ids that aren't integers, an id or a count that is None.
    """
    check_shards(num_shards)
    graph = on_host(graphs_tuple, where="graphs_tuple_to_broadcasted_sharded_graphs_tuple: ")
    n_nodes, n_edges = int(num_nodes(graph)), int(graph.n_edge.sum())
    for field in ("senders", "receivers"):
        _check_ids(getattr(graph, field), field, n_nodes, n_edges)
    n_slots = -(-n_edges // num_shards)

    def shards(values: np.ndarray, padding: int = 0) -> np.ndarray:
        short = num_shards * n_slots - len(values)
        filled = np.concatenate([values, np.full((short, *values.shape[1:]), padding, values.dtype)])
        return filled.reshape(num_shards, n_slots, *values.shape[1:])

    def on_all(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, (num_shards, *values.shape))

    device_n_edge, device_graph_idx = _graphs_of_shards(graph.n_edge, num_shards, n_slots)
    return ShardedEdgesGraphsTuple(
        nodes=jax.tree.map(on_all, graph.nodes),
        device_edges=jax.tree.map(shards, graph.edges),
        device_receivers=shards(graph.receivers, n_nodes),
        device_senders=shards(graph.senders, n_nodes),
        globals=jax.tree.map(on_all, graph.globals),
        device_n_edge=device_n_edge,
        n_node=on_all(graph.n_node),
        n_edge=on_all(graph.n_edge),
        device_graph_idx=device_graph_idx,
    )


def broadcasted_sharded_graphs_tuple_to_graphs_tuple(
    sharded_graphs_tuple: ShardedEdgesGraphsTuple,
) -> GraphsTuple:
    """Return the graph that was split; inverse of `graphs_tuple_to_broadcasted_sharded_graphs_tuple`.

    Raises:
        GraphError: an id or a count that is None.
    """
    sharded = require_ids(sharded_graphs_tuple)

    def first(values: Any) -> Any:
        return values[0]

    def joined(values: Any) -> Any:
        return real_edges(values, sharded.n_edge)

    return GraphsTuple(
        nodes=jax.tree.map(first, sharded.nodes),
        edges=jax.tree.map(joined, sharded.device_edges),
        receivers=joined(sharded.device_receivers),
        senders=joined(sharded.device_senders),
        globals=jax.tree.map(first, sharded.globals),
        n_node=sharded.n_node[0],
        n_edge=sharded.n_edge[0],
    )


def real_edges(slots: Any, n_edge: Any) -> Any:
    """Return [n_shards, n_slots, ...] as [n_edges, ...] without the padding at the end."""
    return slots.reshape(-1, *slots.shape[2:])[: int(n_edge[0].sum())]


def _graphs_of_shards(n_edge: np.ndarray, num_shards: int, n_slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (edges, graph) of each graph with a share in each shard, padded with zeros to the longest."""
    ends = np.cumsum(n_edge)
    starts = ends - n_edge
    shares: list[np.ndarray] = []
    members: list[np.ndarray] = []
    for low in range(0, num_shards * max(1, n_slots), max(1, n_slots)):
        share = np.minimum(ends, low + n_slots) - np.maximum(starts, low)
        empty_here = (n_edge == 0) & (low <= starts) & (starts < low + n_slots)
        here = np.flatnonzero((share > 0) | empty_here)
        shares.append(share[here])
        members.append(here)
    longest = max(1, max(len(here) for here in members))
    padded = [[np.pad(row, (0, longest - len(row))) for row in rows] for rows in (shares, members)]
    return np.array(padded[0], n_edge.dtype), np.array(padded[1], n_edge.dtype)


def _check_ids(ids: np.ndarray, field: str, n_nodes: int, n_edges: int) -> None:
    if len(ids) != n_edges:
        raise GraphError(problem(field, f"{len(ids)} ids", f"{n_edges}, the sum of n_edge", "count again"))
    bad = (ids < 0) | (ids >= n_nodes)
    if bad.any():
        at = int(bad.argmax())
        expected = f"an id in [0, {n_nodes})"
        raise GraphError(problem(f"{field}[{at}]", ids[at], expected, "remove the edge or add the node"))
