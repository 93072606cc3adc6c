"""Jraph's public names on Heddle: `from heddle_jax import jraph_api as jraph`, and a script written for Jraph runs.

graphs_tuple.py  GraphsTuple, and the way to core's Graph and back; pytrees.py: pytrees of any kind in core
batching.py      batch, unbatch; padding.py, padding_size.py: pad_with_graphs, masks; dynamic.py: streams
segments.py      segment_sum and the like
networks.py      GraphNetwork and its cases; attention.py: GAT; convolution.py: GraphConvolution
functions.py     the kinds of functions they take; arguments.py: concatenated_args
construct.py     fully connected graphs, sparse matrices

What is here beyond Jraph is marked "Not in Jraph" where it is defined.
"""

from importlib import import_module
from typing import Any

from heddle_jax.jraph_api.arguments import concatenated_args
from heddle_jax.jraph_api.attention import GAT, NodeLogits
from heddle_jax.jraph_api.batching import batch, batch_np, unbatch, unbatch_np
from heddle_jax.jraph_api.construct import get_fully_connected_graph, sparse_matrix_to_graphs_tuple
from heddle_jax.jraph_api.convolution import GraphConvolution, convolution_propagation
from heddle_jax.jraph_api.dynamic import dynamically_batch
from heddle_jax.jraph_api.functions import (
    AggregateEdgesToGlobalsFn,
    AggregateEdgesToNodesFn,
    AggregateNodesToGlobalsFn,
    AttentionLogitFn,
    AttentionNormalizeFn,
    AttentionReduceFn,
    EdgeFeatures,
    EmbedEdgeFn,
    EmbedGlobalFn,
    EmbedNodeFn,
    GATAttentionLogitFn,
    GATAttentionQueryFn,
    GATNodeUpdateFn,
    Globals,
    GNUpdateEdgeFn,
    GNUpdateGlobalFn,
    GNUpdateNodeFn,
    InteractionUpdateEdgeFn,
    InteractionUpdateNodeFn,
    NodeFeatures,
    ReceiverFeatures,
    SenderFeatures,
)
from heddle_jax.jraph_api.graphs_tuple import ArrayTree, GraphsTuple, from_graph, to_graph
from heddle_jax.jraph_api.networks import (
    DeepSets,
    GraphMapFeatures,
    GraphNetGAT,
    GraphNetwork,
    InteractionNetwork,
    RelationNetwork,
)
from heddle_jax.jraph_api.padding import (
    get_edge_padding_mask,
    get_graph_padding_mask,
    get_node_padding_mask,
    pad_with_graphs,
    unpad_with_graphs,
    with_zero_out_padding_outputs,
    zero_out_padding,
)
from heddle_jax.jraph_api.padding_size import (
    get_number_of_padding_with_graphs_edges,
    get_number_of_padding_with_graphs_graphs,
    get_number_of_padding_with_graphs_nodes,
)
from heddle_jax.jraph_api.segments import (
    partition_softmax,
    segment_max,
    segment_max_or_constant,
    segment_mean,
    segment_min,
    segment_min_or_constant,
    segment_normalize,
    segment_softmax,
    segment_sum,
    segment_variance,
)

_SHARDED = (
    "ShardedEdgesGraphNetwork",
    "ShardedEdgesGraphsTuple",
    "broadcasted_sharded_graphs_tuple_to_graphs_tuple",
    "graphs_tuple_to_broadcasted_sharded_graphs_tuple",
)
"""Names of `sharded.py`, loaded on first use."""

__all__ = [
    "GAT",
    "AggregateEdgesToGlobalsFn",
    "AggregateEdgesToNodesFn",
    "AggregateNodesToGlobalsFn",
    "ArrayTree",
    "AttentionLogitFn",
    "AttentionNormalizeFn",
    "AttentionReduceFn",
    "DeepSets",
    "EdgeFeatures",
    "EmbedEdgeFn",
    "EmbedGlobalFn",
    "EmbedNodeFn",
    "GATAttentionLogitFn",
    "GATAttentionQueryFn",
    "GATNodeUpdateFn",
    "GNUpdateEdgeFn",
    "GNUpdateGlobalFn",
    "GNUpdateNodeFn",
    "Globals",
    "GraphConvolution",
    "GraphMapFeatures",
    "GraphNetGAT",
    "GraphNetwork",
    "GraphsTuple",
    "InteractionNetwork",
    "InteractionUpdateEdgeFn",
    "InteractionUpdateNodeFn",
    "NodeFeatures",
    "NodeLogits",
    "ReceiverFeatures",
    "RelationNetwork",
    "SenderFeatures",
    "batch",
    "batch_np",
    "concatenated_args",
    "convolution_propagation",
    "dynamically_batch",
    "from_graph",
    "get_edge_padding_mask",
    "get_fully_connected_graph",
    "get_graph_padding_mask",
    "get_node_padding_mask",
    "get_number_of_padding_with_graphs_edges",
    "get_number_of_padding_with_graphs_graphs",
    "get_number_of_padding_with_graphs_nodes",
    "pad_with_graphs",
    "partition_softmax",
    "segment_max",
    "segment_max_or_constant",
    "segment_mean",
    "segment_min",
    "segment_min_or_constant",
    "segment_normalize",
    "segment_softmax",
    "segment_sum",
    "segment_variance",
    "sparse_matrix_to_graphs_tuple",
    "to_graph",
    "unbatch",
    "unbatch_np",
    "unpad_with_graphs",
    "with_zero_out_padding_outputs",
    "zero_out_padding",
]


def __getattr__(name: str) -> Any:
    if name not in _SHARDED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.sharded"), name)
