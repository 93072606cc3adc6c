"""Jraph's module of this name: what `jraph_api/sharded.py` holds."""

from heddle_jax.jraph_api.sharded import (
    ShardedEdgesGraphNetwork,
    ShardedEdgesGraphsTuple,
    broadcasted_sharded_graphs_tuple_to_graphs_tuple,
    graphs_tuple_to_broadcasted_sharded_graphs_tuple,
    sharded_segment_sum,
)

__all__ = [
    "ShardedEdgesGraphNetwork",
    "ShardedEdgesGraphsTuple",
    "broadcasted_sharded_graphs_tuple_to_graphs_tuple",
    "graphs_tuple_to_broadcasted_sharded_graphs_tuple",
    "sharded_segment_sum",
]
