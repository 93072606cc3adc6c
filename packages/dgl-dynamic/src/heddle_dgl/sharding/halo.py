"""Sums along the edges of a partitioned graph: senders of others are fetched while the own ones are summed."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from heddle.engines.sharding.halo import HaloPart, parts_of
from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency, build_adjacency, transpose
from heddle.ops.propagation import Propagation
from heddle_dgl.sharding.group import CountedGroup
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.placement import to_tensor


class HaloEdges(NamedTuple):
    """The edges that enter a part's nodes, in place of an Adjacency; its weight is a tuple of those of the first four.

    Attributes:
        local: edges from the part's own nodes.
        halo: edges from its halo, numbered in the order in which it arrives.
        local_transpose, halo_transpose: both transposed.
        send: [n_sent] int, own nodes in the order in which they go to the other parts.
        give, take: rows that go to, and come from, each part.
    """

    local: Adjacency
    halo: Adjacency
    local_transpose: Adjacency
    halo_transpose: Adjacency
    send: Tensor
    give: tuple[int, ...]
    take: tuple[int, ...]

    @property
    def n_receivers(self) -> int:
        """Number of own nodes."""
        return self.local.n_receivers


class PartOps(TorchOps):
    """TorchOps of one process, whose `spmm` takes HaloEdges too."""

    def __init__(self, inner: TorchOps, group: CountedGroup):
        self.__dict__.update({name: value for name, value in vars(inner).items() if name != "spmm"})
        self._inner, self._group = inner, group

    def spmm(self, adjacency: Any, x: Tensor, weight: Any = None) -> Tensor:
        if not isinstance(adjacency, HaloEdges):
            return self._inner.spmm(adjacency, x, weight)
        return _HaloSum.apply(x, adjacency, weight, self._inner, self._group)

    def agree(self, missing: np.ndarray) -> np.ndarray:
        """Return which snapshots any process misses, [n_snapshots] bool: halos are exchanged by all or by none."""
        return self._group.any_of(missing)

    def constants(self) -> AbstractContextManager[None]:
        """Count halos that are fetched within as those of inputs."""
        return self._group.counted_as("inputs")


class _HaloSum(Function):
    """y = own edges x + other edges halo(x), and its transpose, each with its exchange under the own sum."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, edges: HaloEdges, weight: Any, ops: TorchOps, group: CountedGroup
    ) -> Tensor:
        ctx.rest = edges, weight, ops, group
        rows = x.detach().index_select(0, edges.send)
        halo, work = group.fetch(rows, edges.give, edges.take, group.purpose)
        y = ops.spmm(edges.local, x.detach(), weight[0])
        group.wait(work)
        return y + ops.spmm(edges.halo, halo, weight[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        edges, weight, ops, group = ctx.rest
        grad = grad.contiguous()
        back = ops.spmm(edges.halo_transpose, grad, weight[3])
        rows, work = group.fetch(back, edges.take, edges.give, "states")
        grad_x = ops.spmm(edges.local_transpose, grad, weight[2])
        group.wait(work)
        return grad_x.index_add(0, edges.send, rows), None, None, None, None


def cut(propagation: Propagation, owner: np.ndarray, rank: int, n_parts: int) -> Propagation:
    """Return a rank's part of a whole graph's propagation, with HaloEdges for its adjacency; numpy arrays.

    Args:
        owner: [n_nodes] int, the rank that holds each node.
        rank: whose part.
        n_parts: number of ranks.

    Raises:
        ConfigError: a propagation without weights of edges alone, as attention's.
    """
    a = propagation.adjacency
    if propagation.loop is not None:
        raise ConfigError(
            "sharding=halo: found an aggregation with loops of its own, expected edges; use sharding=windows"
        )
    part: HaloPart = parts_of(a.senders, a.receivers, owner, n_parts)[rank]
    weight = np.ones(a.n_edges) if propagation.weight is None else np.asarray(propagation.weight)
    n, mine = len(part.owned), weight[part.edges]
    from_own = part.senders < n

    def among(kept: np.ndarray, first: int, count: int) -> tuple[Adjacency, np.ndarray]:
        made = build_adjacency(part.senders[kept] - first, part.receivers[kept], count, n)
        return made, mine[kept][made.order]

    (local, local_weight), (halo, halo_weight) = (
        among(from_own, 0, n),
        among(~from_own, n, len(part.halo)),
    )
    send: Any = np.concatenate([*part.send, np.zeros(0, np.int64)]).astype(np.int64)
    give, take = tuple(len(ids) for ids in part.send), tuple(int(count) for count in part.receive)
    edges: Any = HaloEdges(local, halo, transpose(local), transpose(halo), send, give, take)
    weights: Any = local_weight, halo_weight, local_weight[local.t_order], halo_weight[halo.t_order]
    return Propagation(edges, weights)


def placed(
    propagations: Mapping[str, Propagation], device: torch.device, dtype: torch.dtype
) -> dict[str, Propagation]:
    """Return the parts as tensors."""

    def tensor(leaf: np.ndarray) -> Tensor:
        return to_tensor(leaf, device, dtype)

    parts = {}
    for name, propagation in propagations.items():
        edges: Any = propagation.adjacency
        weights: Any = propagation.weight
        four = [Adjacency(*map(tensor, a)) for a in edges[:4]]
        moved: Any = HaloEdges(four[0], four[1], four[2], four[3], tensor(edges.send), edges.give, edges.take)
        part_weights: Any = tuple(map(tensor, weights))
        parts[name] = Propagation(moved, part_weights)
    return parts
