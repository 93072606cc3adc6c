"""Messages of a changing graph, kept up to date beside computed anew, in one process.

    python benchmarks/incremental.py --data ../shared/data/temporal

50,000 nodes, 500,000 edges, 128 features, 1 % of the edges gone and as many come; then the real churn of england_covid
and twitter_tennis, where "auto" should cost no more than "full". Nothing is timed before the gate is green: rows equal
a full sum bit for bit, deltas to rounding. CPU time, the least of several rounds in turn.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from heddle.data.temporal import temporal
from heddle_dgl.incremental import Change, Edges, IncrementalSum, change_between
from heddle_dgl.kernels import kernel_named
from heddle_dgl.ops import TorchOps

Step = tuple[Edges, Tensor, Change]


def random_steps(n: int, count: int, width: int, share: float, steps: int) -> list[Step]:
    """Return snapshots of a random graph that each differ from the last in `share` of their edges."""
    rng, x = np.random.default_rng(0), torch.randn(n, width, generator=torch.Generator().manual_seed(0))

    def fresh(many: int) -> Edges:
        return Edges(*rng.integers(0, n, (2, many)), rng.uniform(0.5, 1, many).astype(np.float32))

    edges, many = fresh(count), int(share * count)
    none, found = np.zeros(0, np.int64), []
    found.append((edges, x, Change(Edges(none, none, np.zeros(0, np.float32)), 0, none)))
    for _ in range(steps):
        gone = np.zeros(count, bool)
        gone[rng.permutation(count)[:many]] = True
        removed = Edges(*(part[gone] for part in edges))
        edges = Edges(*(np.concatenate([a[~gone], b]) for a, b in zip(edges, fresh(many))))
        found.append((edges, x, Change(removed, many, none)))
    return found


def real_steps(name: str, root: Path, width: int) -> list[Step]:
    """Return the snapshots of one of PyG-Temporal's changing graphs, with random features that stay."""
    topology = temporal(name, str(root)).graphs
    n = int(np.sum(topology[0].graph.n_node))
    x, found = torch.randn(n, width, generator=torch.Generator().manual_seed(0)), []
    before = None
    for t in range(len(topology)):
        graph = topology[t].graph
        edges = Edges(graph.senders, graph.receivers, np.ones(len(graph.senders), np.float32))
        edges, change = change_between(before, edges)
        found.append((edges, x, change))
        before = edges
    return found


def run(mode: str, steps: Sequence[Step], ops: TorchOps) -> tuple[float, list[Tensor]]:
    """Return the CPU seconds of all snapshots after the first, and the sums of the last two."""
    sums = IncrementalSum(len(steps[0][1]), mode, ops)
    sums.start(*steps[0][:2])
    last, total = [], 0.0
    for number, (edges, x, change) in enumerate(steps[1:]):
        clock = time.process_time()
        y = sums.next(edges, x, change)
        total += time.process_time() - clock
        if number >= len(steps) - 3:
            last.append(y.clone())
    return total, last


def compare(title: str, steps: Sequence[Step], ops: TorchOps, rounds: int) -> None:
    """Print the times of all modes."""
    modes = ("full", "delta", "rows", "auto")
    results = {mode: run(mode, steps, ops)[1] for mode in modes}
    for mode, found in results.items():
        for a, b in zip(found, results["full"]):
            exact = mode != "delta"
            if not (torch.equal(a, b) if exact else torch.allclose(a, b, atol=1e-3, rtol=1e-3)):
                raise SystemExit(
                    f"{title}: {mode} is off by {float((a - b).abs().max()):.1e}: nothing is timed"
                )
    best = {mode: float("inf") for mode in modes}
    for _ in range(rounds):
        for mode in modes:
            best[mode] = min(best[mode], run(mode, steps, ops)[0])
    print(f"\n{title}, {len(steps) - 1} changes\n{'mode':8} {'CPU ms a change':>16} {'times full':>11}")
    for mode in modes:
        print(f"{mode:8} {1e3 * best[mode] / (len(steps) - 1):16.3f} {best['full'] / best[mode]:11.2f}")


def main() -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/temporal"))
    parser.add_argument("--nodes", type=int, default=50_000)
    parser.add_argument("--edges", type=int, default=500_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    name, kernel = kernel_named("auto", torch.device("cpu"))
    ops = TorchOps(kernel=kernel)
    print(f"torch {torch.__version__}, 1 thread, sums by {name}")
    steps = random_steps(args.nodes, args.edges, args.features, args.share, 4)
    size = f"{args.nodes} nodes, {args.edges} edges, {args.features} features, {args.share:.1%} of the edges"
    compare(size, steps, ops, args.rounds)
    for dataset in ("england_covid", "twitter_tennis"):
        if args.data.is_dir():
            compare(dataset, real_steps(dataset, args.data, 16), ops, args.rounds)
        else:
            print(f"\nwithout {dataset}: no folder {args.data}; set --data")


if __name__ == "__main__":
    main()
