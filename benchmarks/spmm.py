"""spmm beside torch.sparse, DGL and index_add on a graph that fits in no cache, as ratios to what the memory allows.

    python benchmarks/spmm.py                  # 1M nodes, 8M edges, 64 features; about a minute and 6 GB
    python benchmarks/spmm.py --nodes 20000 --edges 200000 --rounds 3

On a busy machine compare the processors' time, "ms cpu".

The bound is the time that a loop needs which does nothing but bring the same memory in: for each edge its sender's id
and, at random, its sender's row, the rows prefetched ahead as well as we can; and for each receiver a row written. No
sum over edges that reads each of them can be faster without reordering the graph. All are timed in turn, in this run,
and the best of the rounds counts. Nothing is timed before the correctness gate is green: every contestant within
float32's rounding of float64 sums.
"""

import argparse
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from ctypes import CDLL, c_void_p
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library
from heddle_kernels.torch import build_adjacency, spmm

BOUND = r"""
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>
typedef float vec __attribute__((vector_size(64)));
static void part(const int32_t* ids, const float* x, float* out, int64_t from, int64_t to, int64_t rows, int64_t d) {
  constexpr int64_t AHEAD = 16;
  vec sum = {};
  for (int64_t j = from; j < to; ++j) {
    const float* later = x + ids[j + AHEAD < to ? j + AHEAD : j] * d;
    for (int64_t c = 0; c < d; c += 16) __builtin_prefetch(later + c);
    for (int64_t c = 0; c < d; c += 16) {
      vec v;
      std::memcpy(&v, x + ids[j] * d + c, sizeof v);
      sum += v;
    }
  }
  for (int64_t i = 0; i < rows * d; i += 16) std::memcpy(out + i, &sum, sizeof sum);
}
extern "C" void bring(const int32_t* ids, const float* x, float* out, int64_t edges, int64_t rows, int64_t d,
                      int64_t threads) {
  std::vector<std::thread> others;
  const auto run = [&](int64_t t) {
    const int64_t a = rows / threads * t, b = t + 1 == threads ? rows : rows / threads * (t + 1);
    part(ids, x, out + a * d, edges / threads * t, t + 1 == threads ? edges : edges / threads * (t + 1), b - a, d);
  };
  for (int64_t t = 1; t < threads; ++t) others.emplace_back(run, t);
  run(0);
  for (auto& other : others) other.join();
}
"""

Runs = dict[str, Callable[[], Tensor]]


def main() -> None:
    """Print a table for every form of weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=8_000_000)
    parser.add_argument("--features", type=int, default=64, help="a multiple of 16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    print(
        f"{platform.machine()}, torch {torch.__version__}, {library.isa()}; {args.rounds} rounds, best of them"
    )
    n, e, d = args.nodes, args.edges, args.features
    print(f"{n} nodes, {e} edges at random, {d} float32 features ({n * d * 4 / 1e6:.0f} MB), int32 ids")
    rng = np.random.default_rng(0)
    ends = (torch.from_numpy(rng.integers(0, n, e, dtype=np.int32)) for _ in range(2))
    adjacency = build_adjacency(*ends, n, n)
    x, weight = torch.randn(n, d), torch.rand(e)
    bound = compiled_bound()
    for weighted in (False, True):
        for threads in args.threads:
            table(adjacency, x, weight if weighted else None, bound, threads, args.rounds)


def table(
    adjacency: Adjacency, x: Tensor, weight: Tensor | None, bound: CDLL, threads: int, rounds: int
) -> None:
    """Check, time and print all that compute one sum."""
    torch.set_num_threads(threads)
    runs = contestants(adjacency, x, weight)
    check(runs, adjacency, x, weight)
    out = torch.empty_like(x)
    sizes = adjacency.n_edges, adjacency.n_receivers, x.shape[1], threads
    runs["bound"] = lambda: bound.bring(adjacency.senders.data_ptr(), x.data_ptr(), out.data_ptr(), *sizes)
    best = dict.fromkeys(runs, (float("inf"), float("inf")))
    for _ in range(rounds):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            took = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = min(best[name][0], took[0]), min(best[name][1], took[1])
    print(f"\n{'weighted' if weight is not None else 'unweighted'}, {threads} threads; the gate is green")
    print(f"{'':14}{'ms':>9}{'of bound':>10}{'ms cpu':>9}{'of bound':>10}{'GB/s':>7}")
    moved = (adjacency.n_edges + adjacency.n_receivers) * x.shape[1] * 4 + adjacency.n_edges * 4
    for name, (wall, cpu) in sorted(best.items(), key=lambda item: item[1]):
        of = wall / best["bound"][0], cpu / best["bound"][1]
        print(
            f"{name:14}{wall * 1e3:9.1f}{of[0]:10.2f}{cpu * 1e3:9.1f}{of[1]:10.2f}{moved / wall / 1e9:7.1f}"
        )


def contestants(adjacency: Adjacency, x: Tensor, weight: Tensor | None) -> Runs:
    """Return who sums, by name."""
    size = (adjacency.n_receivers, adjacency.n_senders)
    values = x.new_ones(adjacency.n_edges) if weight is None else weight
    csr = torch.sparse_csr_tensor(adjacency.indptr, adjacency.senders, values, size, check_invariants=False)
    receivers = adjacency.receivers.long()

    def index_add() -> Tensor:
        rows = x.index_select(0, adjacency.senders)
        return torch.zeros_like(x).index_add_(
            0, receivers, rows if weight is None else rows * weight[:, None]
        )

    runs: Runs = {
        "heddle": lambda: spmm(adjacency, x, weight),
        "torch.sparse": lambda: csr @ x,
        "index_add": index_add,
    }
    if find_spec("dgl"):
        from heddle_dgl.kernels import dgl_kernel

        kernel = dgl_kernel()
        runs["dgl"] = lambda: kernel(adjacency, x, weight)
    return runs


def check(runs: Runs, adjacency: Adjacency, x: Tensor, weight: Tensor | None) -> None:
    """Raise AssertionError unless all equal sums in float64 on a hundred receivers, and each other everywhere."""
    results = {name: run() for name, run in runs.items()}
    for name, y in results.items():
        torch.testing.assert_close(y, results["heddle"], rtol=1e-4, atol=1e-4, msg=f"{name} differs")
    for receiver in range(0, adjacency.n_receivers, max(1, adjacency.n_receivers // 100)):
        edges = slice(int(adjacency.indptr[receiver]), int(adjacency.indptr[receiver + 1]))
        rows = x[adjacency.senders[edges].long()].double()
        expected = (rows if weight is None else rows * weight[edges, None].double()).sum(0)
        torch.testing.assert_close(results["heddle"][receiver].double(), expected, rtol=1e-5, atol=1e-5)


def compiled_bound() -> CDLL:
    """Compile the loop that brings the memory in, for this processor, and load it."""
    folder = Path(tempfile.mkdtemp())
    source, built = folder / "bound.cpp", folder / "bound.so"
    source.write_text(BOUND)
    flags = ["-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-pthread", "-Wno-psabi"]
    subprocess.run(["c++", *flags, str(source), "-o", str(built)], check=True)
    loaded = CDLL(str(built))
    loaded.bring.argtypes = [c_void_p] * 7
    return loaded


if __name__ == "__main__":
    main()
