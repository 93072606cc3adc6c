"""Memory of one device as a graph is split over more of them, read from the compiled step; nothing is run.

    python benchmarks/jax_sharding_memory.py                     # 20k nodes, 400k edges, 1 to 8 virtual devices
    python benchmarks/jax_sharding_memory.py --nodes 2000 --edges 20000 --devices 1 2 4 --models gcn

For each plan and number of devices: bytes that the compiler reserves for the value and gradient of one step
(`temp_size_in_bytes`), what `heddle plan` said beforehand, and the fit behind the claim:

    edges    a + b / D: what doesn't fall is the nodes' part, what falls is the edges'   O(N + E / D)
    halo     a + b / D with a near 0: all falls, but for the senders that a part misses  O((N + E) / D + halo)

The graph is a ring with edges between near nodes, whose partition has a small halo; --far makes edges random. Before
anything is measured, each plan's loss and gradients on the most devices equal those of one device.
"""

import argparse
import os
import platform

import jax
import numpy as np

from heddle.data.task import Task
from heddle.engines.optim import Optim
from heddle.engines.sharding.halo import parts_of
from heddle.engines.sharding.plan import PLANS, estimate
from heddle.engines.sharding.sizes import halo_sizes
from heddle.engines.sharding.workload import workload_of_graph
from heddle.graphs.graph import Graph
from heddle.nn.heads import NodeHead
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.model import Batch, Model
from heddle.nn.models.stack import Stack
from heddle_jax.ops.jax_ops import JaxOps
from heddle_jax.sharding.learner import ShardedLearner
from heddle_jax.sharding.memory import step_memory
from heddle_jax.sharding.program import build_sharded_program
from heddle_jax.sharding.shard_layout import Halo, layout_of
from heddle_jax.sharding.spmd import device_mesh
from heddle_jax.train.device_put import precision_of

WIDTH, CLASSES = 32, 8
TASK = Task("node_classification", "cross_entropy", ("accuracy",))
MODELS = {
    "gcn": Model(Stack((GCN(WIDTH, 64), GCN(64, CLASSES))), NodeHead()),
    "gat": Model(Stack((GAT(WIDTH, 64, heads=4), GAT(64, CLASSES, heads=2, concat=False))), NodeHead()),
    "graph_network": Model(
        Stack((GraphNetwork(WIDTH, 64), GraphNetwork(64, CLASSES, hidden=64))), NodeHead()
    ),
}


def make_graph(n_nodes: int, n_edges: int, far: bool) -> Graph:
    """Return the graph, its edges to near nodes or to any."""
    rng = np.random.default_rng(0)
    receivers = rng.integers(0, n_nodes, n_edges)
    near = (receivers + np.round(rng.laplace(scale=n_nodes / 200, size=n_edges)).astype(int)) % n_nodes
    senders = rng.integers(0, n_nodes, n_edges) if far else near
    x = rng.standard_normal((n_nodes, WIDTH)).astype(np.float32)
    return Graph(x, None, senders, receivers, None, np.array([n_nodes]), np.array([n_edges]))


def batch_of(model: Model, graph: Graph) -> Batch:
    """Return a batch that asks about every node."""
    index = np.arange(int(graph.n_node[0]))
    return Batch(graph, model.prepare(graph), index, index % CLASSES, index >= 0)


def learner_of(model: Model, graph: Graph, plan: str, n_devices: int, method: str):
    """Return (learner, mesh, layout)."""
    mesh, layout = device_mesh(n_devices), layout_of(plan, graph, n_devices, method)
    return ShardedLearner(model, JaxOps(), precision_of("float32"), mesh, lambda _: layout), mesh, layout


def check(name: str, devices: int, far: bool) -> None:
    """Raise AssertionError unless two steps on many devices equal those on one, on a small graph."""
    model, graph = MODELS[name], make_graph(300, 3000, far)
    losses = {}
    for plan, count in (("edges", 1), *((plan, devices) for plan in PLANS)):
        learner, mesh, _ = learner_of(model, graph, plan, count, "contiguous")
        program = build_sharded_program(
            learner, TASK, Optim(name="sgd", lr=0.1, weight_decay=0.0), JaxOps(), mesh
        )
        state, placed, results = program.init(0), learner.place(batch_of(model, graph)), []
        for _ in range(2):
            state, metrics = program.step(state, placed)
            results.append(metrics["loss"])
        losses[plan, count] = results
    first = losses["edges", 1]
    assert all(np.allclose(results, first, rtol=1e-5) for results in losses.values()), losses


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=20_000)
    parser.add_argument("--edges", type=int, default=400_000)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--partition", default="contiguous")
    parser.add_argument("--far", action="store_true")
    args = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", max(args.devices))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, jax {jax.__version__}"
    )
    for name in args.models:
        check(name, max(args.devices), args.far)
    print("correctness gate: green")
    graph = make_graph(args.nodes, args.edges, args.far)
    ends = graph.senders, graph.receivers
    for name in args.models:
        model = MODELS[name]
        work, batch = workload_of_graph(model, graph), batch_of(model, graph)
        print(f"\n{name}, {args.nodes} nodes, {args.edges} edges, float32")
        print("plan     devices  arguments MB  temporaries MB  planned MB   of 1  rows + halo")
        for plan in PLANS:
            measured = []
            for count in args.devices:
                learner, mesh, layout = learner_of(model, graph, plan, count, args.partition)
                actual = step_memory(learner, TASK, learner.place(batch), mesh)
                halo = None
                if isinstance(layout, Halo):
                    halo = halo_sizes(parts_of(*ends, layout.owner, count))
                planned = estimate(plan, work, count, halo=halo)
                measured.append(actual.temporaries / 1e6)
                sizes = f"{actual.arguments / 1e6:13.2f} {measured[-1]:15.2f} {planned.works / 1e6:11.2f}"
                more = "" if halo is None else f"{halo.rows} + {count} x {halo.slots}"
                print(f"{plan:8} {count:7} {sizes} {measured[-1] / measured[0]:6.2f}  {more}", flush=True)
            if len(args.devices) > 1:
                falls, stays = np.polyfit(1 / np.array(args.devices), measured, 1)
                print(f"{plan:8} about {stays:.1f} + {falls:.1f} / D MB")


if __name__ == "__main__":
    main()
