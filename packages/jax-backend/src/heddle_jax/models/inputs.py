"""What a user's module is called with: a GraphsTuple, or a HeteroGraph with features on every type."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, hetero_graph
from heddle.graphs.pytree import leaves
from heddle.nn.model import Batch, ModelSpec
from heddle.nn.models.stack import features
from heddle.nn.params import ParamSpec
from heddle_jax.jraph_api.graphs_tuple import GraphsTuple


def tables_of(model_spec: ModelSpec, width: int) -> dict[str, ParamSpec]:
    """Return node type -> the embeddings [n_nodes, width] to train for nodes without features.

    The type is "" in a homogeneous graph. Nodes of graph tasks get none: they are a 1 each.
    """
    widths = model_spec.in_dim if isinstance(model_spec.in_dim, Mapping) else {"": model_spec.in_dim}
    if model_spec.level == "graph":
        return {}
    return {
        node_type: ParamSpec((model_spec.n_node[node_type], width))
        for node_type, dim in widths.items()
        if not dim
    }


def module_input(batch: Batch, model_spec: ModelSpec, tables: Mapping[str, Any], dtype: Any) -> Any:
    """Return the graph of a placed batch as modules see it.

    Nodes are [n_nodes, in_dim], edges [n_edges, edge_dim] or None, globals as they are.

    Args:
        tables: node type -> [n_nodes, width], embeddings of nodes without features.
        dtype: of floats that are made here.
    """
    graph: Any = batch.graph
    if isinstance(graph, HeteroGraph):
        nodes = {
            node_type: tables[node_type] if node_type in tables else features(pytree)
            for node_type, pytree in graph.nodes.items()
        }
        return graph._replace(nodes=nodes)
    if "" in tables:
        x = tables[""]
    elif leaves(graph.nodes):
        x = features(graph.nodes)
    else:
        x = jnp.ones((batch.prepared["graph_ids"].shape[0], 1), dtype)
    edges = features(graph.edges) if model_spec.edge_dim else None
    return GraphsTuple(**{**graph._asdict(), "nodes": x, "edges": edges})


def tiny_batch(model_spec: ModelSpec) -> Batch:
    """Return a ring of three nodes of each type, or for graph tasks two nodes of one graph and one of another."""
    ring, count = (np.array([0, 1, 2], np.int32), np.array([1, 0, 2], np.int32)), np.array([3], np.int32)
    if model_spec.relations:
        assert isinstance(model_spec.in_dim, Mapping)
        nodes = {
            node_type: np.ones((3, dim), np.float32) if dim else None
            for node_type, dim in model_spec.in_dim.items()
        }
        edges = {key: EdgeSet(None, *ring, count) for key in model_spec.relations}
        return Batch(hetero_graph(nodes, edges, dict.fromkeys(nodes, count)), {}, np.arange(3))
    width = model_spec.in_dim
    assert isinstance(width, int)
    graph = Graph(
        nodes=np.ones((3, width), np.float32) if width else None,
        edges=np.ones((3, model_spec.edge_dim), np.float32) if model_spec.edge_dim else None,
        senders=ring[0],
        receivers=ring[1],
        globals=None,
        n_node=np.array([2, 1], np.int32) if model_spec.level == "graph" else count,
        n_edge=np.array([2, 1], np.int32) if model_spec.level == "graph" else count,
    )
    return Batch(graph, {"graph_ids": np.array([0, 0, 1], np.int32)}, np.arange(2))
