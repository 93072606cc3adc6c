"""torch.ops.pyg.* and torch.ops.torch_sparse.hgt_sample as PyG calls them, with edge types as "a__to__b"."""

import functools
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from heddle.sampling.types import HeteroSample, InEdges, SampleGraph
from heddle_kernels.pyg_lib_api import sampler
from heddle_kernels.pyg_lib_api.graphs import kept_sampler, random_key
from heddle_kernels.sampling import NeighborSampler

_OPTIONS = (
    "bool csc=False, bool replace=False, bool directed=True, bool disjoint=False, str temporal_strategy='uniform', "
    "bool return_edge_id=True"
)
_BY_NAME = "Dict(str, Tensor)"
_SCHEMAS = {
    "neighbor_sample": (
        "Tensor rowptr, Tensor col, Tensor seed, int[] num_neighbors, Tensor? node_time=None, Tensor? edge_time=None, "
        f"Tensor? seed_time=None, Tensor? edge_weight=None, {_OPTIONS}",
        "(Tensor, Tensor, Tensor, Tensor?, int[], int[])",
    ),
    "hetero_neighbor_sample": (
        f"str[] node_types, (str, str, str)[] edge_types, {_BY_NAME} rowptr_dict, {_BY_NAME} col_dict, "
        f"{_BY_NAME} seed_dict, Dict(str, int[]) num_neighbors_dict, {_BY_NAME}? node_time_dict=None, "
        f"{_BY_NAME}? edge_time_dict=None, {_BY_NAME}? seed_time_dict=None, "
        f"{_BY_NAME}? edge_weight_dict=None, {_OPTIONS}",
        f"({_BY_NAME}, {_BY_NAME}, {_BY_NAME}, {_BY_NAME}?, Dict(str, int[]), Dict(str, int[]))",
    ),
    "subgraph": (
        "Tensor rowptr, Tensor col, Tensor nodes, bool return_edge_id=True",
        "(Tensor, Tensor, Tensor?)",
    ),
    "random_walk": (
        "Tensor rowptr, Tensor col, Tensor seed, int walk_length, float p=1.0, float q=1.0",
        "Tensor",
    ),
}
_HGT = (
    f"hgt_sample({_BY_NAME} colptr_dict, {_BY_NAME} row_dict, {_BY_NAME} input_node_dict, "
    f"Dict(str, int[]) num_samples_dict, int num_hops) -> ({_BY_NAME}, {_BY_NAME}, {_BY_NAME}, {_BY_NAME})"
)


@functools.cache
def register() -> tuple[torch.library.Library, ...]:
    """Define the operators, once in a process; returns what keeps them defined."""
    pyg, torch_sparse = (
        torch.library.Library("pyg", "FRAGMENT"),
        torch.library.Library("torch_sparse", "FRAGMENT"),
    )
    bodies = {name: getattr(sampler, name) for name in _SCHEMAS} | {
        "hetero_neighbor_sample": hetero_neighbor_sample
    }
    for name, (arguments, result) in _SCHEMAS.items():
        pyg.define(f"{name}({arguments}) -> {result}")
        pyg.impl(name, bodies[name], "CompositeExplicitAutograd")
    if find_spec("torch_sparse") is not None:  # which defines its own
        return (pyg,)
    torch_sparse = torch.library.Library("torch_sparse", "FRAGMENT")
    torch_sparse.define(_HGT)
    torch_sparse.impl("hgt_sample", hgt_sample, "CompositeExplicitAutograd")
    return pyg, torch_sparse


def hetero_neighbor_sample(
    node_types: Sequence[str],
    edge_types: Sequence[tuple[str, str, str]],
    rowptr_dict: Mapping[str, Tensor],
    col_dict: Mapping[str, Tensor],
    seed_dict: Mapping[str, Tensor],
    num_neighbors_dict: Mapping[str, Sequence[int]],
    node_time_dict: Mapping[str, Tensor] | None = None,
    edge_time_dict: Mapping[str, Tensor] | None = None,
    seed_time_dict: Mapping[str, Tensor] | None = None,
    edge_weight_dict: Mapping[str, Tensor] | None = None,
    *options: Any,
) -> tuple[Any, ...]:
    """Sample as `sampler.hetero_neighbor_sample`, for callers that name edge types "SOURCE__RELATION__TARGET".

    Args:
        node_types: all of them; each is in the result, with an empty tensor [0] if nothing of it was sampled.
        edge_types: all of them, as (source, relation, target).
        rowptr_dict, col_dict: edge type -> [n + 1] and [n_edges] int.
        seed_dict: node type -> [n_seeds] int.
        num_neighbors_dict: edge type -> neighbours to take at each hop, -1 for all.
        node_time_dict, edge_time_dict, seed_time_dict: by type, [n] int each.
        edge_weight_dict: edge type -> [n_edges] float.
        options: from `csc` on, in order.

    Returns: rows, cols, nodes, edge ids or None, and how many nodes and edges each hop brought, by type.
    """
    key_of = {"__".join(key): tuple(key) for key in edge_types}

    def by_key(columns: Mapping[str, Any] | None) -> Any:
        return None if columns is None else {key_of[name]: column for name, column in columns.items()}

    row, col, node, edge, nodes_per_hop, edges_per_hop = sampler.hetero_neighbor_sample(
        by_key(rowptr_dict),
        by_key(col_dict),
        dict(seed_dict),
        by_key(num_neighbors_dict),
        None if node_time_dict is None else dict(node_time_dict),
        by_key(edge_time_dict),
        None if seed_time_dict is None else dict(seed_time_dict),
        by_key(edge_weight_dict),
        *options,
    )
    hops = max((len(sizes) for sizes in num_neighbors_dict.values()), default=0)
    for node_type in node_types:
        if node_type not in node:  # a type without edges and seeds
            node[node_type], nodes_per_hop[node_type] = torch.zeros(0, dtype=torch.int64), [0] * (hops + 1)

    def by_name(columns: Mapping[Any, Any]) -> dict[str, Any]:
        return {"__".join(key): column for key, column in columns.items()}

    edge_by_name = None if edge is None else by_name(edge)
    return by_name(row), by_name(col), node, edge_by_name, nodes_per_hop, by_name(edges_per_hop)


def hgt_sample(
    colptr_dict: Mapping[str, Tensor],
    row_dict: Mapping[str, Tensor],
    input_node_dict: Mapping[str, Tensor],
    num_samples_dict: Mapping[str, Sequence[int]],
    num_hops: int,
) -> tuple[Any, ...]:
    """Sample nodes of each type layer by layer, as HGT does.

    Args:
        colptr_dict, row_dict: edge type -> [n + 1] and [n_edges] int, in-edges of each node.
        input_node_dict: node type -> [n_seeds] int.
        num_samples_dict: node type -> nodes to take at each hop.
        num_hops: number of hops.

    Returns: by type, nodes [n_nodes], and of all edges between them rows, cols (positions in the nodes) and ids
    [n_edges].
    """
    names = list(colptr_dict)
    parts = {name: name.split("__") for name in names}
    key_of = {name: (part[0], "__".join(part[1:-1]), part[-1]) for name, part in parts.items()}

    def build() -> NeighborSampler:
        n_node = dict.fromkeys(num_samples_dict, sampler.UNBOUNDED)
        n_node |= {node_type: sampler.UNBOUNDED for key in key_of.values() for node_type in (key[0], key[2])}
        n_node |= {key_of[name][2]: len(colptr_dict[name]) - 1 for name in names}
        edges = {key_of[name]: InEdges(colptr_dict[name].numpy(), row_dict[name].numpy()) for name in names}
        return NeighborSampler(SampleGraph(n_node, edges))

    tensors = [tensor for name in names for tensor in (colptr_dict[name], row_dict[name])]
    kept = kept_sampler(("hgt_sample", tuple(names), tuple(num_samples_dict)), tensors, build)
    sizes = {node_type: list(row)[:num_hops] for node_type, row in num_samples_dict.items()}
    sizes = {node_type: [*row, *[0] * (num_hops - len(row))] for node_type, row in sizes.items()}
    seeds = {node_type: ids.numpy() for node_type, ids in input_node_dict.items()}
    sample = kept.budget_sample(seeds, sizes, key=random_key())
    assert isinstance(sample, HeteroSample)
    by_name = [
        {name: torch.from_numpy(columns[key_of[name]]).long() for name in names}
        for columns in (sample.senders, sample.receivers, sample.edges)
    ]
    return {node_type: torch.from_numpy(ids).long() for node_type, ids in sample.nodes.items()}, *by_name
