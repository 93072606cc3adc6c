"""pyg_lib.sampler: neighbour sampling, induced subgraphs and random walks on tensors of a CPU.

A graph is (rowptr [n + 1], col [e]); sampling goes from a row to its columns. `csc=True` says that rowptr and col are
colptr and row, and swaps the two ends of the result.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.errors import ConfigError, GraphError, problem
from heddle.sampling.types import Fanout, HeteroSample, InEdges, Sample, SampleGraph, homogeneous
from heddle_kernels.pyg_lib_api.graphs import kept_sampler, random_key
from heddle_kernels.sampling import NeighborSampler

EdgeType = tuple[str, str, str]
UNBOUNDED = 2**62  # nodes of a type that has no rowptr to count them by


def neighbor_sample(
    rowptr: Tensor,
    col: Tensor,
    seed: Tensor,
    num_neighbors: Sequence[int],
    node_time: Tensor | None = None,
    edge_time: Tensor | None = None,
    seed_time: Tensor | None = None,
    edge_weight: Tensor | None = None,
    csc: bool = False,
    replace: bool = False,
    directed: bool = True,
    disjoint: bool = False,
    temporal_strategy: str = "uniform",
    return_edge_id: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, list[int], list[int]]:
    """Sample neighbours of `seed`, hop by hop.

    Args:
        num_neighbors: neighbours to take of each node at each hop; -1 for all.
        node_time, edge_time: [n] or [e] int; neighbours, or edges, newer than the seed's time aren't taken. Rows need
            not be sorted by time, but sorted ones are faster. They ask for `disjoint=True`.
        seed_time: the time of each seed; by default its `node_time`.
        edge_weight: [e] float, the odds of each edge; may be combined with times.
        directed: False returns all edges between the sampled nodes.
        disjoint: grow a tree of its own from each seed.
        temporal_strategy: "uniform", or "last" for the newest.

    Returns: row and col (positions in the nodes), nodes [n_nodes] or, if disjoint, [n_nodes, 2] of (seed, node), edge
        ids in `col`'s order or None, and how many nodes and edges each hop brought.

    Raises:
        GraphError: an id out of range, or a seed without its time.
        ConfigError: times without `disjoint`, or an unknown strategy.
    """
    _check(node_time is not None or edge_time is not None, disjoint, temporal_strategy)
    tensors = (rowptr, col, edge_weight, edge_time, node_time)
    sampler = kept_sampler(
        ("neighbor_sample",),
        tensors,
        lambda: NeighborSampler(
            homogeneous(InEdges(*map(_numpy, tensors[:4])), len(rowptr) - 1, _numpy(node_time))
        ),
    )
    newest = temporal_strategy == "last" and sampler.graph.is_temporal
    fanout = Fanout(list(num_neighbors), replace, disjoint, not directed, newest)
    sample = sampler.sample(_numpy(seed), fanout, key=random_key(), seed_time=_numpy(seed_time))
    assert isinstance(sample, Sample)
    near, far, edge = (
        torch.from_numpy(a).to(seed.dtype) for a in (sample.receivers, sample.senders, sample.edges)
    )
    node = torch.from_numpy(sample.nodes).to(seed.dtype)
    if sample.tree is not None:
        node = torch.stack([torch.from_numpy(sample.tree).to(seed.dtype), node], dim=1)
    row, col = (far, near) if csc else (near, far)
    return (
        row,
        col,
        node,
        edge if return_edge_id else None,
        list(sample.nodes_per_hop),
        list(sample.edges_per_hop),
    )


def hetero_neighbor_sample(
    rowptr_dict: Mapping[EdgeType, Tensor],
    col_dict: Mapping[EdgeType, Tensor],
    seed_dict: Mapping[str, Tensor],
    num_neighbors_dict: Mapping[EdgeType, Sequence[int]],
    node_time_dict: Mapping[str, Tensor] | None = None,
    edge_time_dict: Mapping[EdgeType, Tensor] | None = None,
    seed_time_dict: Mapping[str, Tensor] | None = None,
    edge_weight_dict: Mapping[EdgeType, Tensor] | None = None,
    csc: bool = False,
    replace: bool = False,
    directed: bool = True,
    disjoint: bool = False,
    temporal_strategy: str = "uniform",
    return_edge_id: bool = True,
) -> tuple[
    dict[EdgeType, Tensor],
    dict[EdgeType, Tensor],
    dict[str, Tensor],
    dict[EdgeType, Tensor] | None,
    dict[str, list[int]],
    dict[EdgeType, list[int]],
]:
    """Sample neighbours of seeds in a heterogeneous graph, hop by hop.

    Args:
        rowptr_dict, col_dict: edge type -> [n + 1] and [n_edges] int.
        seed_dict: node type -> [n_seeds] int.
        num_neighbors_dict: edge type -> neighbours to take of each node at each hop, -1 for all.
        node_time_dict, edge_time_dict: type -> [n] or [n_edges] int; what is newer than the seed's time isn't taken.
            They ask for `disjoint=True`.
        seed_time_dict: node type -> [n_seeds] int; by default the nodes' own times.
        edge_weight_dict: edge type -> [n_edges] float, the odds of each edge.
        csc, replace, directed, disjoint, temporal_strategy, return_edge_id: as in `neighbor_sample`.

    Returns: rows and cols [n_edges] (positions in the nodes) by edge type, nodes [n_nodes] by node type (if disjoint,
        [n_nodes, 2] of (seed, node)), edge ids by edge type or None, and how many nodes and edges each hop brought.

    Raises:
        GraphError: an id out of range, or a seed without its time.
        ConfigError: times without `disjoint`, or an unknown strategy.
    """
    _check(node_time_dict is not None or edge_time_dict is not None, disjoint, temporal_strategy)
    # Sampling goes from the type that rowptr counts to the other one: against our relations, which name the way back.
    relation = {key: key if csc else (key[2], key[1], key[0]) for key in rowptr_dict}
    times, weights, node_times = edge_time_dict or {}, edge_weight_dict or {}, node_time_dict or {}
    columns = {
        key: (rowptr_dict[key], col_dict[key], weights.get(key), times.get(key)) for key in rowptr_dict
    }

    def build() -> NeighborSampler:
        n_node = dict.fromkeys(
            [*(node_type for key in relation for node_type in (key[0], key[2])), *seed_dict], UNBOUNDED
        )
        n_node |= {relation[key][2]: len(rowptr) - 1 for key, rowptr in rowptr_dict.items()}
        edges = {relation[key]: InEdges(*map(_numpy, columns[key])) for key in columns}
        return NeighborSampler(
            SampleGraph(n_node, edges, {node_type: _numpy(t) for node_type, t in node_times.items()})
        )

    names = ("hetero_neighbor_sample", csc, tuple(relation), tuple(seed_dict), tuple(node_times))
    tensors = [tensor for column in columns.values() for tensor in column]
    sampler = kept_sampler(names, [*tensors, *node_times.values()], build)
    hops = max((len(sizes) for sizes in num_neighbors_dict.values()), default=0)
    sizes = {relation[key]: [*row, *[0] * (hops - len(row))] for key, row in num_neighbors_dict.items()}
    newest = temporal_strategy == "last" and sampler.graph.is_temporal
    sample = sampler.sample(
        {node_type: _numpy(ids) for node_type, ids in seed_dict.items()},
        Fanout(sizes, replace, disjoint, not directed, newest),
        key=random_key(),
        seed_time=None if seed_time_dict is None else {k: _numpy(time) for k, time in seed_time_dict.items()},
    )
    assert isinstance(sample, HeteroSample)
    dtype = next(iter(seed_dict.values())).dtype if seed_dict else torch.int64
    near, far, edge = (
        {key: torch.from_numpy(of[relation[key]]).to(dtype) for key in relation}
        for of in (sample.receivers, sample.senders, sample.edges)
    )
    node = {node_type: torch.from_numpy(ids).to(dtype) for node_type, ids in sample.nodes.items()}
    if sample.tree is not None:
        node = {
            k: torch.stack([torch.from_numpy(sample.tree[k]).to(dtype), ids], 1) for k, ids in node.items()
        }
    return (
        far if csc else near,
        near if csc else far,
        node,
        edge if return_edge_id else None,
        {node_type: list(counts) for node_type, counts in sample.nodes_per_hop.items()},
        {key: list(sample.edges_per_hop[relation[key]]) for key in relation},
    )


def subgraph(
    rowptr: Tensor, col: Tensor, nodes: Tensor, return_edge_id: bool = True
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return (rowptr, col, edge ids) of the edges between some nodes, which are numbered by their place in `nodes`.

    Args:
        rowptr, col: [n + 1] and [n_edges] int.
        nodes: [k] int.
        return_edge_id: whether to return ids, else None.

    Returns: [k + 1], and [n_kept] each.
    """
    sample = _plain(rowptr, col).sample(_numpy(nodes), Fanout((), induced=True))
    out = rowptr.new_zeros(len(nodes) + 1)
    out[1:] = torch.from_numpy(sample.receivers).long().bincount(minlength=len(nodes)).cumsum(0)
    far, edge = (torch.from_numpy(array).to(nodes.dtype) for array in (sample.senders, sample.edges))
    return out, far, edge if return_edge_id else None


def random_walk(
    rowptr: Tensor, col: Tensor, seed: Tensor, walk_length: int, p: float = 1.0, q: float = 1.0
) -> Tensor:
    """Walk from each seed: [n_seeds, walk_length + 1] node ids. A node without a way on is repeated.

    p is the odds against going back, q those against going away from the node before, as in node2vec.
    """
    walks = _plain(rowptr, col).random_walk(_numpy(seed), walk_length, key=random_key(), p=p, q=q)
    return torch.from_numpy(walks).to(seed.dtype)


def _plain(rowptr: Tensor, col: Tensor) -> Any:
    def build() -> NeighborSampler:
        return NeighborSampler(homogeneous(InEdges(_numpy(rowptr), _numpy(col)), len(rowptr) - 1))

    return kept_sampler(("plain",), (rowptr, col), build)


def _check(timed: bool, disjoint: bool, temporal_strategy: str) -> None:
    if temporal_strategy not in ("uniform", "last"):
        raise ConfigError(
            f"temporal_strategy: found {temporal_strategy!r}, expected 'uniform' or 'last'; choose one"
        )
    if timed and not disjoint:
        raise ConfigError(
            "disjoint: found False with times, expected True, as each seed has a time; pass disjoint=True"
        )


def _numpy(tensor: Tensor | None) -> Any:
    if tensor is not None and tensor.device.type != "cpu":
        raise GraphError(
            problem("sampler", f"a tensor on {tensor.device}", "one on the CPU", "pass tensor.cpu()")
        )
    return None if tensor is None else tensor.detach().numpy()


__all__ = ["hetero_neighbor_sample", "neighbor_sample", "random_walk", "subgraph"]
