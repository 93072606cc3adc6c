"""NativeInputs: a placed batch as PyG's modules want it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.graphs.graph import EdgeType, Graph, HeteroGraph, num_nodes
from heddle.graphs.pytree import leaves
from heddle.nn.model import Batch, ModelSpec, edge_weight
from heddle.nn.models.stack import features


class NativeInputs(NamedTuple):
    """Arguments of a module's forward; dicts by type for a heterogeneous graph.

    Attributes:
        x: node features, None for nodes without.
        edge_index: [2, n_edges] int64, by edge type.
        n_nodes: number of nodes, by node type.
        options: "edge_weight", "edge_attr", "batch" of a homogeneous graph, as far as there are any.
        like: an empty tensor of the dtype and device of features.
    """

    x: Any
    edge_index: Any
    n_nodes: Any
    options: Mapping[str, Tensor]
    like: Tensor


def native_inputs(batch: Batch, edge_features: bool, like: Tensor) -> NativeInputs:
    """Return the graph of a batch, which lies on the device already, as NativeInputs: features [n_nodes, d], int64 ids.

    Args:
        batch: of a Graph or a HeteroGraph of tensors.
        edge_features: whether the module takes edge_attr.
        like: an empty tensor of the dtype and device of features.
    """
    graph = batch.graph
    if isinstance(graph, HeteroGraph):
        x = {
            node_type: None if pytree is None else features(pytree)
            for node_type, pytree in graph.nodes.items()
        }
        index: dict[EdgeType, Tensor] = {
            key: torch.stack([edges.senders, edges.receivers]).long() for key, edges in graph.edges.items()
        }
        return NativeInputs(
            x, index, {node_type: int(n.sum()) for node_type, n in graph.n_node.items()}, {}, like
        )
    assert isinstance(graph, Graph)
    options: dict[str, Any] = {}
    weight = edge_weight(graph.edges)
    if weight is not None:
        options["edge_weight"] = weight
    if edge_features and graph.edges is not None:
        options["edge_attr"] = features(graph.edges)
    options["batch"] = torch.repeat_interleave(graph.n_node)
    node_features = features(graph.nodes) if leaves(graph.nodes) else None
    edge_index = torch.stack([graph.senders, graph.receivers]).long()
    return NativeInputs(node_features, edge_index, num_nodes(graph), options, like)


def tiny_inputs(model_spec: ModelSpec, edge_features: bool) -> NativeInputs:
    """Return three nodes of each type with features of 1, and a ring of three edges in each relation.

    Args:
        model_spec: types, relations and widths.
        edge_features: whether the module takes edge_attr.
    """
    like, ring = torch.empty(0), torch.tensor([[0, 1, 2], [1, 2, 0]])
    if not model_spec.relations:
        assert isinstance(model_spec.in_dim, int)
        x = torch.ones(3, model_spec.in_dim) if model_spec.in_dim else None
        options = {"batch": torch.zeros(3, dtype=torch.int64)}
        assert isinstance(model_spec.edge_dim, int)
        options |= {"edge_attr": torch.ones(3, model_spec.edge_dim)} if edge_features else {}
        return NativeInputs(x, ring, 3, options, like)
    assert not isinstance(model_spec.in_dim, int)
    xs = {
        node_type: torch.ones(3, width) if width else None for node_type, width in model_spec.in_dim.items()
    }
    return NativeInputs(xs, dict.fromkeys(model_spec.relations, ring), dict.fromkeys(xs, 3), {}, like)
