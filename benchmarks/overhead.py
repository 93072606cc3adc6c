"""What a call of each kernel costs on a graph of three nodes, where nothing but the call takes time.

    python benchmarks/overhead.py              # a few seconds

One thread; the best of many rounds. Without a gradient to record a call is to take at most 7 microseconds.
"""

import platform
import time
from collections.abc import Callable

import torch
from torch import Tensor

from heddle_kernels import torch as kernels

ROUNDS, CALLS = 50, 200
MOST = 7.0


def main() -> None:
    """Print a line per op: microseconds without a gradient, and with one recorded."""
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}; microseconds a call")
    print(f"{'':18}{'plain':>8}{'recorded':>10}")
    slow = []
    for name, call in calls().items():
        plain = best(call, False)
        recorded = "" if name in ("index_sort", "build_adjacency") else f"{best(call, True):10.1f}"
        print(f"{name:18}{plain:8.1f}{recorded}")
        slow += [name] * (plain > MOST and name != "build_adjacency")
    print(f"over {MOST:.0f} without a gradient: {', '.join(slow) or 'none'}")


def calls() -> dict[str, Callable[[bool], object]]:
    """Return a call of each op, given whether its float arguments want a gradient."""
    ends = torch.tensor([0, 2, 2, 1]), torch.tensor([1, 1, 0, 2])
    edges = kernels.build_adjacency(*ends, 3, 3)
    nodes, values, weight = both(torch.randn(3, 4)), both(torch.randn(4, 2)), torch.rand(4)
    matrices, matrix, sizes = torch.randn(2, 4, 3), torch.randn(4, 3), torch.tensor([1, 2])
    return {
        "spmm": lambda grad: kernels.spmm(edges, nodes[grad]),
        "spmm weighted": lambda grad: kernels.spmm(edges, nodes[grad], weight),
        "spmm max": lambda grad: kernels.spmm(edges, nodes[grad], reduce="max"),
        "sddmm dot": lambda grad: kernels.sddmm(edges, nodes[grad], nodes[0], "dot"),
        "sddmm add": lambda grad: kernels.sddmm(edges, nodes[grad], nodes[0], "add"),
        "gather": lambda grad: kernels.gather(nodes[grad], edges.senders),
        "segment_sum": lambda grad: kernels.segment_sum(values[grad], edges.receivers, 3),
        "segment_max": lambda grad: kernels.segment_max(values[grad], edges.receivers, 3),
        "segment_softmax": lambda grad: kernels.segment_softmax(values[grad], edges.receivers, 3),
        "segment_matmul": lambda grad: kernels.segment_matmul(nodes[grad], matrices, sizes),
        "grouped_matmul": lambda grad: kernels.grouped_matmul([nodes[grad]], [matrix]),
        "index_sort": lambda grad: kernels.index_sort(edges.senders, 3),
        "build_adjacency": lambda grad: kernels.build_adjacency(*ends, 3, 3),
    }


def both(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x without and with a gradient."""
    return x, x.clone().requires_grad_()


def best(call: Callable[[bool], object], grad: bool) -> float:
    """Return the microseconds of a call in the best round."""
    shortest = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call(grad)
        shortest = min(shortest, time.perf_counter() - start)
    return shortest / CALLS * 1e6


if __name__ == "__main__":
    main()
