"""Changing graphs: sums taken from the snapshot before equal those made anew; nodes and features come and go."""

import dense_reference as dense
import numpy as np
import pytest
import torch
from dynamic_cases import CPU, F64, assert_close, gradients, make_params, options_for
from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.data.dataset import Dataset, Series
from heddle.data.task import Task, model_spec_of
from heddle.engines.optim import Optim
from heddle.errors import ConfigError, GraphError
from heddle.graphs.dynamic import DeltaGraph, EdgeDelta, Rows, Snapshot, SnapshotSequence, apply_delta
from heddle.graphs.graph import Graph
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.sage import SAGE
from heddle.testing.examples import examples
from heddle.workflow.loaders.forecasts import ForecastLoader
from heddle_dgl.backend import DglBackend
from heddle_dgl.kernels import ops_named
from heddle_dgl.models.build import dcrnn, evolvegcn, gcrn_gru
from heddle_dgl.options import DglOptions, StoreOptions
from heddle_dgl.reuse.aggregation import aggregation_of
from heddle_dgl.reuse.changing_sums import ChangingSums, changed_rows
from heddle_dgl.reuse.placed_graph import place_graph
from heddle_dgl.reuse.snapshots import graphs_at
from heddle_torch.arrays.ops import TorchOps

N, TIMES = 9, 9
LAYERS = [GCN(2, 3), SAGE(2, 3), ChebConv(2, 3, 3), DiffusionConv(2, 3, 2)]


def random_deltas(seed, n=N, times=TIMES, share=0.15):
    """Return a DeltaGraph of which some edges, weights and nodes change at each time."""
    rng = np.random.default_rng(seed)

    def ends(ids, count):
        return rng.choice(ids, count), rng.choice(ids, count)

    count = 3 * n
    base = Graph(
        None,
        {"weight": rng.uniform(0.5, 2, count)},
        *ends(n, count),
        None,
        np.array([n]),
        np.array([count]),
    )
    now, deltas = Snapshot(base, 0, np.arange(n)), []
    for _ in range(times - 1):
        here = np.asarray(now.ids)
        gone = rng.permutation(here)[: int(rng.integers(0, 3)) * (len(here) > 3)]
        back = rng.permutation(np.setdiff1d(np.arange(n), here))[: int(rng.integers(0, 3))]
        then = np.concatenate([np.setdiff1d(here, gone), back])
        edges = rng.permutation(len(now.graph.senders))
        few = 1 + int(share * len(edges))
        leave = np.isin(here[now.graph.senders], gone) | np.isin(here[now.graph.receivers], gone)
        changed = np.setdiff1d(edges[few : 2 * few], np.flatnonzero(leave))
        added = int(rng.integers(0, few + 1))
        deltas.append(
            EdgeDelta(
                edges[:few],
                *ends(then, added),
                {"weight": rng.uniform(0.5, 2, added)},
                Rows(changed, {"weight": rng.uniform(0.5, 2, len(changed))}),
                gone,
                Rows(back),
            )
        )
        now = apply_delta(now, deltas[-1])
    return DeltaGraph(base, deltas, node_ids=np.arange(n))


def random_signal(seed, share, n=N, times=TIMES):
    """Return [times, n, 2] of which a share of the rows changes at each time."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.standard_normal((1, n, 2)), times, 0)
    for t in range(1, times):
        rows = rng.random(n) < share
        x[t] = np.where(rows[:, None], rng.standard_normal((n, 2)), x[t - 1])
    return x


@settings(max_examples=examples(30))
@given(st.integers(0, 1000), st.sampled_from(LAYERS), st.sampled_from([0, 0.1, 0.6, 1]), st.booleans())
def test_each_snapshot_from_the_one_before(seed, layer, share, native):
    """Rows to the bit, deltas to rounding, by either kernel."""
    topology, signal = random_deltas(seed), random_signal(seed, share)
    ops = ops_named("auto" if native else "torch", CPU)
    modes = {mode: ChangingSums(mode) for mode in ("full", "rows", "delta")}
    for t, graph in graphs_at(topology, range(TIMES), N).items():
        structure, x = place_graph(graph, layer.specs(), CPU, F64), torch.from_numpy(signal[t])
        results = {
            mode: torch.cat(
                [
                    part.reshape(-1)
                    for part in _tuple(
                        layer.aggregate(
                            sums.ops(ops, aggregation_of(layer), structure.propagations, x),
                            structure.propagations,
                            x,
                        )
                    )
                ]
            )
            for mode, sums in modes.items()
        }
        assert torch.equal(results["rows"], results["full"])
        assert_close(results["delta"], results["full"], 1e-12)
    rows = modes["rows"].stats()
    if share == 0 and isinstance(layer, SAGE):
        assert rows["rows.kept"] > 0


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)


def test_auto_goes_by_cost():
    """Rows where nodes have many edges and little changes; where all does, it looks ever more rarely."""
    rng = np.random.default_rng(0)
    n, count, width = 200, 20_000, 500
    s, r = rng.integers(8, n, count), rng.integers(0, n, count)
    s[:5] = 7
    graph = Graph(None, None, s, r, None, np.array([n]), np.array([count]))
    structure = place_graph(graph, SAGE(1, 1).specs(), CPU, torch.float32)
    propagation = next(iter(structure.propagations.values()))
    x, sums = torch.zeros(n, width), ChangingSums("auto")
    assert sums.ops(inner := TorchOps(), "key", structure.propagations, x[:, :9]) is inner, (
        "few numbers an edge"
    )
    sums.stats()

    def step(x):
        sums.ops(TorchOps(), "key", structure.propagations, x).spmm(
            propagation.adjacency, x, propagation.weight
        )
        return sums.stats()

    assert step(x) == {"rows.summed": n, "rows.kept": 0}
    assert step(x.clone()) == {"rows.summed": 0, "rows.kept": n}
    some = x.clone()
    some[7] = 1
    assert step(some)["rows.summed"] == len(set(r[:5]))
    assert step(some + 1)["rows.kept"] == 0
    assert step(some + 1)["rows.kept"] == 0, "passes one over after a look that didn't pay"
    assert step(some + 1)["rows.kept"] == n


def test_rows_that_differ():
    rng = np.random.default_rng(0)
    matrix = np.round(rng.random((6, 6)))
    propagations = []
    for a in (matrix, np.where(np.arange(6)[:, None] == 2, 1 - matrix, matrix)):
        r, s = np.nonzero(a)
        graph = Graph(None, None, s, r, None, np.array([6]), np.array([len(s)]))
        structure = place_graph(graph, SAGE(1, 1).specs(), CPU, F64)
        propagations.append(next(iter(structure.propagations.values())))
    (old, w_old, _), (new, w_new, _) = propagations
    assert changed_rows(old, w_old, new, w_new).nonzero()[:, 0].tolist() == [2]
    assert changed_rows(old, w_old, new, None).all() and not changed_rows(old, w_old, old, w_old).any()


def program_of(mode, build, topology, signal, engine="fused", host=100):
    """Return (loader, program) of a forecast on a changing graph in float64."""
    sizes = {"train": np.arange(7), "valid": np.arange(1), "test": np.arange(1)}
    dataset = Dataset("changing", "forecast", topology, splits=sizes, series=Series(signal))
    task = Task("forecast", "mae", ("masked_mae",), 3, 2)
    config = {"hidden": 3, "layers": 1, "steps": 2, "tau": 10, "layer": "sage", "head": "decoder"}
    backend = DglBackend(
        DglOptions(engine=engine, precision="float64", incremental=mode, store=StoreOptions(host=host))
    )
    model = build(options_for(build, **config), model_spec_of(dataset, task))
    program = backend.program(model, task, Optim(lr=0.01, weight_decay=0.0))
    return ForecastLoader(dataset, task, 4, None, 0), program


@settings(max_examples=examples(8))
@given(
    st.integers(0, 1000),
    st.sampled_from(["rows", "delta", "auto"]),
    st.sampled_from(["cached", "fused"]),
    st.sampled_from([0, 0.002, 100]),
    st.sampled_from([dcrnn, gcrn_gru, evolvegcn]),
)
def test_training_equals_the_naive_engine(seed, mode, engine, host, build):
    """Losses and weights after steps of Adam, with nodes that come and go, whatever is kept."""
    topology, signal = random_deltas(seed), random_signal(seed, 0.2)
    ends = []
    for engine_name, reuse_mode, budget in (("naive", "full", 0), (engine, mode, host)):
        loader, program = program_of(reuse_mode, build, topology, signal, engine_name, budget)
        state = program.init(0)
        for epoch in (1, 2):
            for placed in loader.batches(program, epoch):
                state, metrics = program.step(state, placed)
        ends.append((metrics["loss"], program.to_arrays(state)))
        assert ("rows.kept" in metrics) == (reuse_mode != "full")
    (loss, weights), (actual, others) = ends
    assert actual == pytest.approx(loss, abs=1e-9)
    for name, value in weights.items():
        if name.startswith("params/"):
            np.testing.assert_allclose(others[name], value, rtol=0, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("mode", ["rows", "delta"])
def test_gradients(mode):
    """Values and gradients of one window by its snapshots, against full sums."""
    from dynamic_cases import make_model

    from heddle_dgl.reuse.run import Run, engine_named
    from heddle_dgl.reuse.step_memo import step
    from heddle_dgl.reuse.windows import WindowBatch

    model, _, _ = make_model("gru/diffusion", 2, 2)
    params, signal = make_params(model), random_signal(1, 0.3)
    graphs = graphs_at(random_deltas(1), range(7), N)
    structures = [place_graph(graph, model.specs(), CPU, F64) for graph in graphs.values()]
    results = []
    for engine, sums in (("naive", None), ("fused", ChangingSums("full")), ("fused", ChangingSums(mode))):
        windows = WindowBatch("test", signal, np.array([0]), 4, 3, structures, CPU, F64)
        with step() as memo:
            run = Run(TorchOps(), engine_named(engine), memo, sums=sums)
            outputs = model.forecast(run, params, windows, [True, False, True])
        results.append((outputs, gradients(outputs, params)))
    for outputs, grads in results[1:]:
        assert_close(outputs, results[0][0])
        for name, grad in grads.items():
            assert_close(grad, results[0][1][name], where=name)
    if mode == "rows":
        assert torch.equal(results[1][0], results[2][0])


def test_edges_and_features_written_over_are_seen():
    """No stale sum: a graph or features changed in place between steps."""
    rng = np.random.default_rng(0)
    senders, receivers, weight, a, _ = dense.random_signal()
    n = len(a)
    graphs = [
        Graph(
            None,
            {"weight": weight.copy()},
            senders.copy(),
            receivers,
            None,
            np.array([n]),
            np.array([len(senders)]),
        )
        for _ in range(TIMES)
    ]
    signal = rng.standard_normal((TIMES, n, 2))
    results = {}
    for mode in ("full", "rows"):
        topology = SnapshotSequence([map_graph(graph) for graph in graphs])
        loader, program = program_of(mode, dcrnn, topology, signal.copy())
        state = program.init(0)
        placed = next(loader.batches(program, 1))
        before = program.predict(state, placed)
        topology.graphs[3].senders[:] = np.roll(topology.graphs[3].senders, 1)
        placed.signal.x[5] += 1
        batch = next(loader.batches(program, 1))
        results[mode] = program.predict(state, batch)
        assert not np.array_equal(results[mode], before)
    np.testing.assert_array_equal(results["rows"], results["full"])


def map_graph(graph):
    """Return a copy of a graph."""
    return graph._replace(senders=graph.senders.copy(), edges={"weight": graph.edges["weight"].copy()})


def test_errors():
    with pytest.raises(ConfigError, match="did you mean 'rows'"):
        ChangingSums("row")
    topology = random_deltas(3)
    with pytest.raises(GraphError, match="expected rows of the signal, 0 to 4"):
        graphs_at(topology, [0], 5)
    graph = topology[0].graph
    with pytest.raises(GraphError, match="give node_ids where nodes come and go"):
        graphs_at(SnapshotSequence([graph]), [0], N + 1)
    assert sorted(graphs_at(topology, [2, 2, 99], N)) == [2, 99]
