"""Neighbour sampling beside DGL's and pyg-lib's: CPU time of a batch, per thread count, as ratios to ours.

    python benchmarks/sampling.py                     # 1M nodes, 20M edges; about two minutes and 4 GB
    python benchmarks/sampling.py --nodes 50000 --edges 1000000 --batches 5

Compare CPU times of one thread: DGL's OpenMP threads spin while they wait, which on a busy machine costs more than the
sampling. Columns "of ours" are CPU time per edge, since DGL samples the seeds again in every layer.

Nothing is timed before the correctness gate is green: our samples equal the reference's bit by bit, and at full size
each node has as many different edges of its own as it was asked for, as DGL's have.
"""

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch

from heddle.sampling import ReferenceSampler
from heddle.sampling.types import Fanout, InEdges, SampleGraph, homogeneous
from heddle.testing.cases.sample_checks import assert_same_sample
from heddle.testing.cases.samples import edges_of
from heddle_kernels.sampling import NeighborSampler

BATCH = 1024
FANOUTS = ((15, 10), (50, 50))
LONG_ENOUGH = 0.3  # seconds of a round


class Graph(NamedTuple):
    """In-edges of a random graph: indptr [n + 1], senders [e]."""

    indptr: np.ndarray
    senders: np.ndarray

    def for_ours(self, dtype: type) -> SampleGraph:
        """Return it as our samplers read it."""
        return homogeneous(
            InEdges(self.indptr.astype(dtype), self.senders.astype(dtype)), len(self.indptr) - 1
        )


class Time(NamedTuple):
    """Seconds of a batch on the clock and on all processors together, and the edges it brought."""

    wall: float
    cpu: float
    edges: float


def make_graph(graph_kind: str, n: int, e: int) -> Graph:
    """Return a graph whose in-degrees are uniform or follow a power law."""
    rng = np.random.default_rng(0)
    if graph_kind == "uniform":
        degrees = np.bincount(rng.integers(0, n, e), minlength=n)
    else:
        weight = np.arange(1, n + 1) ** -0.6
        degrees = rng.permutation(rng.multinomial(e, weight / weight.sum()))
    return Graph(np.concatenate([[0], np.cumsum(degrees)]), rng.integers(0, n, e))


def gate(graph: Graph, batch: np.ndarray, dgl_graph: Any) -> None:
    """Raise unless our samples are right, and DGL's of the same request have as many edges."""
    small = homogeneous(edges_of(np.random.default_rng(1), 500, 500, 9000), 500)
    for fanout in (Fanout((5, 4)), Fanout((5, 4), replace=True)):
        for threads in (1, 2):
            actual = NeighborSampler(small, threads=threads).sample(np.arange(300), fanout, key=3)
            assert_same_sample(actual, ReferenceSampler(small).sample(np.arange(300), fanout, key=3))
    for size in {sizes[0] for sizes in FANOUTS}:
        expected = np.minimum(np.diff(graph.indptr)[batch], size)
        actual = NeighborSampler(graph.for_ours(np.int64)).sample(batch, Fanout((size,)), key=3)
        assert (np.bincount(actual.receivers, minlength=BATCH)[:BATCH] == expected).all()
        assert len(np.unique(actual.edges)) == len(actual.edges)
        assert (graph.senders[actual.edges] == actual.nodes[actual.senders]).all()
        if dgl_graph is not None:
            import dgl

            theirs = dgl.sampling.sample_neighbors(dgl_graph, torch.from_numpy(batch), size)
            assert theirs.num_edges() == expected.sum()


def measure(draw: Callable[[np.ndarray, int], int], batches: list[np.ndarray], repeats: int) -> Time:
    """Return the cheapest of some rounds over the batches, each long against the clock's ticks, after a warm-up."""

    def one_round(passes: int) -> Time:
        wall, cpu = time.perf_counter(), time.process_time()
        edges = sum(draw(batch, number) for _ in range(passes) for number, batch in enumerate(batches))
        spent = Time(time.perf_counter() - wall, time.process_time() - cpu, edges)
        return Time(*(value / (passes * len(batches)) for value in spent))

    passes = 1 + int(LONG_ENOUGH / (one_round(1).wall * len(batches)))
    return min((one_round(passes) for _ in range(repeats)), key=lambda spent: spent.cpu)


def samplers(graph: Graph, dgl_graph: Any, sizes: tuple[int, ...], threads: int) -> dict[str, Any]:
    """Return what is compared: name -> (batch, number) -> edges drawn. Ours with int64 ids comes first."""

    def ours(dtype: type) -> Callable[[np.ndarray, int], int]:
        sampler = NeighborSampler(graph.for_ours(dtype), threads=threads)
        return lambda batch, number: len(sampler.sample(batch, Fanout(sizes), key=number).edges)

    by_name = {"heddle int64": ours(np.int64), "heddle int32": ours(np.int32)}
    if dgl_graph is not None:
        import dgl

        dgl.utils.set_num_threads(threads)
        theirs = dgl.dataloading.NeighborSampler(list(reversed(sizes)))
        by_name["dgl int64"] = lambda batch, _: sum(
            block.num_edges() for block in theirs.sample_blocks(dgl_graph, torch.from_numpy(batch))[2]
        )
    if find_spec("pyg_lib") is not None:
        import pyg_lib

        colptr, row = torch.from_numpy(graph.indptr), torch.from_numpy(graph.senders)
        by_name["pyg-lib int64"] = lambda batch, _: len(
            pyg_lib.sampler.neighbor_sample(colptr, row, torch.from_numpy(batch), list(sizes), csc=True)[0]
        )
    return by_name


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, numpy {np.__version__}",
        end="",
    )
    with_dgl = find_spec("dgl") is not None
    if with_dgl:
        import dgl

        print(f", dgl {dgl.__version__}", end="")
    print("" if find_spec("pyg_lib") else "; pyg-lib is not installed")
    print(f"{arguments.nodes} nodes, {arguments.edges} edges, batches of {BATCH}, without replacement")
    for graph_kind in ("uniform", "power law"):
        graph = make_graph(graph_kind, arguments.nodes, arguments.edges)
        rng = np.random.default_rng(2)
        batches = [rng.choice(arguments.nodes, BATCH, replace=False) for _ in range(arguments.batches)]
        dgl_graph = None
        if with_dgl:
            ids = torch.arange(arguments.edges)
            dgl_graph = dgl.graph(
                ("csc", (torch.from_numpy(graph.indptr), torch.from_numpy(graph.senders), ids))
            )
        gate(graph, batches[0], dgl_graph)
        print(f"\n{graph_kind}, largest in-degree {np.diff(graph.indptr).max()}; the gate is green")
        print("fanout    threads sampler          ms cpu  ms wall    edges  cpu/edge  of ours  Medges/s")
        for sizes in FANOUTS:
            for threads in arguments.threads:
                base = None
                for name, draw in samplers(graph, dgl_graph, sizes, threads).items():
                    spent = measure(draw, batches, arguments.repeats)
                    cost = spent.cpu / spent.edges
                    base = base or cost
                    print(row(sizes, threads, name, spent, cost / base), flush=True)


def row(sizes: tuple[int, ...], threads: int, name: str, spent: Time, ratio: float) -> str:
    """Return one line of the table."""
    wall, cpu, edges = spent
    return (
        f"{sizes!s:9} {threads:7} {name:14} {cpu * 1e3:8.2f} {wall * 1e3:8.2f} {edges:8.0f} "
        f"{cpu / edges * 1e9:6.1f} ns {ratio:8.2f} {edges / wall / 1e6:9.1f}"
    )


if __name__ == "__main__":
    main()
