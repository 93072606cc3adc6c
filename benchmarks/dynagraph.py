"""One training step of dynamic GNNs beside naive DGL, in one process: forward, backward, Adam.

    python benchmarks/dynagraph.py                    # every shape below, some minutes each
    python benchmarks/dynagraph.py --shapes metr-la --models gcrn-lstm
    python benchmarks/dynagraph.py --quick            # the same shapes smaller, seconds instead of minutes

"naive dgl" is the paper's baseline: every gate aggregates for itself by DGL's update_all on a batched DGLGraph. "paper"
is the paper's technique alone on the same: gates of a cell share messages. "fused" is this package's engine by torch,
"+ kernels" by heddle-kernels, "+ store" with constants kept as well. Nothing is timed before the correctness gate is
green: all variants give equal outputs and gradients. Times are the least of several rounds in turn; CPU time beside the
clock, since other load on the machine moves the clock alone. PyG-Temporal: see dynagraph_pygt.py.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from dynagraph_peers import DglLayer, by_dgl
from torch import Tensor

from heddle.data.readers.traffic.graph import read_adjacency
from heddle.errors import PluginError
from heddle.graphs.graph import Graph
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gcn import GCN
from heddle.nn.params import initialise
from heddle_dgl import GraphGRU, GraphLSTM, SnapshotStore, integrate, place_graph, stack_seq_model, step
from heddle_dgl.kernels import import_dgl, kernels_named, ops_named, steps_named
from heddle_dgl.reuse.run import Run, engine_named
from heddle_dgl.reuse.windows import WindowBatch

CPU, HIDDEN = torch.device("cpu"), 64
MODELS = {
    "gcrn-lstm": (GraphLSTM, GCN),
    "gcrn-gru": (GraphGRU, GCN),
    "dcrnn": (GraphGRU, lambda i, o: DiffusionConv(i, o, 2, bias=False)),
}


class Shape(NamedTuple):
    """A graph of `nodes` and `edges` (METR-LA's own, or copies of it, where `edges` is 0) and windows on it."""

    nodes: int
    edges: int
    features: int
    batch: int
    steps: int
    models: tuple[str, ...] = tuple(MODELS)


SHAPES = {
    "metr-la": Shape(207, 0, 2, 64, 12),
    "pems-bay": Shape(325, 2694, 2, 64, 12),
    "random": Shape(50_000, 500_000, 128, 1, 3, ("gcrn-lstm", "gcrn-gru")),
    "replicas": Shape(50_000, 0, 128, 1, 3, ("gcrn-lstm",)),
}


def graph_of(shape: Shape, data: Path) -> Graph:
    """Return METR-LA's graph, copies of it side by side, or a random one."""
    rng, size = np.random.default_rng(0), shape.edges
    if size:
        ends = rng.integers(0, shape.nodes, (2, size))
        weights = {"weight": rng.uniform(0.1, 1, size).astype(np.float32)}
        return Graph(None, weights, *ends, None, np.array([shape.nodes]), np.array([size]))
    path = data / "adj_mx.pkl"
    if path.is_file():
        senders, receivers, weight = read_adjacency(path, [], 207)
    else:
        print(f"no {path}: a random graph of METR-LA's size stands in; set --data")
        senders, receivers = rng.integers(0, 207, (2, 1722))
        weight = rng.uniform(0.1, 1, 1722).astype(np.float32)
    copies = max(1, shape.nodes // 207)
    shift = np.repeat(np.arange(copies) * 207, len(senders))
    ends = np.tile(senders, copies) + shift, np.tile(receivers, copies) + shift
    counts = np.array([207 * copies]), np.array([len(shift)])
    return Graph(None, {"weight": np.tile(weight, copies)}, *ends, None, *counts)


def main() -> None:
    """Parse the command line, check that all variants agree, and print their times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), help="default: those of the shape")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/traffic"), help="folder of adj_mx.pkl"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--quick", action="store_true", help="small batches and graphs, 3 + 3 steps, one round"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kernel = "heddle" if kernels_named("auto", CPU).by_name else "torch"
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads, messages by {kernel}")
    for name in args.shapes:
        shape = SHAPES[name]
        if args.quick:
            batch, nodes = min(shape.batch, 8), min(shape.nodes, 2070)
            shape = shape._replace(batch=batch, nodes=nodes, edges=min(shape.edges, 10 * nodes), steps=3)
            args.rounds = 1
        graph = graph_of(shape, args.data)
        size = f"{int(graph.n_node[0])} nodes, {len(graph.senders)} edges, {shape.features} features"
        print(
            f"\n{name}: {size}, {shape.batch} windows of {shape.steps} + {shape.steps}, 2 layers of {HIDDEN}"
        )
        for model in args.models or shape.models:
            bench(model, shape, graph, args.rounds)


def bench(name: str, shape: Shape, graph: Graph, rounds: int) -> None:
    """Time the variants of one model."""
    cell, conv = MODELS[name]
    model = stack_seq_model(shape.features, shape.features, 2, integrate(cell, conv), HIDDEN)
    params = {
        key: torch.from_numpy(array).requires_grad_() for key, array in initialise(model.params(), 0).items()
    }
    structure = place_graph(graph, model.specs(), CPU, torch.float32)
    rng = np.random.default_rng(0)
    times = 2 * shape.steps + (500 if structure.n_nodes < 5000 else 2 * shape.batch)
    signal = rng.standard_normal((times, structure.n_nodes, shape.features), np.float32)
    starts = rng.permutation(times - 2 * shape.steps + 1)[: shape.batch]
    fed = [t % 2 == 0 for t in range(shape.steps)]
    store = SnapshotStore()

    def windows() -> WindowBatch:
        return WindowBatch(name, signal, starts, shape.steps, shape.steps, [structure], CPU, torch.float32)

    def fused(kernel: str, kept: SnapshotStore | None) -> Callable[[], Tensor]:
        ops, steps = ops_named(kernel, CPU), steps_named(kernel, CPU, torch.float32)

        def run() -> Tensor:
            with step() as memo:
                return model.forecast(
                    Run(ops, engine_named("fused"), memo, kept, steps), params, windows(), fed
                )

        return run

    variants: dict[str, Callable[[], Tensor]] = {}
    try:
        dgl = import_dgl()
        layers = [DglLayer(dgl, structure, shape.batch, cached) for cached in (False, True)]
        variants["naive dgl"] = lambda: by_dgl(model, layers[0], params, windows(), fed)
        variants["paper"] = lambda: by_dgl(model, layers[1], params, windows(), fed)
    except PluginError as error:
        print(f"without the paper's baseline: {error}")
    variants["fused"] = fused("torch", None)
    variants["+ kernels"] = fused("auto", None)
    variants["+ store"] = fused("auto", store)
    optimizer = torch.optim.Adam(params.values(), lr=0.0, fused=True)
    target = torch.from_numpy(rng.standard_normal(variants["fused"]().shape).astype(np.float32))

    def train(variant: Callable[[], Tensor]) -> tuple[Tensor, list[Tensor]]:
        optimizer.zero_grad()
        outputs = variant()
        torch.mean(torch.abs(outputs - target)).backward()
        optimizer.step()
        return outputs.detach(), [p.grad for p in params.values() if p.grad is not None]

    results = {key: train(variant) for key, variant in variants.items()}
    reference, wanted = next(iter(results.values()))
    for key, (outputs, grads) in results.items():
        off = float((outputs - reference).abs().max())
        slope = max(float((a - b).abs().max() / (b.abs().max() + 1e-6)) for a, b in zip(grads, wanted))
        if off > 1e-4 or slope > 1e-2:
            raise SystemExit(
                f"{name}: {key} is off by {off:.1e}, its gradients by {slope:.1e}: nothing is timed"
            )
    del results, reference, wanted
    wall, cpu = {key: float("inf") for key in variants}, {key: float("inf") for key in variants}
    for _ in range(rounds):
        for key, variant in variants.items():
            clock, process = time.perf_counter(), time.process_time()
            train(variant)
            wall[key] = min(wall[key], time.perf_counter() - clock)
            cpu[key] = min(cpu[key], time.process_time() - process)
    first = next(iter(variants))
    print(f"{name:16} {'s/step':>8} {'times ' + first:>16} {'CPU s':>8} {'times ' + first:>16}", flush=True)
    for key in variants:
        of_wall, of_cpu = wall[first] / wall[key], cpu[first] / cpu[key]
        print(f"{key:16} {wall[key]:8.3f} {of_wall:16.2f} {cpu[key]:8.3f} {of_cpu:16.2f}", flush=True)


if __name__ == "__main__":
    main()
