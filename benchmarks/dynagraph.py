"""One training step of dynamic GNNs, naive, cached and fused, in one process: forward, backward, Adam.

    python benchmarks/dynagraph.py                        # METR-LA's graph, 64 windows, 12 -> 12 steps, 2 x 64
    python benchmarks/dynagraph.py --quick                # the same shapes smaller, seconds instead of minutes
    python benchmarks/dynagraph.py --graph random --nodes 50000 --edges 500000 --features 128 --batch 1 --steps 3

"naive dgl" is the paper's baseline: every gate aggregates for itself by DGL's update_all on a batched DGLGraph. "naive"
and "cached" are this package's engines without and with the paper's technique, on its own layout; "fused" is all of it.
Nothing is timed before the correctness gate is green: all variants give equal outputs and gradients. Times are the
least of several rounds in turn; CPU time beside the clock, since other load on the machine moves the clock alone.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.data.traffic_readers_graph import read_adjacency
from heddle.errors import PluginError
from heddle.graph import Graph
from heddle.layers.diffusion import DiffusionConv
from heddle.layers.gcn import GCN
from heddle.params import initialise, scoped
from heddle_dgl import GraphGRU, GraphLSTM, SnapshotStore, integrate, place_structure, stack_seq_model, step
from heddle_dgl.kernels import import_dgl, kernel_named
from heddle_dgl.ops import TorchOps
from heddle_dgl.run import Run, engine_named
from heddle_dgl.structure import Structure
from heddle_dgl.windows import WindowBatch

CPU = torch.device("cpu")
MODELS = {
    "gcrn-lstm": (GraphLSTM, GCN),
    "gcrn-gru": (GraphGRU, GCN),
    "dcrnn": (GraphGRU, lambda i, o: DiffusionConv(i, o, 2, bias=False)),
}


def traffic_graph(args: argparse.Namespace) -> Graph:
    """Return METR-LA's graph, copies of it side by side, or a random one of as many nodes."""
    if args.graph == "random":
        rng = np.random.default_rng(0)
        ends = rng.integers(0, args.nodes, (2, args.edges))
        return Graph(None, None, *ends, None, np.array([args.nodes]), np.array([args.edges]))
    path = args.data / "adj_mx.pkl"
    if path.is_file():
        senders, receivers, weight = read_adjacency(path, [], 207)
    else:
        print(f"no {path}: a random graph of METR-LA's size stands in; set --data")
        rng = np.random.default_rng(0)
        senders, receivers = rng.integers(0, 207, (2, 1722))
        weight = rng.uniform(0.1, 1, 1722).astype(np.float32)
    copies = max(1, args.nodes // 207) if args.graph == "replicas" else 1
    shift = np.repeat(np.arange(copies) * 207, len(senders))
    return Graph(
        None,
        {"weight": np.tile(weight, copies)},
        np.tile(senders, copies) + shift,
        np.tile(receivers, copies) + shift,
        None,
        np.array([207 * copies]),
        np.array([len(shift)]),
    )


class DglLayer:
    """A layer's aggregation by update_all on a DGLGraph of all windows, in the layout [windows * nodes, d]."""

    def __init__(self, dgl: Any, structure: Structure, windows: int):
        self.fn, self.graphs = dgl.function, {}
        for key, support in structure.supports.items():
            a = support.adjacency
            graph = dgl.graph((a.senders.long(), a.receivers.long()), num_nodes=structure.n_nodes)
            graph.edata["w"] = support.weight
            batched = dgl.batch([graph] * windows) if windows > 1 else graph
            batched.create_formats_()
            self.graphs[key] = batched

    def walk(self, key: str, x: Tensor) -> Tensor:
        """Return the sum of weighted sender rows."""
        graph = self.graphs[key]
        with graph.local_scope():
            graph.ndata["x"] = x
            graph.update_all(self.fn.u_mul_e("x", "w", "m"), self.fn.sum("m", "y"))
            return graph.ndata["y"]

    def conv(self, layer: Any, params: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return the layer's output, its messages aggregated anew."""
        if isinstance(layer, GCN):
            return self.walk(layer.specs()[0].signature, x) @ params["weight"]
        y, k = x @ params["weight"][0], 1
        for spec in layer.specs():
            walked = x
            for _ in range(layer.steps):
                walked = self.walk(spec.signature, walked)
                y, k = y + walked @ params["weight"][k], k + 1
        return y


def naive_dgl(
    model: Any, layer: DglLayer, params: dict[str, Tensor], windows: WindowBatch, fed: list[bool]
) -> Tensor:
    """Return the predictions of an encoder-decoder by the cells' own equations, as in the paper's baseline."""
    n_windows, n_nodes = windows.n_windows, windows.structure(0).n_nodes

    def flat(x: Tensor) -> Tensor:
        return x.transpose(0, 1).reshape(n_windows * n_nodes, -1)

    def cell_step(cell: Any, own: dict[str, Tensor], x: Tensor, state: Any) -> Any:
        def conv(kind: str, gate: str, value: Tensor) -> Tensor:
            return layer.conv(
                cell.x_layer if kind == "x" else cell.h_layer, scoped(f"{kind}.{gate}", own), value
            )

        return cell.equations(conv, own, x, cell.start(x) if state is None else state)

    states: list[Any] = [None] * len(model.encoder)
    for t in range(windows.length):
        x = flat(windows.at(t))
        for k, cell in enumerate(model.encoder):
            states[k] = cell_step(cell, scoped(f"encoder.{k}", params), x, states[k])
            x = states[k][0]
    y, outputs = x.new_zeros(n_windows * n_nodes, model.out_dim), []
    for t in range(windows.horizon):
        x = y
        for k, cell in enumerate(model.decoder):
            states[k] = cell_step(cell, scoped(f"decoder.{k}", params), x, states[k])
            x = states[k][0]
        y = x @ params["out.weight"] + params["out.bias"]
        outputs.append(y.reshape(n_windows, n_nodes, -1).transpose(0, 1))
        if fed[t] and t + 1 < windows.horizon:
            y = flat(windows.at(windows.length + t, model.out_dim))
    return torch.stack(outputs)


def main() -> None:
    """Parse the command line, check that all variants agree, and print their times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--graph", choices=("metr-la", "replicas", "random"), default="metr-la")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/traffic"), help="folder of adj_mx.pkl"
    )
    parser.add_argument("--nodes", type=int, default=50_000)
    parser.add_argument("--edges", type=int, default=500_000)
    parser.add_argument("--features", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=12, help="of input, and of output")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--kernel", choices=("auto", "heddle", "torch", "dgl"), default="auto")
    parser.add_argument("--quick", action="store_true", help="8 windows of 4 + 4 steps, one round")
    args = parser.parse_args()
    if args.quick:
        args.batch, args.steps, args.rounds = min(args.batch, 8), min(args.steps, 4), 1
    torch.set_num_threads(args.threads)
    kernel, product = kernel_named(args.kernel, CPU)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads, messages by {kernel}")
    graph = traffic_graph(args)
    print(
        f"{int(graph.n_node[0])} nodes, {len(graph.senders)} edges, {args.batch} windows of {args.steps} + {args.steps}"
    )
    for name in args.models:
        bench(name, args, graph, TorchOps(CPU, product))


def bench(name: str, args: argparse.Namespace, graph: Graph, ops: TorchOps) -> None:
    """Time the variants of one model."""
    cell, conv = MODELS[name]
    model = stack_seq_model(args.features, args.features, args.layers, integrate(cell, conv), args.hidden)
    params = {
        key: torch.from_numpy(array).requires_grad_() for key, array in initialise(model.params(), 0).items()
    }
    structure = place_structure(graph, model.specs(), CPU, torch.float32)
    rng = np.random.default_rng(0)
    times = 2 * args.steps + (500 if structure.n_nodes < 5000 else 2 * args.batch)
    signal = rng.standard_normal((times, structure.n_nodes, args.features), np.float32)
    starts = rng.permutation(times - 2 * args.steps + 1)[: args.batch]
    fed = [t % 2 == 0 for t in range(args.steps)]
    store = SnapshotStore()

    def windows() -> WindowBatch:
        return WindowBatch(name, signal, starts, args.steps, args.steps, [structure], CPU, torch.float32)

    def engine(kind: str, kept: SnapshotStore | None) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with step() as memo:
                return model.forecast(Run(ops, engine_named(kind), memo, kept), params, windows(), fed)

        return run

    variants: dict[str, Callable[[], Tensor]] = {}
    try:
        layer = DglLayer(import_dgl(), structure, args.batch)
        variants["naive dgl"] = lambda: naive_dgl(model, layer, params, windows(), fed)
    except PluginError as error:
        print(f"without the paper's baseline: {error}")
    variants |= {
        "naive": engine("naive", None),
        "cached": engine("cached", None),
        "fused": engine("fused", None),
        "fused + store": engine("fused", store),
    }
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
    wall, cpu = {key: float("inf") for key in variants}, {key: float("inf") for key in variants}
    for _ in range(args.rounds):
        for key, variant in variants.items():
            clock, process = time.perf_counter(), time.process_time()
            train(variant)
            wall[key] = min(wall[key], time.perf_counter() - clock)
            cpu[key] = min(cpu[key], time.process_time() - process)
    first = next(iter(variants))
    print(f"\n{name:16} {'s/step':>8} {'times ' + first:>16} {'CPU s':>8} {'times ' + first:>16}")
    for key in variants:
        print(
            f"{key:16} {wall[key]:8.3f} {wall[first] / wall[key]:16.2f} {cpu[key]:8.3f} {cpu[first] / cpu[key]:16.2f}"
        )
    figures = store.stats()
    print(f"store: {figures['hits']} hits, {figures['misses']} misses, {figures['bytes.host'] / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
