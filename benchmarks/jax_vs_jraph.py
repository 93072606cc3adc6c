"""Training steps beside Jraph's in one process: GCN, GAT and GraphNetwork, with heddle-kernels and on XLA alone.

    pip install --no-deps jraph
    python benchmarks/jax_vs_jraph.py                  # 50k nodes, 500k edges, 64 features; a few minutes, 8 GB
    python benchmarks/jax_vs_jraph.py --give-back-memory   # what Jraph's own users have: malloc left as it is
    python benchmarks/jax_vs_jraph.py --nodes 5000 --edges 50000 --rounds 3 --floor-nodes 40000 --floor-edges 400000

A step is value and gradient in all weights, jitted; times are the best of interleaved rounds, as ratios of Jraph's. The
first column is on the clock, the second in seconds of all processors together. Nothing is timed before the correctness
gate is green: the loss and every gradient equal Jraph's.

Jraph 0.0.6 doesn't run on current JAX as it is; `load_jraph` lends it the two names that it misses.
"""

import argparse
import ctypes
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle.engines.plugins.kernels import primitive_kernels
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Graph
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.params import initialise
from heddle.ops.propagation import build_propagation
from heddle_jax.malloc import keep_memory
from heddle_jax.ops.jax_ops import JaxOps, ops_with

FEATURES, HEADS = 64, 4
NEEDED = {"GCN": (4.5, 2.0), "GAT": (5.0, 1.8), "GraphNetwork": (2.5, 1.5)}
"""At least this many times Jraph's speed: with kernels, and on XLA alone."""

Step = Callable[[Any], Any]


class Case(NamedTuple):
    """A model both ways: loss of (params, data), Jraph's own data, and ours given the primitives."""

    params: Any
    theirs: Callable[[Any, Any], jax.Array]
    their_data: Any
    ours: Callable[[JaxOps, Any, Any], jax.Array]
    our_data: Any


def load_jraph() -> Any:
    """Return the module jraph, with what current JAX no longer has lent to it."""
    for name, function in {"tree_map": jax.tree.map, "tree_leaves": jax.tree.leaves}.items():
        if name not in vars(jax):
            setattr(jax, name, function)
    import jraph

    return jraph


def edges_of(graph_kind: str, n: int, e: int) -> tuple[np.ndarray, np.ndarray]:
    """Return e edges of a graph without loops, each both ways, whose ends are uniform or follow a power law."""
    rng = np.random.default_rng(0)
    weight = np.ones(n) if graph_kind == "uniform" else np.arange(1, n + 1) ** -0.6
    one = rng.permutation(n)[rng.choice(n, e // 2, p=weight / weight.sum())]
    other = (one + rng.integers(1, n, e // 2)) % n
    order = rng.permutation(e // 2 * 2)
    return np.concatenate([one, other])[order], np.concatenate([other, one])[order]


def gcn(jraph: Any, senders: np.ndarray, receivers: np.ndarray, x: np.ndarray) -> Case:
    """Two layers on the graph with loops."""
    layer = GCN(FEATURES, FEATURES, bias=False)
    propagation = build_propagation(build_adjacency(senders, receivers, len(x), len(x)), layer.specs()[0])
    params = [initialise(layer.params(), seed)["weight"] for seed in range(2)]

    def theirs(params: Any, graph: Any) -> jax.Array:
        for i, weight in enumerate(params):
            graph = jraph.GraphConvolution(lambda nodes, w=weight: nodes @ w, add_self_edges=True)(graph)
            graph = graph._replace(nodes=jax.nn.relu(graph.nodes)) if i == 0 else graph
        return jnp.mean(graph.nodes**2)

    def ours(ops: JaxOps, params: Any, data: Any) -> jax.Array:
        propagations, x = {layer.specs()[0].signature: data[0]}, data[1]
        for i, weight in enumerate(params):
            x = layer.apply(ops, {"weight": weight}, propagations, x)
            x = jax.nn.relu(x) if i == 0 else x
        return jnp.mean(x**2)

    graph = jraph.GraphsTuple(x, None, receivers, senders, None, np.array([len(x)]), np.array([len(senders)]))
    return Case(params, theirs, graph, ours, (propagation, x))


def gat(jraph: Any, senders: np.ndarray, receivers: np.ndarray, x: np.ndarray) -> Case:
    """One layer of four heads, on the graph with loops."""
    n, layer = len(x), GAT(FEATURES, FEATURES, HEADS, bias=False)
    propagation = build_propagation(build_adjacency(senders, receivers, n, n), layer.specs()[0])
    params = initialise(layer.params(), 0)

    def theirs(params: Any, graph: Any) -> jax.Array:
        def logits(sent: jax.Array, received: jax.Array, _: Any) -> jax.Array:
            both = sent * params["attention_sender"] + received * params["attention_receiver"]
            return jax.nn.leaky_relu(both.sum(-1, keepdims=True), 0.2)

        def query(nodes: jax.Array) -> jax.Array:
            return (nodes @ params["weight"]).reshape(-1, HEADS, FEATURES // HEADS)

        net = jraph.GAT(query, logits, lambda nodes: nodes.reshape(len(nodes), -1))
        return jnp.mean(net(graph).nodes ** 2)

    def ours(ops: JaxOps, params: Any, data: Any) -> jax.Array:
        return jnp.mean(layer.apply(ops, params, {layer.specs()[0].signature: data[0]}, data[1]) ** 2)

    loops = np.arange(n)
    ends = np.concatenate([receivers, loops]), np.concatenate([senders, loops])
    graph = jraph.GraphsTuple(x, None, *ends, None, np.array([n]), np.array([len(ends[0])]))
    return Case(params, theirs, graph, ours, (propagation, x))


def graph_network(jraph: Any, senders: np.ndarray, receivers: np.ndarray, x: np.ndarray) -> Case:
    """Edges, nodes and globals, each through an MLP of one hidden layer."""
    n, e, f = len(x), len(senders), FEATURES
    layer = GraphNetwork(f, f, edge_dim=f, global_dim=f, global_out=f, sent=True)
    params = initialise(layer.params(), 0)
    rng = np.random.default_rng(2)
    edges, context = (rng.standard_normal((rows, f)).astype(np.float32) for rows in (e, 1))

    def loss(graph: Any) -> jax.Array:
        return (graph.nodes**2).mean() + (graph.edges**2).mean() + 1e-9 * (graph.globals**2).mean()

    def theirs(params: Any, graph: Any) -> jax.Array:
        def perceptron(name: str) -> Any:
            @jraph.concatenated_args
            def update(x: jax.Array) -> jax.Array:
                hidden = jax.nn.relu(x @ params[f"{name}.0.weight"] + params[f"{name}.0.bias"])
                return hidden @ params[f"{name}.1.weight"] + params[f"{name}.1.bias"]

            return update

        return loss(jraph.GraphNetwork(*map(perceptron, ("edge", "node", "global")))(graph))

    def ours(ops: JaxOps, params: Any, data: Any) -> jax.Array:
        return loss(layer.apply_graph(ops, params, *data))

    counts = np.array([n]), np.array([e])
    graph = jraph.GraphsTuple(x, edges, receivers, senders, context, *counts)
    adjacency = build_adjacency(senders, receivers, n, n)
    order = adjacency.order  # edges are sorted once per graph, like the adjacency
    ready = Graph(x, edges[order], adjacency.senders, adjacency.receivers, context, *counts)
    return Case(params, theirs, graph, ours, (adjacency._replace(order=None), ready))


def placed(tree: Any) -> Any:
    """Return a pytree of numpy arrays as JAX arrays, floats in 32 bits."""
    return jax.tree.map(lambda leaf: JaxOps().asarray(leaf, jnp.zeros((), jnp.float32)), tree)


def gate(name: str, got: Any, want: Any) -> None:
    """Raise unless a loss and its gradients are Jraph's, up to the round-off of sums of 50k terms."""
    np.testing.assert_allclose(got[0], want[0], rtol=1e-4, err_msg=name)
    for ours, theirs in zip(jax.tree.leaves(got[1]), jax.tree.leaves(want[1]), strict=True):
        scale = float(jnp.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-3 * scale, err_msg=name)


def best_times(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the least (wall, processor) milliseconds of each run, taken in turns."""
    best = {name: (np.inf, np.inf) for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(run())
            spent = (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3
            best[name] = (min(best[name][0], spent[0]), min(best[name][1], spent[1]))
    return best


def compare(graph_kind: str, name: str, case: Case, rounds: int) -> None:
    """Print one model's times on one graph."""
    params, theirs, ours = placed(case.params), placed(case.their_data), placed(case.our_data)
    engines = {"xla": JaxOps()}
    kernels = primitive_kernels("jax", "cpu")
    if kernels.by_name:
        engines = {"kernels": ops_with(kernels.by_name), **engines}
    compiled: dict[str, tuple[Any, Any]] = {}
    seconds = {}
    for label in ("jraph", *engines):
        loss = case.theirs if label == "jraph" else lambda p, d, ops=engines[label]: case.ours(ops, p, d)
        data = theirs if label == "jraph" else ours
        start = time.perf_counter()
        compiled[label] = jax.jit(jax.value_and_grad(loss)).lower(params, data).compile(), data
        seconds[label] = time.perf_counter() - start
    answers = {label: step(params, data) for label, (step, data) in compiled.items()}
    for label in engines:
        gate(f"{name}, {graph_kind}, {label}", answers[label], answers["jraph"])
    runs = {label: lambda s=step, d=data: s(params, d) for label, (step, data) in compiled.items()}
    times = best_times(runs, rounds)
    megabytes = {
        label: step.memory_analysis().temp_size_in_bytes / 1e6 for label, (step, _) in compiled.items()
    }
    for label, (wall, cpu) in times.items():
        faster = times["jraph"][0] / wall, times["jraph"][1] / cpu
        needed = dict(zip(("kernels", "xla"), NEEDED[name])).get(label)
        print(
            f"{graph_kind:<9} {name:<13} {label:<8} {wall:8.1f} {cpu:8.1f} {faster[0]:6.2f} {faster[1]:6.2f} "
            f"{f'>= {needed}' if needed else '':<7} {megabytes[label]:7.0f} "
            f"{megabytes[label] / megabytes['jraph']:5.2f} {seconds[label]:6.1f}"
        )


def floor(n: int, e: int, rounds: int) -> None:
    """Print what part of the speed of reading rows at random our aggregation reaches, by both ways."""
    senders, receivers = edges_of("uniform", n, e)
    adjacency = placed(build_adjacency(senders, receivers, n, n))
    x = placed(np.random.default_rng(1).standard_normal((n, FEATURES)).astype(np.float32))
    kernels = primitive_kernels("jax", "cpu").by_name
    runs = {"xla": jax.jit(JaxOps().spmm)}
    if kernels:
        runs = {"kernels": jax.jit(kernels["spmm"]), **runs}
    timed: dict[str, Callable[[], Any]] = {
        label: lambda run=run: run(adjacency, x) for label, run in runs.items()
    }
    timed |= {"floor": reading(np.asarray(adjacency.senders), np.asarray(x))}
    for run in timed.values():
        jax.block_until_ready(run())
    times = best_times(timed, rounds)
    for label, (wall, _) in times.items():
        print(
            f"aggregation of {n} nodes, {e} edges: {label:<8} {wall:8.1f} ms, "
            f"{times['floor'][0] / wall:.2f} of the floor"
        )


READ = r"""
#include <cstdint>
#include <thread>
#include <vector>
typedef float row __attribute__((vector_size(256), aligned(4)));
// Sum rows of 64 floats by id: what nothing that gathers them can be faster than.
extern "C" void read_rows(const int32_t* ids, const float* x, int64_t count, int64_t threads, float* out) {
  std::vector<std::thread> team;
  for (int64_t t = 0; t < threads; ++t)
    team.emplace_back([=] {
      row sum{};
      const int64_t last = count * (t + 1) / threads;
      for (int64_t i = count * t / threads; i < last; ++i) {
        const float* ahead = x + int64_t{ids[i + 16 < last ? i + 16 : i]} * 64;
        for (int line = 0; line < 64; line += 16) __builtin_prefetch(ahead + line);
        sum += *reinterpret_cast<const row*>(x + int64_t{ids[i]} * 64);
      }
      *reinterpret_cast<row*>(out + t * 64) = sum;
    });
  for (std::thread& member : team) member.join();
}
"""


def reading(ids: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    """Return what reads a row of x for each id and keeps nothing, on all processors; compiled here."""
    threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "read.cpp", Path(folder) / "read.so"
        source.write_text(READ)
        command = [
            "c++",
            "-O3",
            "-march=native",
            "-Wno-psabi",
            "-shared",
            "-fPIC",
            "-pthread",
            str(source),
            "-o",
        ]
        subprocess.run([*command, str(library)], check=True)
        function = ctypes.CDLL(str(library)).read_rows
    function.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2 + [ctypes.c_void_p]
    out = np.empty((threads, FEATURES), np.float32)

    def run() -> np.ndarray:
        function(ids.ctypes.data, x.ctypes.data, len(ids), threads, out.ctypes.data)
        return out

    np.testing.assert_allclose(run().sum(0), x[ids].sum(0), atol=1e-4 * len(ids))
    return run


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--give-back-memory", action="store_true", help="leave malloc as it is, as backend.keep_memory=false"
    )
    for name, default in (("nodes", 50_000), ("edges", 500_000), ("rounds", 9)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--floor-nodes", type=int, default=400_000)
    parser.add_argument("--floor-edges", type=int, default=4_000_000)
    parser.add_argument("--only", default="", help="models to run, e.g. GCN,GAT")
    parser.add_argument("--graph", default="", help="the one graph to run, e.g. uniform")
    args = parser.parse_args()
    kept = not args.give_back_memory and keep_memory()
    jraph, models = load_jraph(), {"GCN": gcn, "GAT": gat, "GraphNetwork": graph_network}
    print(
        f"{platform.machine()}, {os.cpu_count()} processors, jax {jax.__version__}, jraph 0.0.6.dev0 with a shim"
    )
    print(f"{args.nodes} nodes, {args.edges} edges, {FEATURES} features; temporaries in MB, compilation in s")
    print("memory is " + ("kept, as the engine has it" if kept else "given back after each step"))
    print(
        f"{'graph':<9} {'model':<13} {'':<8} {'ms wall':>8} {'ms cpu':>8} {'wall x':>6} {'cpu x':>6} "
        f"{'needed':<7} {'temp':>7} {'ratio':>5} {'comp':>6}"
    )
    rng = np.random.default_rng(1)
    for graph_kind in (args.graph,) if args.graph else ("uniform", "power law"):
        ends = edges_of(graph_kind, args.nodes, args.edges)
        x = rng.standard_normal((args.nodes, FEATURES)).astype(np.float32)
        for name, model in models.items():
            if name in (args.only.split(",") if args.only else models):
                compare(graph_kind, name, model(jraph, *ends, x), args.rounds)
    if not args.only:
        floor(args.floor_nodes, args.floor_edges, args.rounds)


if __name__ == "__main__":
    main()
