"""What keys cost: the share of a training step that goes to digests and versions of what is kept.

    python benchmarks/keys.py              # a minute

METR-LA's size: 207 nodes, 1515 edges, windows of 12 steps and 12 to predict, 64 of them, a diffusion GRU of 64, with a
store of snapshots. Sampled: ogbn-arxiv's size, 169 343 nodes with 128 features and 1 166 243 edges, random ones; 512
nodes with 10 neighbours each and 10 of each of these, through two GCNs of 128 in PortableModules, whose edges are new
in each step: drawn, gathered, forward, backward, update. Nothing is timed before what is kept answers as what has seen
nothing. CPU time of one thread; medians.
"""

import copy
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.nn import functional

from heddle.graphs.graph import Graph
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gcn import GCN
from heddle.sampling.types import Fanout, InEdges, homogeneous
from heddle_dgl import DynamicModule, GraphGRU, SnapshotStore, integrate, stack_seq_model
from heddle_dgl.reuse import placed_graph, windows
from heddle_kernels.sampling import NeighborSampler
from heddle_pyg.layers.module import PortableModule

WARM = 1


@contextmanager
def timed(*places: tuple[Any, str]) -> Iterator[list[float]]:
    """Give a list whose one number grows by the CPU seconds that functions, named by module or object, take."""
    spent = [0.0]

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return function(*given, **named)
            finally:
                spent[0] += time.process_time() - start

        return wrapped

    patches = [mock.patch.object(owner, name, wrap(getattr(owner, name))) for owner, name in places]
    for patch in patches:
        patch.start()
    try:
        yield spent
    finally:
        for patch in patches:
            patch.stop()


def share(name: str, steps: int, step: Callable[[int], None], *places: tuple[Any, str]) -> None:
    """Print a step's CPU time, and how much of it the functions take."""
    times, parts = [], []
    for number in range(WARM + steps):
        with timed(*places) as spent:
            start = time.process_time()
            step(number)
            times.append(time.process_time() - start)
            parts.append(spent[0])
    whole, part = statistics.median(times[WARM:]), statistics.median(parts[WARM:])
    print(
        f"{name:10}{whole * 1e3:10.1f} ms a step, keys {part * 1e3:7.3f} ms, {part / whole:6.2%}; median of {steps}",
        flush=True,
    )


def metr_la() -> None:
    """Measure a forecast's step."""
    rng = np.random.default_rng(0)
    n, e = 207, 1515
    edges = {"weight": rng.random(e, np.float32)}
    graph = Graph(None, edges, *rng.integers(0, n, (2, e)), None, np.array([n]), np.array([e]))
    signal = rng.standard_normal((2000, n, 2), np.float32)
    model = stack_seq_model(2, 1, 2, integrate(GraphGRU, lambda a, b: DiffusionConv(a, b, 2)), hidden=64)
    module = DynamicModule(model, 12, 12, store=SnapshotStore())
    optimizer = torch.optim.Adam(module.parameters())

    def step(number: int) -> None:
        starts = np.random.default_rng(number).integers(0, 1900, 64)
        optimizer.zero_grad()
        functional.l1_loss(module(graph, signal, starts), torch.zeros(64, 12, n, 1)).backward()
        optimizer.step()

    naive = DynamicModule(model, 12, 12, engine="naive")
    naive.load_state_dict(module.state_dict())
    with torch.no_grad():
        for _ in range(2):  # computed, and kept
            actual, expected = (each(graph, signal, [3, 4]) for each in (module, naive))
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    share("METR-LA", 3, step, (windows, "digest"), (placed_graph, "digest"))


def sampled() -> None:
    """Measure the step of a sampled batch."""
    rng = np.random.default_rng(0)
    n, e = 169_343, 1_166_243
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rng.integers(0, n, e), minlength=n))])
    sampler = NeighborSampler(homogeneous(InEdges(indptr, rng.integers(0, n, e)), n))
    table, labels = torch.from_numpy(rng.standard_normal((n, 128), np.float32)), torch.arange(512) % 40
    module = torch.nn.ModuleList([PortableModule(GCN(128, 128)), PortableModule(GCN(128, 40))])
    optimizer = torch.optim.Adam(module.parameters())

    def answer(layers: torch.nn.ModuleList, drawn: Any) -> torch.Tensor:
        ends = torch.from_numpy(np.stack([drawn.senders, drawn.receivers]))
        x = table.index_select(0, torch.from_numpy(drawn.nodes))
        return layers[1](layers[0](x, ends).relu(), ends)[:512]

    def draw(number: int) -> Any:
        seeds = np.random.default_rng(number).choice(n, 512, replace=False)
        return sampler.sample(seeds, Fanout((10, 10)), key=number)

    def step(number: int) -> None:
        optimizer.zero_grad()
        functional.cross_entropy(answer(module, draw(number)), labels).backward()
        optimizer.step()

    with torch.no_grad():
        drawn = draw(0)
        torch.testing.assert_close(answer(module, drawn), answer(copy.deepcopy(module), drawn))
    places = [(each._memo, "_version") for each in module if isinstance(each, PortableModule)]
    share("sampled", 20, step, *places)


def main() -> None:
    """Check, and print a line per kind of step."""
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}, numpy {np.__version__}")
    metr_la()
    sampled()


if __name__ == "__main__":
    main()
