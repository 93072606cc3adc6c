"""GCRN cells beside those of PyG-Temporal, with its weights and in one process: forward, backward, Adam.

    pip install torch-geometric-temporal --no-deps
    python benchmarks/dynagraph_pygt.py --data ../shared/data/traffic

METR-LA's graph, 64 windows of 12 steps, hidden 64, Chebyshev of order 2. Nothing is timed before outputs equal to 1e-6
of their size. Times are the least of several rounds in turn, CPU time beside the clock.
"""

import argparse
import importlib
import importlib.machinery
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.data.readers.traffic.graph import read_adjacency
from heddle.graphs.graph import Graph
from heddle.nn.layers.cheb import ChebConv
from heddle_dgl import GraphGRU, GraphLSTM, SnapshotStore, place_graph, step
from heddle_dgl.kernels import ops_named, steps_named
from heddle_dgl.models import Recurrent
from heddle_dgl.reuse.run import Run, engine_named
from heddle_dgl.reuse.windows import WindowBatch

NODES, BATCH, LENGTH, FEATURES, HIDDEN, ORDER = 207, 64, 12, 2, 64, 2
CPU = torch.device("cpu")
KINDS = {
    "gru": ("gconv_gru:GConvGRU", GraphGRU, {"r": "r", "z": "z", "c": "h"}),
    "lstm": ("gconv_lstm:GConvLSTM", GraphLSTM, {"i": "i", "f": "f", "c": "c", "o": "o"}),
}


def peer(path: str) -> Any:
    """Return a cell's class; the package's own __init__ imports torch_sparse, which these cells don't use."""
    spec = importlib.machinery.PathFinder.find_spec("torch_geometric_temporal")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            "no PyG-Temporal to compare with; pip install torch-geometric-temporal --no-deps, and torch-geometric"
        )
    file, name = path.split(":")
    folder = Path(spec.submodule_search_locations[0]) / "nn" / "recurrent"
    loader = importlib.machinery.SourceFileLoader(f"pygt_{file}", str(folder / f"{file}.py"))
    module = types.ModuleType(loader.name)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return getattr(module, name)


def weights_of(cell: Any, gates: dict[str, str]) -> dict[str, Tensor]:
    """Return our parameters, made of PyG-Temporal's own, so that gradients reach those."""
    results = {}
    for ours, theirs in gates.items():
        bias = 0
        for side in ("x", "h"):
            conv = getattr(cell, f"conv_{side}_{theirs}")
            results[f"{side}.{ours}.weight"] = torch.stack([lin.weight.t() for lin in conv.lins])
            bias = bias + conv.bias
        bias_of = getattr(cell, f"b_{theirs}", None)
        results[f"bias.{ours}"] = bias if bias_of is None else bias + bias_of.reshape(-1)
        if hasattr(cell, f"w_c_{theirs}"):
            results[f"peephole.{ours}"] = getattr(cell, f"w_c_{theirs}").reshape(-1)
    return {f"encoder.0.{name}": value for name, value in results.items()}


def main() -> None:
    """Compare both cells."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/traffic"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    senders, receivers, weight = read_adjacency(args.data / "adj_mx.pkl", [], NODES)
    dense = np.zeros((NODES, NODES), np.float32)
    np.maximum.at(dense, (senders, receivers), weight)
    dense = np.maximum(dense, dense.T)  # its Laplacian takes a symmetric graph for granted
    np.fill_diagonal(dense, 0)
    senders, receivers = np.nonzero(dense)
    print(
        f"torch {torch.__version__}, {args.threads} threads, {NODES} nodes, {len(senders)} edges, {BATCH} windows"
    )
    for cell_type in KINDS:
        compare(cell_type, senders, receivers, dense[senders, receivers], args.rounds)


def compare(
    cell_type: str, senders: np.ndarray, receivers: np.ndarray, weight: np.ndarray, rounds: int
) -> None:
    """Check that both give one answer, and print their times."""
    path, make, gates = KINDS[cell_type]
    torch.manual_seed(0)
    theirs, head = peer(path)(FEATURES, HIDDEN, ORDER), torch.nn.Linear(HIDDEN, 1)
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((500, NODES, FEATURES), np.float32)
    starts, target = rng.permutation(480)[:BATCH], torch.randn(BATCH, NODES, 1)
    shift = (torch.arange(BATCH) * NODES).repeat_interleave(len(senders))
    edges = torch.from_numpy(np.stack([senders, receivers])).repeat(1, BATCH) + shift
    edge_weight = torch.from_numpy(weight).repeat(BATCH)

    def run_theirs() -> Tensor:
        state: Any = (None, None)
        for t in range(LENGTH):
            x = torch.from_numpy(signal[starts + t]).reshape(-1, FEATURES)
            new = theirs(x, edges, edge_weight, *state[: 2 if cell_type == "lstm" else 1])
            state = new if cell_type == "lstm" else (new,)
        return head(torch.relu(state[0])).reshape(BATCH, NODES, 1)

    layers = (ChebConv(width, HIDDEN, ORDER, bias=False) for width in (FEATURES, HIDDEN))
    model = Recurrent((make(*layers),), 1)
    counts = np.array([NODES]), np.array([len(senders)])
    graph = Graph(None, {"weight": weight}, senders, receivers, None, *counts)
    structure = place_graph(graph, model.specs(), CPU, torch.float32)
    ops, store = ops_named("auto", CPU), SnapshotStore()
    steps, engine = steps_named("auto", CPU, torch.float32), engine_named("fused")

    def run_ours() -> Tensor:
        windows = WindowBatch("benchmark", signal, starts, LENGTH, 1, [structure], CPU, torch.float32, LENGTH)
        with step() as memo:
            h = model.embed(Run(ops, engine, memo, store, steps), weights_of(theirs, gates), windows)
        return head(torch.relu(h)).transpose(0, 1)

    params = [*theirs.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(params, lr=0.0)

    def train(forward: Any) -> tuple[Tensor, list[Tensor]]:
        optimizer.zero_grad()
        outputs = forward()
        ((outputs - target) ** 2).mean().backward()
        optimizer.step()
        return outputs.detach(), [p.grad.clone() for p in params if p.grad is not None]

    (a, of_a), (b, of_b) = train(run_theirs), train(run_ours)
    off = float((a - b).abs().max() / a.abs().max())
    slope = max(float((u - v).abs().max() / (u.abs().max() + 1e-9)) for u, v in zip(of_a, of_b))
    if off > 1e-6 or slope > 1e-3:
        raise SystemExit(
            f"{cell_type}: outputs are off by {off:.1e}, gradients by {slope:.1e}: nothing is timed"
        )
    wall, cpu = [float("inf")] * 2, [float("inf")] * 2
    for _ in range(rounds):
        for position, forward in enumerate((run_theirs, run_ours)):
            clock, process = time.perf_counter(), time.process_time()
            train(forward)
            wall[position] = min(wall[position], time.perf_counter() - clock)
            cpu[position] = min(cpu[position], time.process_time() - process)
    print(
        f"{cell_type:5} PyG-Temporal {wall[0]:.3f} s/step, heddle {wall[1]:.3f}: {wall[0] / wall[1]:.1f} times by the "
        f"clock, {cpu[0] / cpu[1]:.1f} by CPU time; outputs equal to {off:.0e}, gradients to {slope:.0e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
