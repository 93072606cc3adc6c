"""Nodes and edges that a sampler gathered, put together as a Sample or a HeteroSample."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.sampling.types import HeteroSample, Sample, SampleGraph


class Gathered(NamedTuple):
    """What a sampler found, by the graph's order of node types (nodes, tree) and relations (the rest)."""

    nodes: Sequence[Any]
    tree: Sequence[Any] | None
    nodes_per_hop: Sequence[Sequence[int]]
    senders: Sequence[Any]
    receivers: Sequence[Any]
    edges: Sequence[Any]
    edges_per_hop: Sequence[Sequence[int]]
    layered: bool = False


def id_dtype(graph: SampleGraph) -> type:
    """Return the type of ids in samples: int32 if all arrays and counts of the graph are, else int64."""
    narrow = all(edges.senders.dtype == np.int32 for edges in graph.edges.values())
    return np.int32 if narrow and all(n < 2**31 for n in graph.n_node.values()) else np.int64


def make_sample(graph: SampleGraph, gathered: Gathered) -> Sample | HeteroSample:
    """Return what was gathered, as arrays of the graph's ids: by type, or plain for a homogeneous graph."""
    dtype = id_dtype(graph)

    def arrays(columns: Sequence[Any]) -> list[np.ndarray]:
        return [np.asarray(column, dtype) for column in columns]

    def counts(rows: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
        return [tuple(int(count) for count in row) for row in rows]

    tree = None if gathered.tree is None else arrays(gathered.tree)
    nodes, nodes_per_hop = arrays(gathered.nodes), counts(gathered.nodes_per_hop)
    senders, receivers, edges = arrays(gathered.senders), arrays(gathered.receivers), arrays(gathered.edges)
    edges_per_hop = counts(gathered.edges_per_hop)
    if graph.is_homogeneous:
        root = None if tree is None else tree[0]
        columns = nodes[0], senders[0], receivers[0], edges[0], nodes_per_hop[0], edges_per_hop[0], root
        return Sample(*columns, gathered.layered)
    kinds, keys = list(graph.n_node), list(graph.edges)
    return HeteroSample(
        dict(zip(kinds, nodes)),
        dict(zip(keys, senders)),
        dict(zip(keys, receivers)),
        dict(zip(keys, edges)),
        dict(zip(kinds, nodes_per_hop)),
        dict(zip(keys, edges_per_hop)),
        None if tree is None else dict(zip(kinds, tree)),
        gathered.layered,
    )
