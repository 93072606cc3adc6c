"""workload: the sizes of a model's training step on a graph that is there, or on one that isn't."""

import math
from typing import Any

from heddle.engines.sharding.costs import parameters
from heddle.engines.sharding.halo import parts_of
from heddle.engines.sharding.partition import partition
from heddle.engines.sharding.rounds import rounds_of
from heddle.engines.sharding.sizes import HaloSizes, Workload, halo_sizes
from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph, PyTree, num_nodes
from heddle.graphs.pytree import leaves
from heddle.nn.model import Model, ModelSpec


def workload_of(encoder: Any, model_spec: ModelSpec, n_edges: int, float_bytes: int = 4) -> Workload:
    """Return the sizes of training `encoder` on a graph of `n_edges` edges that `model_spec` describes.

    Args:
        encoder: as a model's builder makes it of the ModelSpec.

    Raises:
        ConfigError: the task isn't about the nodes of one graph.
    """
    check_level(model_spec.level)
    dims = [model_spec.in_dim] if isinstance(model_spec.in_dim, int) else list(model_spec.in_dim.values())
    edge_dim = model_spec.edge_dim
    widths = [edge_dim] if isinstance(edge_dim, int) else list(edge_dim.values())
    n_nodes = sum(model_spec.n_node.values())
    in_dim = max(dims, default=0)
    return Workload(
        n_nodes=n_nodes,
        n_edges=n_edges,
        in_dim=in_dim,
        rounds=rounds_of(encoder, in_dim),
        n_params=parameters([spec.shape for spec in encoder.params().values()]),
        n_targets=model_spec.n_node.get(model_spec.target_type, n_nodes),
        edge_dim=max(widths, default=0),
        float_bytes=float_bytes,
    )


def workload_of_graph(model: Model, graph: Graph | HeteroGraph, float_bytes: int = 4) -> Workload:
    """Return the sizes of training `model` on a graph that is there, every node with a target."""
    if isinstance(graph, HeteroGraph):
        in_dim = max((columns(pytree) for pytree in graph.nodes.values()), default=0)
        n_nodes, edge_dim = sum(int(count.sum()) for count in graph.n_node.values()), 0
    else:
        in_dim, n_nodes, edge_dim = columns(graph.nodes), num_nodes(graph), columns(graph.edges)
    return Workload(
        n_nodes=n_nodes,
        n_edges=count_edges(graph),
        in_dim=in_dim,
        rounds=rounds_of(model.encoder, in_dim),
        n_params=parameters([spec.shape for spec in model.params().values()]),
        n_targets=n_nodes,
        edge_dim=edge_dim,
        float_bytes=float_bytes,
    )


def columns(pytree: PyTree) -> int:
    """Count the numbers that a pytree of features holds in each row."""
    return sum(math.prod(leaf.shape[1:]) for leaf in leaves(pytree))


def count_edges(graph: Graph | HeteroGraph) -> int:
    """Count the edges of a graph, of all relations together."""
    if isinstance(graph, HeteroGraph):
        return sum(len(edges.senders) for edges in graph.edges.values())
    return len(graph.senders)


def check_level(level: str) -> None:
    """Check that a task is about nodes. Raises ConfigError."""
    if level != "node":
        raise ConfigError(
            f"sharding: found a task about {level}s, expected one about the nodes of one graph; use sharding=none"
        )


def measured_halo(graph: Graph, n_parts: int, method: str, seed: int) -> HaloSizes:
    """Partition a graph and return the sizes of its parts."""
    owner = partition(graph.senders, graph.receivers, num_nodes(graph), n_parts, method, seed)
    return halo_sizes(parts_of(graph.senders, graph.receivers, owner, n_parts))
