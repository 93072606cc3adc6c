"""Training on sampled mini-batches beside DGL's sampler and loader: steps per second of a GraphSAGE, in one run.

    python benchmarks/minibatch.py                       # 1M nodes, 20M edges; some minutes and 4 GB
    python benchmarks/minibatch.py --nodes 50000 --edges 1000000 --steps 5 --rounds 1

Two layers, fanouts [15, 10], batches of 1024, Adam; every contender samples, gathers features, goes forward and back
and steps. Rounds are taken in turn; the best of each counts. On a busy machine compare the CPU time of a step (all
processors together): the clock tells who else was there.

Nothing is timed before the gate is green: on our blocks, with our weights, DGL's layers give our outputs, and its
sampler takes as many edges of each node as ours. With more threads DGL's and torch's OpenMP pools spin while they
wait, which a machine with other work on it punishes: hence one thread by default, and `--workers` threads of ours that
build batches ahead.
"""

import argparse
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from heddle.config.run import RunConfig
from heddle.data.dataset import Dataset
from heddle.engines.optim import Optim
from heddle.engines.plugins import load_plugins
from heddle.graphs.graph import Graph
from heddle.nn.models.options import SageOptions
from heddle.options import DataOptions
from heddle.sampling.blocks import blocks
from heddle.sampling.types import Fanout
from heddle.workflow.assemble import Assembly, assemble
from heddle.workflow.loaders.sampled import batch_of
from heddle.workflow.options import Sampler
from heddle_pyg.options import PygOptions

FANOUTS, BATCH, CLASSES = [15, 10], 1024, 16


class Contender(NamedTuple):
    """Who trains: an epoch's losses, one for each step."""

    name: str
    epoch: Callable[[int], Iterator[float]]


class Best(NamedTuple):
    """Seconds of a step on the clock and on all processors together."""

    wall: float
    cpu: float


def make_dataset(nodes: int, edges: int, width: int, steps: int) -> Dataset:
    """Return a random graph with features, its edges sorted by receiver, and `steps` batches of training nodes."""
    rng = np.random.default_rng(0)
    receivers = np.sort(rng.integers(0, nodes, edges, dtype=np.int32))
    senders = rng.integers(0, nodes, edges, dtype=np.int32)
    x = rng.standard_normal((nodes, width), dtype=np.float32)
    graph = Graph(x, None, senders, receivers, None, np.array([nodes]), np.array([edges]))
    order = rng.permutation(nodes)[: steps * BATCH]
    splits = {"train": order, "valid": order[:10], "test": order[:10]}
    return Dataset("random", "node_classification", graph, rng.integers(0, CLASSES, nodes), splits, CLASSES)


class OneDataset:
    """The plugins, and the dataset that is there already."""

    def __init__(self, dataset: Dataset):
        self._plugins, self._dataset = load_plugins(), dataset

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plugins, name)

    def dataset(self, name: str) -> Any:
        return lambda config: self._dataset


def ours(dataset: Dataset, hidden: int, workers: int) -> Assembly:
    """Return what `heddle train model=sage sampler=neighbor` builds."""
    config = RunConfig(
        DataOptions("random"),
        SageOptions("sage", hidden=hidden, dropout=0.0),
        PygOptions(),
        optim=Optim(lr=0.01, weight_decay=0.0),
        sampler=Sampler("neighbor", tuple(FANOUTS), BATCH, workers=workers),
    )
    return assemble(config, OneDataset(dataset))


def heddle_contender(parts: Assembly) -> Contender:
    state = parts.program.init(0)

    def epoch(number: int) -> Iterator[float]:
        nonlocal state
        for placed in parts.loader.batches(parts.program, number):
            state, metrics = parts.program.step(state, placed)
            yield metrics["loss"]

    return Contender("heddle", epoch)


def dgl_model(width: int, hidden: int) -> torch.nn.ModuleList:
    import dgl

    return torch.nn.ModuleList(
        [dgl.nn.SAGEConv(width, hidden, "mean"), dgl.nn.SAGEConv(hidden, CLASSES, "mean")]
    )


def dgl_outputs(model: torch.nn.ModuleList, layers: Any, x: torch.Tensor) -> torch.Tensor:
    return model[1](layers[1], torch.relu(model[0](layers[0], x)))


def dgl_contender(dataset: Dataset, hidden: int, workers: int) -> Contender:
    """Return DGL's NeighborSampler and DataLoader, prefetching features, with its SAGEConv."""
    import dgl

    graph = dgl_graph(dataset)
    graph.ndata["x"] = torch.from_numpy(dataset.graphs.nodes)
    graph.ndata["y"] = torch.from_numpy(dataset.targets)
    model = dgl_model(dataset.graphs.nodes.shape[1], hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    sampler = dgl.dataloading.NeighborSampler(FANOUTS[::-1], prefetch_node_feats=["x"], prefetch_labels=["y"])
    ids = torch.from_numpy(dataset.splits["train"])
    loader = dgl.dataloading.DataLoader(
        graph, ids, sampler, batch_size=BATCH, shuffle=True, num_workers=workers
    )

    def epoch(number: int) -> Iterator[float]:
        for _, _, layers in loader:
            optimizer.zero_grad()
            outputs = dgl_outputs(model, layers, layers[0].srcdata["x"])
            loss = functional.cross_entropy(outputs, layers[-1].dstdata["y"])
            loss.backward()
            optimizer.step()
            yield loss.item()

    return Contender("dgl" if not workers else f"dgl, {workers} workers", epoch)


def pyg_contender(dataset: Dataset, hidden: int) -> Contender:
    """Return PyG's NeighborLoader, which needs pyg-lib, with its GraphSAGE on what each layer needs."""
    from torch_geometric.data import Data
    from torch_geometric.loader import NeighborLoader
    from torch_geometric.nn import GraphSAGE

    graph = dataset.graphs
    edge_index = torch.from_numpy(np.stack([graph.senders, graph.receivers]).astype(np.int64))
    data = Data(torch.from_numpy(graph.nodes), edge_index, y=torch.from_numpy(dataset.targets))
    model = GraphSAGE(graph.nodes.shape[1], hidden, 2, CLASSES)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    ids = torch.from_numpy(dataset.splits["train"])
    loader = NeighborLoader(data, FANOUTS, ids, batch_size=BATCH, shuffle=True)

    def epoch(number: int) -> Iterator[float]:
        for batch in loader:
            optimizer.zero_grad()
            counts = batch.num_sampled_nodes, batch.num_sampled_edges
            outputs = model(
                batch.x,
                batch.edge_index,
                num_sampled_nodes_per_hop=counts[0],
                num_sampled_edges_per_hop=counts[1],
            )
            loss = functional.cross_entropy(outputs[: batch.batch_size], batch.y[: batch.batch_size])
            loss.backward()
            optimizer.step()
            yield loss.item()

    return Contender("pyg NeighborLoader", epoch)


def dgl_graph(dataset: Dataset) -> Any:
    import dgl

    graph = dataset.graphs
    counts = np.bincount(graph.receivers, minlength=int(graph.n_node[0]))
    indptr = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]))
    senders = torch.from_numpy(graph.senders.astype(np.int64))
    return dgl.graph(("csc", (indptr, senders, torch.arange(len(senders)))))


@torch.no_grad()
def gate(parts: Assembly, dataset: Dataset, hidden: int) -> None:
    """Raise unless DGL's layers give our outputs on our blocks, and its sampler takes as many edges as ours."""
    import dgl

    program, loader = parts.program, parts.loader
    state = program.init(1)
    arrays = {
        name.removeprefix("params/"): torch.from_numpy(x) for name, x in program.to_arrays(state).items()
    }
    model = dgl_model(dataset.graphs.nodes.shape[1], hidden)
    for at, layer in enumerate(model):
        prefix = f"encoder.layers.{at}."
        layer.fc_self.weight.copy_(arrays[prefix + "weight_self"].T)
        layer.fc_neigh.weight.copy_(arrays[prefix + "weight_neighbour"].T)
        layer.fc_self.bias.copy_(arrays[prefix + "bias"])
    seeds = dataset.splits["train"][:BATCH]
    graph = loader._graph  # type: ignore[attr-defined]
    part = graph.parts.around(seeds, Fanout(tuple(FANOUTS)), key=5)
    layers = [
        dgl.create_block(
            (torch.from_numpy(block.senders), torch.from_numpy(block.receivers)),
            block.n_senders,
            block.n_receivers,
        )
        for block in blocks(part.sample)
    ]
    theirs = dgl_outputs(model, layers, torch.from_numpy(part.graph.nodes))
    placed = program.place(batch_of(parts.model, part, np.arange(len(seeds)), graph.parts.kernels.adjacency))
    difference = np.abs(program.predict(state, placed) - theirs.numpy()).max()
    assert difference < 1e-4, f"outputs differ by {difference}"
    taken = dgl.sampling.sample_neighbors(dgl_graph(dataset), torch.from_numpy(seeds), FANOUTS[0]).num_edges()
    assert taken == part.sample.edges_per_hop[0], (taken, part.sample.edges_per_hop)


def measure(contenders: list[Contender], rounds: int) -> dict[str, Best]:
    """Return each one's best round, taken in turn after a warm-up of one each."""
    best: dict[str, Best] = {}
    for number in range(rounds + 1):
        for name, epoch in contenders:
            wall, cpu = time.perf_counter(), time.process_time()
            losses = list(epoch(number + 1))
            spent = [(time.perf_counter() - wall), (time.process_time() - cpu)]
            assert np.isfinite(losses).all()
            if number:
                now = Best(*(seconds / len(losses) for seconds in spent))
                best[name] = Best(*map(min, now, best.get(name, now)))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of torch and DGL in a step")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    dataset = make_dataset(arguments.nodes, arguments.edges, arguments.features, arguments.steps)
    import dgl

    torch.set_num_threads(arguments.threads)
    dgl.utils.set_num_threads(arguments.threads)
    versions = f"torch {torch.__version__} ({torch.get_num_threads()} threads), dgl {dgl.__version__}"
    lacking = "" if find_spec("pyg_lib") else "; pyg-lib is not installed, so PyG's NeighborLoader can't run"
    print(f"{platform.processor() or platform.machine()}, {versions}{lacking}")
    print(
        f"{arguments.nodes} nodes, {arguments.edges} edges, {arguments.features} features, GraphSAGE of "
        f"{arguments.hidden}, fanouts {FANOUTS}, batches of {BATCH}"
    )
    parts = ours(dataset, arguments.hidden, arguments.workers)
    gate(parts, dataset, arguments.hidden)
    print("the gate is green\n")
    contenders = [heddle_contender(parts), dgl_contender(dataset, arguments.hidden, 0)]
    if find_spec("pyg_lib"):
        contenders.append(pyg_contender(dataset, arguments.hidden))
    best = measure(contenders, arguments.rounds)
    base = best["heddle"]
    print("contender            steps/s  ms wall  of ours  ms cpu  of ours")
    for name, (wall, cpu) in best.items():
        of_ours = wall / base.wall, cpu / base.cpu
        print(
            f"{name:20} {1 / wall:7.2f} {wall * 1e3:8.1f} {of_ours[0]:8.2f} {cpu * 1e3:7.1f} {of_ours[1]:8.2f}"
        )
    print(f"\nheddle waited for batches {parts.loader.stats()['loader_wait_share']:.0%} of the time")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
