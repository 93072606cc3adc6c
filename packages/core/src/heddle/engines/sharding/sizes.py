"""Sizes: of a full-graph training step, and of a partition, measured or expected; no graph is built for them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from heddle.engines.sharding.halo import HaloPart
from heddle.engines.sharding.rounds import Round

BALANCE = 1.05
"""How much more than the mean the heaviest part holds, as `heddle.engines.sharding.partition` makes them."""


class Workload(NamedTuple):
    """Sizes of full-graph training.

    Attributes:
        n_nodes, n_edges: of the graph, which need not exist.
        in_dim, edge_dim: widths of node and edge features, 0 for none.
        rounds: what the layers do.
        n_params: numbers that are trained.
        n_targets: numbers to be predicted; a mask and an index come with them.
        float_bytes: bytes of one float.
    """

    n_nodes: int
    n_edges: int
    in_dim: int
    rounds: tuple[Round, ...]
    n_params: int = 0
    n_targets: int = 0
    edge_dim: int = 0
    float_bytes: int = 4


class HaloSizes(NamedTuple):
    """Sizes of the largest part of a partition, since all are padded to it.

    Attributes:
        rows: nodes of a part.
        edges: edges of a part.
        slots: rows that one part sends to one other.
    """

    rows: int
    edges: int
    slots: int


def halo_sizes(parts: Sequence[HaloPart]) -> HaloSizes:
    """Return the sizes of a partition as `heddle.engines.sharding.halo.parts_of` gives it."""
    return HaloSizes(
        1 + max(len(part.owned) for part in parts),
        max(len(part.edges) for part in parts),
        max(int(part.receive.max()) for part in parts),
    )


def expected_halo(n_nodes: int, n_edges: int, n_devices: int, cut: float | None = None) -> HaloSizes:
    """Return the sizes that a partition will have that cuts `cut` of the edges (None: as many as chance cuts).

    A part's cut edges leave senders drawn evenly from all others, m of them from n: n (1 - exp(-m / n)) are distinct.
    """
    cut = 1 - 1 / n_devices if cut is None else cut
    rows, edges = BALANCE * n_nodes / n_devices, BALANCE * n_edges / n_devices
    others = n_nodes - n_nodes / n_devices
    distinct = others * -math.expm1(-cut * edges / others) if others else 0.0
    slots = BALANCE * distinct / max(1, n_devices - 1)
    return HaloSizes(math.ceil(rows) + 1, math.ceil(edges), math.ceil(slots))
