"""Training steps of R-GCN beside its peers: forward and backward of two layers, in one process, as ratios to ours.

    python benchmarks/rgcn.py                          # all three tables; hours on two cores, for the slow rows
    python benchmarks/rgcn.py --table talk --edge-types 64 --skip "dgl RelGraphConv" "edges, grouped_mm"
    python benchmarks/rgcn.py --quick                  # the same at a fraction of the size, in minutes

talk    layers 128 -> 16 -> 10 on torch_geometric's FakeHeteroDataset: 4 node types, 20000 nodes each on average
sparse  1000 relations that share 500000 edges, some of a few, some of thousands
plans   one way for all relations against the planner's choice, over widths before and after

Nothing is timed before the correctness gate is green: outputs and gradients equal those of the first variant. Times are
the least of several rounds in turn; CPU time beside the clock, since other load on the machine moves the clock alone.
Memory is what a step adds to the process at its peak. A variant that needs more than --memory is left out, and said so.
"""

import argparse
import gc
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch_geometric
from rgcn_talk import step, talk
from rgcn_variants import Problem, Variant, by_edge, heddle, make_problem, pyg_rgcn, variants
from torch import Tensor

SLOW = 5.0  # seconds of a step that is measured once


class Spent(NamedTuple):
    """The least of the rounds: seconds on the clock and on all processors, and the peak of one step in MB."""

    wall: float
    cpu: float
    peak: float


def sparse(relations: int, edges: int, nodes: int) -> Problem:
    """Return a graph whose relations are of very unequal size."""
    rng = np.random.default_rng(0)
    share = rng.zipf(1.6, relations).clip(1, 200)
    counts = np.maximum(1, share * edges / share.sum()).astype(int)
    keys = [(f"v{i % 4}", f"e{i}", f"v{i // 4 % 4}") for i in range(relations)]
    ends = {key: torch.from_numpy(rng.integers(0, nodes, (2, n))) for key, n in zip(keys, counts)}
    return make_problem(ends, {f"v{i}": nodes for i in range(4)}, (128, 16, 10))


def measure(
    problem: Problem, made: Iterable[tuple[str, Callable[[], Variant]]], rounds: int
) -> dict[str, Spent]:
    """Return what a step of each variant took, once its output and gradients equal those of the first."""
    torch.manual_seed(2)
    seed = torch.randn(sum(problem.sizes.values()), problem.widths[2])
    expected: list[Tensor] = []
    ready: dict[str, Variant] = {}
    spent: dict[str, Spent] = {}
    for name, make in made:
        variant = make()
        actual = [step(variant, seed), *(grad.clone() for grad in variant.gradients())]
        expected = expected or actual
        worst = float((actual[0] - expected[0]).abs().max() / expected[0].abs().max())
        assert worst < 1e-4, f"{name}: an output is {worst:.1e} off"
        for one, other in zip(actual, expected, strict=True):  # by norm: a ReLU at 0 may take the other side
            error = float((one - other).norm() / other.norm())
            assert error < 1e-3, f"{name}: the output or a gradient is {error:.1e} off"
        spent[name] = Spent(*_timed(variant, seed), _peak(variant, seed))
        if spent[name].wall < SLOW:
            ready[name] = variant
        del variant, actual
    order = list(ready.items())
    for _ in range(rounds):
        order.reverse()  # what a step leaves in memory makes the next one faster or slower
        for name, variant in order:
            wall, cpu = _timed(variant, seed)
            best = spent[name]
            spent[name] = Spent(min(wall, best.wall), min(cpu, best.cpu), best.peak)
    return spent


def _timed(variant: Variant, seed: Tensor) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    step(variant, seed)
    return time.perf_counter() - wall, time.process_time() - cpu


def _peak(variant: Variant, seed: Tensor) -> float:
    """Return the MB that a step adds to the process at its peak; nan where the system doesn't tell."""
    if not Path("/proc/self/clear_refs").exists():
        return float("nan")
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _status("VmRSS")
    step(variant, seed)
    return _status("VmHWM") - before


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def show(spent: dict[str, Spent], base: str) -> None:
    """Print a table, times as multiples of those of `base`."""
    print("variant                    ms wall     ms cpu   of ours   cpu of ours   MB more")
    ours = spent[base]
    for name, (wall, cpu, peak) in spent.items():
        ratios = f"{wall / ours.wall:9.2f} {cpu / ours.cpu:13.2f}"
        print(f"{name:22} {wall * 1e3:11.1f} {cpu * 1e3:10.1f} {ratios} {peak:9.0f}", flush=True)


def talk_table(args: argparse.Namespace) -> None:
    """Compare all variants at each number of relations."""
    for count in args.edge_types:
        problem = talk(count, args.nodes)
        n_nodes = sum(problem.sizes.values())
        print(f"\ntalk: {count} edge types, {n_nodes} nodes, {problem.n_edges} edges, 128 -> 16 -> 10")
        chosen = {}
        for name, (make, needed) in variants(problem).items():
            if needed > args.memory * 1e9:
                print(f"{name}: left out, it needs about {needed / 1e9:.0f} GB")
            elif name not in args.skip:
                chosen[name] = make
        spent = measure(problem, chosen.items(), args.rounds)
        show(spent, "heddle native")
        fastest = min(spent, key=lambda name: spent[name].wall)
        print(f"fastest: {fastest}")


def sparse_table(args: argparse.Namespace) -> None:
    """Compare plans and the edge-level way on many small relations."""
    problem = sparse(args.relations, args.sparse_edges, args.sparse_nodes)
    print(f"\nsparse: {len(problem.edges)} relations, {problem.n_edges} edges, 128 -> 16 -> 10")
    chosen: dict[str, Callable[[], Variant]] = {
        "heddle native": lambda: heddle(problem, "auto", True),
        "heddle torch": lambda: heddle(problem, "auto", False),
        "edges, heddle": lambda: by_edge(problem, "heddle"),
        "edges, grouped_mm": lambda: by_edge(problem, "torch"),
        "pyg RGCNConv": lambda: pyg_rgcn(problem, "RGCNConv"),
    }
    kept = [(name, make) for name, make in chosen.items() if name not in args.skip]
    show(measure(problem, kept, args.rounds), "heddle native")


def plans_table(args: argparse.Namespace) -> None:
    """Compare the planner's choice with each way for all relations, over widths."""
    graph = talk(16, args.plan_nodes)
    print(f"\nplans: 16 edge types, {graph.n_edges} edges; ms of a step, and of the best as a share of auto")
    print("native   widths               auto  transform  aggregate     auto/best")
    worst = 0.0
    for native in (True, False):
        for a in args.widths:
            for b in args.widths:
                problem = make_problem(graph.edges, graph.sizes, (a, b, b))
                plans = ("auto", "transform", "aggregate")
                made = [(plan, partial(heddle, problem, plan, native)) for plan in plans]
                spent = measure(problem, made, args.rounds)
                auto, *forced = (spent[plan].cpu for plan in plans)
                worst = max(worst, auto / min(forced))
                cells = "".join(f"{value * 1e3:11.1f}" for value in (auto, *forced))
                print(f"{native!s:6} {a:4} -> {b:4} -> {b:4} {cells} {auto / min(forced):13.2f}", flush=True)
    print(f"worst: {worst:.2f}")


TABLES = {"talk": talk_table, "sparse": sparse_table, "plans": plans_table}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", choices=TABLES, nargs="+", default=list(TABLES))
    parser.add_argument("--quick", action="store_true", help="a fraction of the size")
    parser.add_argument("--edge-types", type=int, nargs="+", default=[4, 8, 16, 32, 64, 128])
    parser.add_argument("--nodes", type=int, default=20_000, help="of a type, on average")
    parser.add_argument("--relations", type=int, default=1000)
    parser.add_argument("--sparse-edges", type=int, default=500_000)
    parser.add_argument("--sparse-nodes", type=int, default=5000)
    parser.add_argument("--plan-nodes", type=int, default=5000)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--skip", nargs="+", default=[], help="variants to leave out, by name")
    parser.add_argument("--memory", type=float, default=_free_memory(), help="GB that a variant may need")
    args = parser.parse_args()
    if args.quick:
        args.edge_types, args.nodes, args.plan_nodes, args.widths = [4, 64], 2000, 1000, [16, 64]
        args.relations, args.sparse_edges, args.sparse_nodes, args.rounds = 200, 50_000, 2000, 3
    warnings.simplefilter("ignore")
    print(
        f"{_processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"torch_geometric {torch_geometric.__version__}, numpy {np.__version__}"
    )
    for table in args.table:
        TABLES[table](args)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{named[0]} ({os.cpu_count()} cores)" if named else platform.machine()


def _free_memory() -> float:
    """Return half of the memory that is free, in GB."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2e9


if __name__ == "__main__":
    main()
