"""Messages of a changing graph, kept up to date beside computed anew, in one process.

    python benchmarks/incremental.py --data ../shared/data/temporal

50,000 nodes, 500,000 edges, 128 features, 1 % of the edges gone and as many come; then the real churn of england_covid
and twitter_tennis, where "auto" should cost no more than "full". Both ways: IncrementalSum, which is given what changed
and orders the edges that it sums; and what the engine does, which has the order anyway and finds what changed.

The first round is the gate: rows equal a full sum bit for bit, deltas to rounding. CPU time, for each snapshot the
least of the rounds.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from heddle.data.readers.temporal import temporal
from heddle.graphs.graph import Graph
from heddle.nn.layers.sage import SAGE
from heddle_dgl.kernels import kernels_named
from heddle_dgl.reuse.changing_sums import ChangingSums
from heddle_dgl.reuse.incremental import Change, Edges, IncrementalSum, change_between
from heddle_dgl.reuse.placed_graph import place_graph
from heddle_torch.arrays.ops import TorchOps

Step = tuple[Edges, Tensor, Change]
Variants = Callable[[Sequence[Step], TorchOps], dict[str, Callable[[int], Tensor]]]


def random_steps(n: int, count: int, width: int, share: float, steps: int) -> list[Step]:
    """Return snapshots of a random graph that each differ from the last in `share` of their edges."""
    rng, x = np.random.default_rng(0), torch.randn(n, width, generator=torch.Generator().manual_seed(0))

    def fresh(many: int) -> Edges:
        return Edges(*rng.integers(0, n, (2, many)), rng.uniform(0.5, 1, many).astype(np.float32))

    edges, many = fresh(count), int(share * count)
    none, results = np.zeros(0, np.int64), []
    results.append((edges, x, Change(Edges(none, none, np.zeros(0, np.float32)), 0, none)))
    for _ in range(steps):
        gone = np.zeros(count, bool)
        gone[rng.permutation(count)[:many]] = True
        removed = Edges(*(part[gone] for part in edges))
        edges = Edges(*(np.concatenate([a[~gone], b]) for a, b in zip(edges, fresh(many))))
        results.append((edges, x, Change(removed, many, none)))
    return results


def real_steps(name: str, root: Path, width: int) -> list[Step]:
    """Return the snapshots of one of PyG-Temporal's changing graphs, with random features that stay."""
    topology = temporal(name, str(root)).graphs
    n = int(np.sum(topology[0].graph.n_node))
    x, results = torch.randn(n, width, generator=torch.Generator().manual_seed(0)), []
    before = None
    for t in range(len(topology)):
        graph = topology[t].graph
        edges = Edges(graph.senders, graph.receivers, np.ones(len(graph.senders), np.float32))
        edges, change = change_between(before, edges)
        results.append((edges, x, change))
        before = edges
    return results


def by_mode(steps: Sequence[Step], ops: TorchOps) -> dict[str, Callable[[int], Tensor]]:
    """Return mode -> the sums of snapshot t by IncrementalSum, which is given what changed."""

    def summing(mode: str) -> Callable[[int], Tensor]:
        sums = IncrementalSum(len(steps[0][1]), mode, ops)
        return lambda t: sums.next(*steps[t]) if t else sums.start(*steps[0][:2])

    return {mode: summing(mode) for mode in ("full", "delta", "rows", "auto")}


def by_engine(steps: Sequence[Step], ops: TorchOps) -> dict[str, Callable[[int], Tensor]]:
    """Return mode -> the sums of snapshot t as the engine makes them: from placed operators, changes to be found.

    The operator is a mean over senders, as in DCRNN's walks.
    """
    placed, layer = [], SAGE(1, 1)
    for edges, x, _ in steps:
        counts = np.array([len(x)]), np.array([len(edges.senders)])
        graph = Graph(None, {"weight": edges.weight}, edges.senders, edges.receivers, None, *counts)
        structure = place_graph(graph, layer.specs(), torch.device("cpu"), torch.float32)
        placed.append(structure.propagations)

    def summing(mode: str) -> Callable[[int], Tensor]:
        sums = ChangingSums(mode)

        def of(t: int) -> Tensor:
            x = steps[t][1]
            return layer.aggregate(sums.ops(ops, mode, placed[t], x), placed[t], x)

        return of

    return {mode: summing(mode) for mode in ("full", "delta", "rows", "auto")}


def compare(title: str, steps: Sequence[Step], make: Variants, ops: TorchOps, rounds: int) -> None:
    """Print the times of all modes: for each snapshot after the first the least of the rounds, modes in any order."""
    best, rng = np.full((4, len(steps)), np.inf), np.random.default_rng(0)
    for number in range(rounds + 1):
        variants = make(steps, ops)
        for t in range(len(steps)):
            results = {}
            order = list(enumerate(variants))
            for position, mode in (order[i] for i in rng.permutation(4)):
                clock = time.process_time()
                results[mode] = variants[mode](t)
                best[position, t] = min(best[position, t], time.process_time() - clock if number else np.inf)
            for mode, actual in () if number else results.items():
                check(f"{title}: {mode}", actual, results["full"], exact=mode != "delta")
    total = best[:, 1:].sum(1)
    print(f"\n{title}, {len(steps) - 1} changes\n{'mode':8} {'CPU ms a change':>16} {'times full':>11}")
    for position, mode in enumerate(variants):
        print(f"{mode:8} {1e3 * total[position] / (len(steps) - 1):16.3f} {total[0] / total[position]:11.2f}")


def check(what: str, actual: Tensor, expected: Tensor, exact: bool) -> None:
    """End the program if sums are off."""
    if not (
        torch.equal(actual, expected) if exact else torch.allclose(actual, expected, atol=1e-3, rtol=1e-3)
    ):
        raise SystemExit(f"{what} is off by {float((actual - expected).abs().max()):.1e}: nothing is timed")


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
    kernels = kernels_named("auto", torch.device("cpu")).by_name
    ops, name = TorchOps(kernels=kernels), "heddle" if kernels else "torch"
    print(f"torch {torch.__version__}, 1 thread, sums by {name}")
    steps = random_steps(args.nodes, args.edges, args.features, args.share, 4)
    size = f"{args.nodes} nodes, {args.edges} edges, {args.features} features, {args.share:.1%} of the edges"
    compare(f"given what changed: {size}", steps, by_mode, ops, args.rounds)
    compare(f"in the engine: {size}", steps, by_engine, ops, args.rounds)
    rng, moving = np.random.default_rng(1), []
    for edges, x, change in steps:
        x = moving[-1][1].clone() if moving else x.clone()
        rows = torch.from_numpy(rng.permutation(args.nodes)[: args.nodes // 100])
        x[rows] = torch.randn(len(rows), args.features)
        moving.append((edges, x, change))
    compare("in the engine, and 1 % of the nodes with new features", moving, by_engine, ops, args.rounds)
    for dataset in ("england_covid", "twitter_tennis"):
        if not args.data.is_dir():
            print(f"\nwithout {dataset}: no folder {args.data}; set --data")
            continue
        real = real_steps(dataset, args.data, 16)
        compare(f"given what changed: {dataset}", real, by_mode, ops, 5 * args.rounds)
        compare(f"in the engine: {dataset}", real, by_engine, ops, 5 * args.rounds)


if __name__ == "__main__":
    main()
