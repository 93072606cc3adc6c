"""What is compared: name -> a function that builds the work and returns a call that does it once.

Imports are within the functions: they are to come from the checkout that runs, whose benchmarks/ leads the path.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

Run = Callable[[], Any]

NODES, EDGES = 20_000, 200_000
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "traffic"


def _graph(graph_kind: str) -> Any:
    """Return the adjacency of a random graph, int64 ids, its receivers uniform or after a power law."""
    import numpy as np
    import torch

    from heddle_kernels.torch import build_adjacency

    rng = np.random.default_rng(0)
    weight = np.ones(NODES) if graph_kind == "uniform" else np.arange(1, NODES + 1) ** -0.6
    senders, receivers = rng.integers(0, NODES, EDGES), rng.choice(NODES, EDGES, p=weight / weight.sum())
    return build_adjacency(torch.from_numpy(senders), torch.from_numpy(receivers), NODES, NODES)


def spmm(
    columns: int, graph_kind: str = "uniform", weighted: bool = False, heads: int = 0, **options: Any
) -> Run:
    """One sum over edges."""
    import torch

    from heddle_kernels.torch import spmm as product

    torch.manual_seed(0)
    edges = _graph(graph_kind)
    x = torch.randn(NODES, *((heads, columns // heads) if heads else (columns,)))
    weight = torch.rand(EDGES, *((heads,) if heads else ())) if weighted else None
    return lambda: product(edges, x, weight, **options)


def spmm_step(columns: int, reduce: str) -> Run:
    """A sum over edges and its gradients."""
    import torch

    from heddle_kernels.torch import spmm as product

    edges, x = _graph("uniform"), torch.randn(NODES, columns, requires_grad=True)
    seed = torch.randn(NODES, columns)
    return lambda: torch.autograd.grad(product(edges, x, reduce=reduce), x, seed)


def segment(op: str, columns: int) -> Run:
    """A reduction by segment, of sorted ids."""
    import torch

    import heddle_kernels.torch as kernels

    edges, data = _graph("uniform"), torch.randn(EDGES, columns)
    return lambda: getattr(kernels, op)(data, edges.receivers, NODES)


def gather() -> Run:
    """Rows by id."""
    import torch

    import heddle_kernels.torch as kernels

    edges, x = _graph("uniform"), torch.randn(NODES, 64)
    return lambda: kernels.gather(x, edges.senders)


def sddmm(combine: str) -> Run:
    """Both ends of each edge combined."""
    import torch

    import heddle_kernels.torch as kernels

    edges, x = _graph("uniform"), torch.randn(NODES, 64)
    return lambda: kernels.sddmm(edges, x, x, combine)


def segment_matmul() -> Run:
    """Products of groups of rows."""
    import torch

    import heddle_kernels.torch as kernels

    x, matrices, sizes = torch.randn(NODES, 64), torch.randn(64, 64, 32), torch.full((64,), NODES // 64)
    sizes[0] += NODES - int(sizes.sum())
    return lambda: kernels.segment_matmul(x, matrices, sizes)


def grouped_matmul(rows: int) -> Run:
    """Products of 16 pairs of matrices."""
    import torch

    import heddle_kernels.torch as kernels

    lhs, rhs = [torch.randn(rows, 64) for _ in range(16)], [torch.randn(64, 32) for _ in range(16)]
    return lambda: kernels.grouped_matmul(lhs, rhs)


def call(op: str, grad: bool) -> Run:
    """What a call costs on a graph of three nodes: benchmarks/overhead.py."""
    import overhead  # type: ignore[import-not-found]
    import torch

    torch.set_num_threads(1)
    return partial(overhead.calls()[op], grad)


def sample(graph_kind: str, sizes: tuple[int, ...]) -> Run:
    """A batch of sampled neighbours: benchmarks/sampling.py."""
    import numpy as np
    import sampling  # type: ignore[import-not-found]

    graph = sampling.make_graph(graph_kind, 50_000, 1_000_000)
    sampler = sampling.NeighborSampler(graph.for_ours(np.int64), threads=1)
    batch = np.random.default_rng(2).choice(50_000, sampling.BATCH, replace=False)
    return lambda: sampler.sample(batch, sampling.Fanout(sizes), key=3)


def rgcn(edge_types: int, nodes: int, native: bool) -> Run:
    """A step of R-GCN on the talk's graph: benchmarks/rgcn.py."""
    import rgcn_talk  # type: ignore[import-not-found]
    import torch
    from rgcn_variants import heddle  # type: ignore[import-not-found]

    problem = rgcn_talk.talk(edge_types, nodes)
    variant = heddle(problem, "auto", native)
    seed = torch.randn(sum(problem.sizes.values()), problem.widths[2])
    return lambda: rgcn_talk.step(variant, seed)


def jax_step(model: str, graph_kind: str, native: bool) -> Run:
    """A step of a model on JAX: benchmarks/jax_vs_jraph.py at a fifth of its size."""
    import jax
    import jax_vs_jraph as bench  # type: ignore[import-not-found]
    import numpy as np

    bench.keep_memory()
    ends = bench.edges_of(graph_kind, 10_000, 100_000)
    x = np.random.default_rng(1).standard_normal((10_000, bench.FEATURES)).astype(np.float32)
    case = getattr(bench, model)(bench.load_jraph(), *ends, x)
    ops = bench.ops_with(bench.primitive_kernels("jax", "cpu").by_name) if native else bench.JaxOps()
    params, data = bench.placed(case.params), bench.placed(case.our_data)
    step = jax.jit(jax.value_and_grad(lambda p, d: case.ours(ops, p, d))).lower(params, data).compile()
    return lambda: jax.block_until_ready(step(params, data))


def dynagraph(shape: str, model: str, kernel: str, stored: bool) -> Run:
    """A training step of a dynamic GNN: benchmarks/dynagraph.py, smaller."""
    import dynagraph as bench  # type: ignore[import-not-found]
    import numpy as np
    import torch

    torch.set_num_threads(1)
    size = bench.SHAPES[shape]
    size = size._replace(batch=min(size.batch, 16), nodes=min(size.nodes, 2070), steps=4)
    graph = bench.graph_of(size._replace(edges=min(size.edges, 10 * size.nodes)), DATA)
    cell, conv = bench.MODELS[model]
    layers = bench.stack_seq_model(size.features, size.features, 2, bench.integrate(cell, conv), bench.HIDDEN)
    first = bench.initialise(layers.params(), 0).items()
    params = {key: torch.from_numpy(array).requires_grad_() for key, array in first}
    place_graph = (
        bench.place_graph if "place_graph" in vars(bench) else bench.place_structure
    )  # until it was renamed
    structure = place_graph(graph, layers.specs(), bench.CPU, torch.float32)
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((100, structure.n_nodes, size.features), np.float32)
    starts = rng.permutation(100 - 2 * size.steps)[: size.batch]
    fed = [t % 2 == 0 for t in range(size.steps)]
    kept = bench.SnapshotStore() if stored else None
    if "ops_named" in vars(bench):
        ops = bench.ops_named(kernel, bench.CPU)
    else:  # as it was before heddle-torch
        ops = bench.TorchOps(bench.CPU, bench.kernel_named(kernel, bench.CPU)[1])
    steps = bench.steps_named(kernel, bench.CPU, torch.float32)
    optimizer = torch.optim.Adam(params.values(), lr=0.0, fused=True)

    def run() -> None:
        optimizer.zero_grad()
        window = (signal, starts, size.steps, size.steps, [structure], bench.CPU, torch.float32)
        with bench.step() as memo:
            run = bench.Run(ops, bench.engine_named("fused"), memo, kept, steps)
            y = layers.forecast(run, params, bench.WindowBatch(model, *window), fed)
        torch.mean(torch.abs(y)).backward()
        optimizer.step()

    return run


def minibatch(workers: int, nodes: int = 50_000, edges: int = 1_000_000) -> Run:
    """Four steps of GraphSAGE on sampled batches: benchmarks/minibatch.py, on a smaller graph by default."""
    import minibatch as bench  # type: ignore[import-not-found]
    import torch

    torch.set_num_threads(1)
    parts = bench.ours(bench.make_dataset(nodes, edges, 100, 4), 64, workers)
    epoch = bench.heddle_contender(parts).epoch
    return lambda: list(epoch(1))


OPS = (
    "spmm",
    "spmm weighted",
    "spmm max",
    "sddmm dot",
    "sddmm add",
    "gather",
    "segment_sum",
    "segment_max",
    "segment_softmax",
    "segment_matmul",
    "grouped_matmul",
)

CASES: dict[str, Callable[[], Run]] = {
    **{f"spmm-{columns}": partial(spmm, columns) for columns in (4, 16, 32, 64, 128)},
    **{f"spmm-{columns} weighted": partial(spmm, columns, weighted=True) for columns in (16, 64)},
    "spmm-64 power law": partial(spmm, 64, "power law"),
    "spmm-64 mean": partial(spmm, 64, reduce="mean"),
    "spmm-64 max": partial(spmm, 64, reduce="max"),
    "spmm-64 transposed": partial(spmm, 64, transpose=True),
    "spmm-64 heads": partial(spmm, 64, weighted=True, heads=4),
    "spmm-64 mean step": partial(spmm_step, 64, "mean"),
    "spmm-64 max step": partial(spmm_step, 64, "max"),
    "segment_sum": partial(segment, "segment_sum", 64),
    "segment_max": partial(segment, "segment_max", 64),
    "segment_softmax-4": partial(segment, "segment_softmax", 4),
    "segment_softmax-64": partial(segment, "segment_softmax", 64),
    "gather": gather,
    "sddmm dot": partial(sddmm, "dot"),
    "sddmm add": partial(sddmm, "add"),
    "segment_matmul": segment_matmul,
    "grouped_matmul": partial(grouped_matmul, 256),
    "grouped_matmul small": partial(grouped_matmul, 8),
    **{f"call {op}": partial(call, op, False) for op in (*OPS, "index_sort", "build_adjacency")},
    **{f"call {op} recorded": partial(call, op, True) for op in OPS},
    "sampling uniform": partial(sample, "uniform", (15, 10)),
    "sampling power law": partial(sample, "power law", (50, 50)),
    "rgcn 64": partial(rgcn, 64, 2000, True),
    "rgcn 64 torch": partial(rgcn, 64, 2000, False),
    "rgcn 64 large": partial(rgcn, 64, 20_000, True),
    "minibatch": partial(minibatch, 1),
    "minibatch large": partial(minibatch, 1, 1_000_000, 20_000_000),
    **{
        f"dynagraph {shape} {model} {kernel}{' stored' * stored}": partial(
            dynagraph, shape, model, kernel, stored
        )
        for shape, model, kernel, stored in (
            ("metr-la", "gcrn-lstm", "auto", True),
            ("metr-la", "gcrn-gru", "auto", False),
            ("metr-la", "dcrnn", "auto", True),
            ("metr-la", "dcrnn", "torch", False),
            ("random", "gcrn-lstm", "auto", True),
        )
    },
    **{
        f"jax {model} {graph_kind}{'' if native else ' xla'}": partial(jax_step, model, graph_kind, native)
        for model in ("gcn", "gat", "graph_network")
        for graph_kind, native in (("uniform", True), ("uniform", False), ("power law", True))
    },
}
