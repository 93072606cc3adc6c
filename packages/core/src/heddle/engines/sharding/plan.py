"""plan: what each device holds and sends in a step, by each way of splitting a graph, from sizes alone."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from heddle.engines.sharding.costs import held, made, sent, touched
from heddle.engines.sharding.settings import PLANS
from heddle.engines.sharding.sizes import HaloSizes, Workload, expected_halo
from heddle.errors import BudgetError, ConfigError, nearest
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.options.byte_sizes import in_bytes

LINK = 10.0
"""How many times slower than its own memory a device reaches another's: that of NVLink and fast Ethernet alike."""

LATENCY = 2e7
"""Bytes that a device could have read of its memory while it waits for a step, or an exchange, to begin."""


class Estimate(NamedTuple):
    """One plan's cost on the device that bears most.

    Attributes:
        plan: "none", "edges", "scatter" or "halo".
        n_devices: how many share the work.
        nodes, edges: rows and edges held.
        holds: bytes of graph, features, targets, weights and the optimiser's state.
        works: bytes made in a step on top of that, at most.
        sends: bytes sent to other devices in a step.
        cost: time of a step in arbitrary units: bytes of memory read, bytes sent and exchanges begun.
    """

    plan: str
    n_devices: int
    nodes: int
    edges: int
    holds: int
    works: int
    sends: int
    cost: float

    @property
    def total(self) -> int:
        """Bytes that the device needs."""
        return self.holds + self.works


def estimate(
    plan: str, work: Workload, n_devices: int, *, cut: float | None = None, halo: HaloSizes | None = None
) -> Estimate:
    """Return what `plan` costs a device.

    Args:
        cut: share of the edges that a partition cuts; None for one that ignores the graph's structure.
        halo: sizes of a partition that was made, instead of what `cut` lets expect.

    Raises:
        ConfigError: an unknown plan, fewer than one device, or a share outside [0, 1].
    """
    names = ["none", *PLANS]
    if plan not in names:
        raise ConfigError(f"sharding: found {plan!r}, expected one of {names}{nearest(plan, names)}")
    if n_devices < 1:
        raise ConfigError(f"sharding.devices: found {n_devices}, expected at least 1; raise it")
    if cut is not None and not 0 <= cut <= 1:
        raise ConfigError(f"sharding.cut: found {cut}, expected a share from 0 to 1; fix it")
    n_devices = 1 if plan == "none" else n_devices
    rows, edges, table = _sizes(plan, work, n_devices, cut, halo)
    sends, exchanges = sent(plan, work, n_devices, table)
    cost = touched(work, rows, edges, table) + LINK * sends + LATENCY * (1 + exchanges)
    holds, works = held(work, rows, edges, table), made(work, rows, edges, table)
    return Estimate(plan, n_devices, rows, edges, holds, works, sends, cost)


def estimates(
    work: Workload,
    n_devices: int,
    plans: Sequence[str] = PLANS,
    *,
    cut: float | None = None,
    halo: HaloSizes | None = None,
) -> list[Estimate]:
    """Return the Estimate of each of `plans` on `n_devices` devices. Raises ConfigError as `estimate` does."""
    return [estimate(plan, work, n_devices, cut=cut, halo=halo) for plan in plans]


def choose(estimates: Sequence[Estimate], device_memory: int | None) -> Estimate:
    """Return the cheapest of the plans that fit into `device_memory` bytes, or of all if it is None.

    Raises:
        BudgetError: none fits.
    """
    fitting = [one for one in estimates if device_memory is None or one.total <= device_memory]
    if fitting:
        return min(fitting, key=lambda one: one.cost)
    assert device_memory is not None
    least = min(estimates, key=lambda one: one.total)
    share = f"{least.total / max(1, device_memory):.1f} times sharding.devices"
    raise BudgetError(
        f"sharding={least.plan}: found a need of {in_bytes(least.total)} on each of {least.n_devices} devices, "
        f"sharding.device_memory allows {in_bytes(device_memory)}; take about {share}, or lower model.hidden"
    )


def plans_for(graph: Graph | HeteroGraph) -> tuple[str, ...]:
    """Return the plans that can split a graph: with types of nodes, only its edges are split."""
    return ("edges",) if isinstance(graph, HeteroGraph) else PLANS


def _sizes(
    plan: str, work: Workload, n_devices: int, cut: float | None, halo: HaloSizes | None
) -> tuple[int, int, int]:
    """Return the nodes and edges that a device holds, and the rows of others that reach it at a time."""
    n_edges = math.ceil(work.n_edges / n_devices)
    if plan == "scatter":
        return math.ceil((work.n_nodes + 1) / n_devices), n_edges, work.n_nodes
    if plan == "halo":
        sizes = halo or expected_halo(work.n_nodes, work.n_edges, n_devices, cut)
        return sizes.rows, sizes.edges, n_devices * sizes.slots
    return work.n_nodes, n_edges, 0
