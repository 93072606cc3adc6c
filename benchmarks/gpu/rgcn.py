"""Training steps of R-GCN on a card beside its peers: the variants of benchmarks/rgcn.py, forward and backward.

    python benchmarks/gpu/rgcn.py [--edge-types 4 16 64] [--nodes 20000]

Nothing is timed before outputs and gradients equal those of the first variant. Times are those of a step captured in a
graph, which is what it takes of the device, then as called, each with its ratio to ours. Memory is what a step adds.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from card import on_device, require_card, seconds, synchronisations

sys.path.insert(0, str(Path(__file__).parents[1]))
from rgcn_talk import step, talk
from rgcn_variants import Problem, variants

LEFT_OUT = ("dgl HeteroGraphConv", "dgl RelGraphConv", "pyg FastRGCNConv")


def measure(problem: Problem) -> None:
    """Print a line for each variant that fits into half of the card's memory."""
    seed = torch.randn(sum(problem.sizes.values()), problem.widths[2], device="cuda")
    expected: list[torch.Tensor] = []
    own_tolerance: tuple[float, ...] = ()
    for name, (make, needed) in variants(problem).items():
        if name in LEFT_OUT:
            continue
        if needed > torch.cuda.mem_get_info()[1] / 2:
            print(f"{name:22} left out, it needs about {needed / 1e9:.0f} GB")
            continue
        try:
            variant = make()
            actual = [step(variant, seed), *(grad.clone() for grad in variant.gradients())]
        except RuntimeError as error:
            print(f"{name:22} left out: {str(error).splitlines()[0][:120]}")
            continue
        expected = expected or actual
        worst = max(float((a - b).norm() / b.norm()) for a, b in zip(actual, expected, strict=True))
        assert worst < 1e-3, f"{name}: the output or a gradient is {worst:.1e} off"
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(variant, seed)
        more = (torch.cuda.max_memory_allocated() - before) / 2**20
        work = partial(step, variant, seed)
        took = on_device(work, repeats=10), seconds(work, repeats=10)
        own_tolerance = own_tolerance or took
        cells = "".join(f"{1e3 * mine:9.2f} ms {mine / of:7.2f}x" for mine, of in zip(took, own_tolerance))
        print(f"{name:22} {cells} {more:9.0f} MB more  {worst:.0e}", flush=True)
        if name == "heddle native":
            waits = synchronisations(work)
            print(f"{'':22} calls that make the host wait: {waits or 'none'}")
        del variant, actual, work
        torch.cuda.empty_cache()


def main() -> None:
    """Measure every number of relations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge-types", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--nodes", type=int, default=20_000, help="of a type, on average")
    asked = parser.parse_args()
    require_card()
    for count in asked.edge_types:
        problem = talk(count, asked.nodes).to("cuda")
        nodes = sum(problem.sizes.values())
        print(f"\n{count} edge types, {nodes} nodes, {problem.n_edges} edges, 128 -> 16 -> 10", flush=True)
        measure(problem)


if __name__ == "__main__":
    main()
