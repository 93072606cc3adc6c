"""forecast_plans: what each way of sharing a forecast's training step costs a process, before anything runs."""

from typing import Any

from heddle.engines.sharding.costs import parameters
from heddle.engines.sharding.halo import parts_of
from heddle.engines.sharding.partition import partition
from heddle.engines.sharding.plan import LATENCY, LINK, Estimate
from heddle.graphs.graph import Graph, num_nodes
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.model import ModelSpec
from heddle_dgl.cells.base import GraphCell
from heddle_dgl.cells.reference_diffusion import ReferenceDiffusion
from heddle_dgl.models import SeqModel
from heddle_dgl.models.base import CellModel

FLOAT = 4


def forecast_plans(
    model: Any, model_spec: ModelSpec, graph: Graph, batch: int, processes: int, method: str, times: int
) -> list[Estimate]:
    """Return the Estimate of "none" (one process), "windows" and "halo", in this order.

    Args:
        model: a SeqModel or one with an encoder alone.
        graph: of one snapshot.
        batch: windows of a step, of all processes together.
        method: of `heddle.engines.sharding.partition`.
        times: snapshots of the signal.
    """
    cells = model.cells if isinstance(model, CellModel) else ()
    known = [cell for cell in cells if isinstance(cell, GraphCell)]
    steps = sum(model_spec.window) / (2 if isinstance(model, SeqModel) else 1)
    kept = sum((len(cell.gates) + 3) * cell.hidden for cell in known) * steps
    exchanges = sum(len(cell.groups) * _hops(cell.h_layer) for cell in known) * steps
    crossing = sum(len(cell.groups) * _hops(cell.h_layer) * cell.hidden for cell in known) * steps
    weights = parameters([spec.shape for spec in model.params().values()])
    n, edges = num_nodes(graph), len(graph.senders)
    width = model_spec.in_dim if isinstance(model_spec.in_dim, int) else 0

    def one(plan: str, count: int, rows: int, n_edges: int, windows: int, halo: int) -> Estimate:
        holds = FLOAT * (3 * weights + rows * times * width) + 24 * n_edges
        works = int(FLOAT * kept * rows * windows)
        gradients = 2 * FLOAT * weights * (count - 1) / count
        sends = int(gradients + 2 * FLOAT * crossing * halo * windows)
        begun = 1 + (2 * exchanges if halo else count > 1)
        return Estimate(
            plan, count, rows, n_edges, holds, works, sends, 3 * works + LINK * sends + LATENCY * begun
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
    terms = 1
    if isinstance(layer, DiffusionConv | ReferenceDiffusion):
        terms = max(1, layer.steps)
    elif isinstance(layer, ChebConv):
        terms = max(1, layer.order - 1)
    return terms * max(1, len(layer.specs()))
