"""ShardedEdgesGraphNetwork: a graph network on edges that are split over devices, by Jraph's name and arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.errors import ConfigError
from heddle.nn.layers.graph_block import graph_network
from heddle_jax.jraph_api.batching import packed, unpacked
from heddle_jax.jraph_api.functions import (
    AggregateNodesToGlobalsFn,
    AttentionLogitFn,
    AttentionReduceFn,
    GNUpdateEdgeFn,
    GNUpdateGlobalFn,
    GNUpdateNodeFn,
)
from heddle_jax.jraph_api.graphs_tuple import GraphsTuple
from heddle_jax.jraph_api.pytrees import on_packed
from heddle_jax.jraph_api.segments import DroppingOps, segment_sum
from heddle_jax.jraph_api.sharded_tuple import (
    ShardedEdgesGraphsTuple,
    broadcasted_sharded_graphs_tuple_to_graphs_tuple,
    graphs_tuple_to_broadcasted_sharded_graphs_tuple,
    require_ids,
)
from heddle_jax.sharding import segments as across

__all__ = [
    "ShardedEdgesGraphNetwork",
    "ShardedEdgesGraphsTuple",
    "broadcasted_sharded_graphs_tuple_to_graphs_tuple",
    "graphs_tuple_to_broadcasted_sharded_graphs_tuple",
    "sharded_segment_softmax",
    "sharded_segment_sum",
]

Groups = list[list[int]] | None
"""Positions on the axis of the devices that share a graph, for each replica; None if all share one."""

AggregateShardedEdgesFn = Callable[[Any, Array, int, Groups], Any]
"""(edges, segment_ids, num_segments, groups) -> [num_segments, ...], summed (or whatever) over the devices."""


def sharded_segment_sum(
    data: Array, indices: Array, num_segments: int, axis_index_groups: Groups, axis_name: str = "i"
) -> Array:
    """Sum rows [n, ...] by segment, `indices` [n] int, over a group's devices: [num_segments, ...], the same on each.

    Ids out of range are dropped.

    Args:
        axis_index_groups: positions on the axis that share a graph, or None for all.
        axis_name: of the mapped axis.
    """
    partial = segment_sum(data, indices, num_segments)
    return jax.lax.psum(partial, axis_name, axis_index_groups=axis_index_groups)


def sharded_segment_softmax(
    logits: Array, indices: Array, num_segments: int, axis_index_groups: Groups, axis_name: str = "i"
) -> Array:
    """Normalise rows within segments whose rows lie on all devices of a group: [e, ...], [e] int -> [e, ...].

    Not in Jraph, whose sharded network normalised with the ids of all edges.

    Args:
        indices: of the segments; rows out of [0, num_segments) are normalised among themselves.
        axis_index_groups: positions on the axis that share a graph, or None for all.
        axis_name: of the mapped axis.
    """
    ids = jnp.minimum(indices, num_segments)
    groups = None if axis_index_groups is None else tuple(map(tuple, axis_index_groups))
    return across.segment_softmax(logits, ids, num_segments + 1, axis_name, groups)


def ShardedEdgesGraphNetwork(
    update_edge_fn: GNUpdateEdgeFn | None,
    update_node_fn: GNUpdateNodeFn | None,
    update_global_fn: GNUpdateGlobalFn | None = None,
    aggregate_edges_for_nodes_fn: AggregateShardedEdgesFn | None = None,
    aggregate_nodes_for_globals_fn: AggregateNodesToGlobalsFn = segment_sum,
    aggregate_edges_for_globals_fn: AggregateShardedEdgesFn | None = None,
    attention_logit_fn: AttentionLogitFn | None = None,
    attention_reduce_fn: AttentionReduceFn | None = None,
    num_shards: int = 1,
    *,
    axis_name: str = "i",
) -> Callable[[ShardedEdgesGraphsTuple], ShardedEdgesGraphsTuple]:
    """Return graph -> graph on one device, for `jax.pmap(..., axis_name="i")` or shard_map over that axis.

    It computes what GraphNetwork computes on the whole graph. Each device updates its own edges; nodes and globals are
    updated alike on all, after one sum across. Take gradients outside of pmap: inside, those of a sum over devices
    come out as many times too large as there are devices.

    Args:
        update_edge_fn, update_node_fn, update_global_fn, attention_logit_fn, attention_reduce_fn,
            aggregate_nodes_for_globals_fn: as for GraphNetwork; attention is normalised over all edges of a receiver.
        aggregate_edges_for_nodes_fn, aggregate_edges_for_globals_fn: (edges, segment_ids, num_segments, groups) ->
            aggregate over all devices of a group; None for `sharded_segment_sum`.
        num_shards: devices that share one graph; the axis holds as many replicas as it has such groups.
        axis_name: of the mapped axis. Not in Jraph.

    Raises:
        ConfigError: one attention function without the other; when called, `num_shards` doesn't divide the axis.
        GraphError: when called, an id or a count that is None.
    """
    if (attention_logit_fn is None) != (attention_reduce_fn is None):
        raise ConfigError(
            "ShardedEdgesGraphNetwork: found one alone, but attention_logit_fn and attention_reduce_fn must both be "
            "supplied; give both or none"
        )
    summed = partial(sharded_segment_sum, axis_name=axis_name)

    def apply(graph: ShardedEdgesGraphsTuple) -> ShardedEdgesGraphsTuple:
        groups = _groups(num_shards, axis_name)

        def reducer(aggregate: AggregateShardedEdgesFn | None) -> Callable[[Array, Any, int], Any]:
            return lambda edges, ids, n: (aggregate or summed)(edges, ids.ids, n, groups)

        def normalise(logits: Array, ids: Any, n: int) -> Array:
            return sharded_segment_softmax(logits, ids.ids, n, groups, axis_name)

        result = graph_network(
            _EdgesApart(),
            packed(_as_graphs_tuple(graph)),  # type: ignore[arg-type]
            on_packed(update_edge_fn),
            on_packed(update_node_fn),
            on_packed(update_global_fn),
            aggregate_sent=reducer(aggregate_edges_for_nodes_fn),
            aggregate_received=reducer(aggregate_edges_for_nodes_fn),
            aggregate_nodes=aggregate_nodes_for_globals_fn,
            aggregate_edges=reducer(aggregate_edges_for_globals_fn),
            attention_logit=on_packed(attention_logit_fn),
            attention_reduce=on_packed(attention_reduce_fn),
            attention_normalise=normalise,
        )
        out = unpacked(result)
        return graph._replace(nodes=out.nodes, device_edges=out.edges, globals=out.globals)

    return apply


@dataclass(frozen=True)
class _OwnIds:
    """Ids of a device's edges, or counts that such ids follow from; padding is past the last segment."""

    ids: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.ids.shape


class _EdgesApart(DroppingOps):
    """The primitives on one device's edges; reducers that reach across are given to the network."""

    def gather(self, x: Array, index: Any) -> Array:
        if isinstance(index, _OwnIds):
            return super().gather(x, jnp.minimum(index.ids, x.shape[0] - 1))
        return super().gather(x, index)

    def graph_ids(self, counts: Any, n_rows: int) -> Any:
        if isinstance(counts, _OwnIds):
            ids = super().graph_ids(counts.ids, n_rows)
            real = jnp.arange(n_rows, dtype=counts.ids.dtype) < jnp.sum(counts.ids)
            return _OwnIds(jnp.where(real, ids, jnp.full_like(ids, counts.ids.shape[0])))
        return super().graph_ids(counts, n_rows)


def _as_graphs_tuple(graph: ShardedEdgesGraphsTuple) -> GraphsTuple:
    """Return one device's part as a graph of its own, with ids that tell edges from nodes."""
    parts = jnp.asarray(require_ids(graph).device_n_edge)
    own_n_edge = segment_sum(parts, jnp.asarray(graph.device_graph_idx), graph.n_node.shape[0])
    return GraphsTuple(
        nodes=graph.nodes,
        edges=graph.device_edges,
        receivers=_OwnIds(jnp.asarray(graph.device_receivers)),
        senders=_OwnIds(jnp.asarray(graph.device_senders)),
        globals=graph.globals,
        n_node=jnp.asarray(graph.n_node),
        n_edge=_OwnIds(own_n_edge),
    )


def _groups(num_shards: int, axis_name: str) -> Groups:
    size = jax.lax.axis_size(axis_name)
    if num_shards < 1 or size % num_shards:
        raise ConfigError(
            f"ShardedEdgesGraphNetwork: found num_shards={num_shards} on an axis of {size} devices, expected a divisor "
            f"of {size}; give as many shards as devices share a graph"
        )
    if num_shards == size:
        return None
    return [list(range(start, start + num_shards)) for start in range(0, size, num_shards)]
