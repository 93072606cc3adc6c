"""The kinds of functions that networks are made of, by Jraph's names."""

from collections.abc import Callable
from typing import TypeAlias

from jax import Array

from heddle_jax.jraph_api.graphs_tuple import ArrayTree, GraphsTuple

GraphFn = Callable[[GraphsTuple], GraphsTuple]

NodeFeatures: TypeAlias = ArrayTree
EdgeFeatures: TypeAlias = ArrayTree
SenderFeatures: TypeAlias = ArrayTree
ReceiverFeatures: TypeAlias = ArrayTree
Globals: TypeAlias = ArrayTree

AggregateEdgesToNodesFn = Callable[[EdgeFeatures, Array, int], NodeFeatures]
AggregateNodesToGlobalsFn = Callable[[NodeFeatures, Array, int], Globals]
AggregateEdgesToGlobalsFn = Callable[[EdgeFeatures, Array, int], Globals]

AttentionLogitFn = Callable[[EdgeFeatures, SenderFeatures, ReceiverFeatures, Globals], ArrayTree]
AttentionReduceFn = Callable[[EdgeFeatures, ArrayTree], EdgeFeatures]
AttentionNormalizeFn = Callable[..., EdgeFeatures]

GNUpdateEdgeFn = Callable[[EdgeFeatures, SenderFeatures, ReceiverFeatures, Globals], EdgeFeatures]
GNUpdateNodeFn = Callable[[NodeFeatures, SenderFeatures, ReceiverFeatures, Globals], NodeFeatures]
GNUpdateGlobalFn = Callable[[NodeFeatures, EdgeFeatures, Globals], Globals]

InteractionUpdateNodeFn = Callable[..., NodeFeatures]
InteractionUpdateEdgeFn = Callable[[EdgeFeatures, SenderFeatures, ReceiverFeatures], EdgeFeatures]

EmbedEdgeFn = Callable[[EdgeFeatures], EdgeFeatures]
EmbedNodeFn = Callable[[NodeFeatures], NodeFeatures]
EmbedGlobalFn = Callable[[Globals], Globals]

GATAttentionQueryFn = Callable[[NodeFeatures], NodeFeatures]
GATAttentionLogitFn = Callable[[SenderFeatures, ReceiverFeatures, EdgeFeatures], EdgeFeatures]
GATNodeUpdateFn = Callable[[NodeFeatures], NodeFeatures]
