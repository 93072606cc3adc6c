"""forecast_plans: what each way of sharing a forecast's training step costs a process, before anything runs."""

from typing import Any

import numpy as np

from heddle.graph import Graph, num_nodes
from heddle.model import Signature
from heddle.sharding.costs import parameters
from heddle.sharding.halo import parts_of
from heddle.sharding.partition import partition
from heddle.sharding.plan import LATENCY, LINK, Estimate

FLOAT = 4


def forecast_plans(
    model: Any, signature: Signature, graph: Graph, batch: int, processes: int, method: str, times: int
) -> list[Estimate]:
    """Return the Estimate of "none" (one process), "windows" and "halo", in this order.

    Args:
        model: a SeqModel or one with an encoder alone.
        graph: of one snapshot.
        batch: windows of a step, of all processes together.
        method: of `heddle.sharding.partition`.
        times: snapshots of the signal.
    """
    cells = (*getattr(model, "encoder", ()), *getattr(model, "decoder", ())) or (
        getattr(model, "cell", None),
    )
    known = [cell for cell in cells if hasattr(cell, "groups")]
    steps = sum(signature.window) / max(1, 2 if getattr(model, "decoder", ()) else 1)
    kept = sum((len(cell.gates) + 3) * cell.hidden for cell in known) * steps
    exchanges = sum(len(cell.groups) * _hops(cell.h_layer) for cell in known) * steps
    crossing = sum(len(cell.groups) * _hops(cell.h_layer) * cell.hidden for cell in known) * steps
    weights = parameters([spec.shape for spec in model.params().values()])
    n, edges = num_nodes(graph), len(graph.senders)
    width = signature.in_dim if isinstance(signature.in_dim, int) else 0

    def one(plan: str, count: int, rows: int, own: int, windows: int, halo: int) -> Estimate:
        holds = FLOAT * (3 * weights + rows * times * width) + 24 * own
        works = int(FLOAT * kept * rows * windows)
        gradients = 2 * FLOAT * weights * (count - 1) / count
        sends = int(gradients + 2 * FLOAT * crossing * halo * windows)
        begun = 1 + (2 * exchanges if halo else count > 1)
        return Estimate(
            plan, count, rows, own, holds, works, sends, 3 * works + LINK * sends + LATENCY * begun
        )

    owner = partition(graph.senders, graph.receivers, n, processes, method)
    parts = parts_of(graph.senders, graph.receivers, owner, processes)
    largest = max(len(part.owned) for part in parts), max(len(part.edges) for part in parts)
    halo = max(len(part.halo) for part in parts)
    return [
        one("none", 1, n, edges, batch, 0),
        one("windows", processes, n, edges, -(-batch // processes), 0),
        one("halo", processes, *largest, batch, halo),
    ]


def _hops(layer: Any) -> int:
    """Return how many sums over edges a layer's aggregation takes."""
    terms = int(np.max([getattr(layer, "steps", 1), getattr(layer, "order", 2) - 1]))
    return terms * len(getattr(layer, "specs", tuple)() or (0,))
