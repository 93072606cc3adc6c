"""Forecasts from the command line: train, predict, eval, the report, engines and the store beside one another."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from dynamic_cases import options_for

from heddle.cli.main import main
from heddle.data.readers.temporal import temporal
from heddle.data.readers.traffic.read import traffic
from heddle.data.task import Task, model_spec_of
from heddle.engines.optim import Optim
from heddle.graphs.dynamic.signal import Signal
from heddle.workflow.loaders.forecasts import ForecastLoader
from heddle_dgl.backend import DglBackend
from heddle_dgl.models.build import dcrnn, evolvegcn, gcrn_gru, gcrn_lstm
from heddle_dgl.options import DglOptions, StoreOptions

OPTIM = Optim(name="adam", lr=0.01, clip_norm=5.0, weight_decay=0.0)
CONFIG = {"hidden": 6, "layers": 2, "steps": 1, "tau": 30, "layer": "cheb", "order": 2, "head": "decoder"}
SMALL = ("data=traffic", "data.sensors=8", "data.days=2", "task.length=4", "task.horizon=3")


def heddle(capsys, *arguments):
    code = main([*arguments])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def train(capsys, folder, *arguments):
    settings = (f"run.dir={folder}", "trainer.progress=false", "model.hidden=8", "backend=dgl-dynamic")
    heddle(capsys, "train", *SMALL, *arguments, *settings)
    return json.loads((folder / "metrics.json").read_text())


def test_from_training_to_prediction(capsys, tmp_path):
    metrics = train(capsys, tmp_path, "model=dcrnn", "model.layers=1", "trainer.epochs=2", "model.tau=0")
    assert {"masked_mae", "mae@3", "rmse@3", "mape@3"} <= metrics["test"].keys()
    report = (tmp_path / "report.html").read_text()
    for text in ("error by horizon, test", "last value", "historical average", "3 steps ahead"):
        assert text in report
    heddle(capsys, "predict", f"run={tmp_path}")
    with (tmp_path / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    windows = 576 - 4 - 3 + 1
    assert len(rows) == 3 * (round(0.2 * windows) + 1) and len(rows[0]) == 3 + 8
    assert rows[-1]["time"] == str(576 + 2)  # past the end of the data
    assert "test" in heddle(capsys, "eval", f"run={tmp_path}", "backend.engine=naive")


@pytest.mark.parametrize("model", ["gcrn-gru", "gcrn-lstm", "gcrn-rnn", "tgcn", "a3tgcn", "evolvegcn"])
def test_every_model_trains(capsys, tmp_path, model):
    metrics = train(capsys, tmp_path, f"model={model}", "trainer.epochs=1")
    assert np.isfinite(metrics["test"]["masked_mae"])


def run_steps(engine, store, build, steps=50, **more):
    """Return the losses of some steps in float64."""
    dataset = traffic(sensors=7, days=1)
    task = Task("forecast", "mae", ("masked_mae",), 4, 3)
    backend = DglBackend(
        DglOptions(engine=engine, precision="float64", store=StoreOptions(host=store), **more)
    )
    program = backend.program(build(options_for(build, **CONFIG), model_spec_of(dataset, task)), task, OPTIM)
    loader, state, losses = ForecastLoader(dataset, task, 8, 64, 0), program.init(0), []
    epoch = 1
    while len(losses) < steps:
        for placed in loader.batches(program, epoch):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
        epoch += 1
    return np.array(losses[:steps]), metrics


@pytest.mark.parametrize("build", [dcrnn, gcrn_lstm])
def test_one_loss_curve_with_and_without_the_store(build):
    """Fifty optimiser steps, with scheduled sampling: all engines and budgets, down to a tenth of what there is."""
    expected, _ = run_steps("naive", 0, build)
    whole, statistics = run_steps("fused", 100, build)
    assert statistics["store.hits"] > 0
    some = statistics["store.bytes.host"] / 1e7  # a tenth, in megabytes
    assert np.isfinite(expected).all()
    for engine, budget in (("cached", 0), ("cached", 100), ("fused", 0), ("fused", some)):
        np.testing.assert_allclose(run_steps(engine, budget, build)[0], expected, rtol=1e-8, err_msg=engine)
    np.testing.assert_allclose(whole, expected, rtol=1e-8)


def test_half_precision_follows():
    dataset, task = traffic(sensors=7, days=1), Task("forecast", "mae", ("masked_mae",), 4, 3)
    losses = {}
    for precision in ("float32", "bfloat16"):
        backend = DglBackend(DglOptions(precision=precision))
        program = backend.program(
            gcrn_gru(options_for(gcrn_gru, **CONFIG), model_spec_of(dataset, task)), task, OPTIM
        )
        placed = next(ForecastLoader(dataset, task, 16, None, 0).batches(program, 1))
        losses[precision] = program.step(program.init(0), placed)[1]["loss"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


@pytest.mark.parametrize(
    "name, build", [("chickenpox", gcrn_gru), ("england_covid", evolvegcn), ("england_covid", gcrn_gru)]
)
def test_pyg_temporal_trains(shared_data, name, build):
    dataset = temporal(name, str(shared_data("temporal")))
    task = Task("forecast", "mse", ("masked_mae",), 4, 1)
    program = DglBackend(DglOptions()).program(
        build(options_for(build, **CONFIG), model_spec_of(dataset, task)), task, OPTIM
    )
    loader, state = ForecastLoader(dataset, task, 16, None, 0), program.init(0)
    losses = []
    for epoch in (1, 2, 3):
        for placed in loader.batches(program, epoch):
            state, metrics = program.step(state, placed)
        losses.append(metrics["loss"])
        predicted = loader.predictions(program, state, ("test",))["test"]
    assert np.isfinite(losses).all() and predicted.outputs.shape[1:] == (1, dataset.series.values.shape[1], 1)


def test_the_reference_convention():
    """Propagations transposed, Chebyshev's recurrence with a carried x_0: by dense matrices, as DCRNN's code has it."""
    import dense_reference as dense
    import torch
    from dynamic_cases import make_graph

    from heddle_dgl.cells.reference_diffusion import ReferenceDiffusion
    from heddle_dgl.reuse.placed_graph import place_graph
    from heddle_torch.arrays.ops import TorchOps

    senders, receivers, weight, a, signal = dense.random_signal()
    layer, a = ReferenceDiffusion(2, 3, 2, bias=False), torch.from_numpy(a)
    graph = make_graph(senders, receivers, weight, len(a))
    structure = place_graph(graph, layer.specs(), torch.device("cpu"), torch.float64)
    x = torch.from_numpy(signal[0]).requires_grad_()
    actual = layer.aggregate(TorchOps(), structure.propagations, x)
    x0, terms = x, []
    for w in (a, a.T):
        degree = w.sum(1, keepdim=True)
        propagation = torch.where(degree > 0, w / degree.clamp(min=1e-300), torch.zeros_like(w)).T
        x1 = propagation @ x0
        terms.append(x1)
        x1, x0 = 2 * propagation @ x1 - x0, x1
        terms.append(x1)
    torch.testing.assert_close(actual, tuple(terms), rtol=0, atol=1e-12)
    wanted = torch.autograd.grad(sum((t**2).sum() for t in terms), x)[0]
    torch.testing.assert_close(torch.autograd.grad(sum((t**2).sum() for t in actual), x)[0], wanted)


def test_a_signal_is_never_copied_by_windows():
    """Batches hold the very signal of the loader."""
    dataset, task = traffic(sensors=7, days=1), Task("forecast", "mae", ("masked_mae",), 4, 3)
    seen = []

    class Program:
        def place(self, batch):
            assert isinstance(batch.graph, Signal)
            seen.append(batch.graph.x)

    list(ForecastLoader(dataset, task, 8, None, 0).batches(Program(), 1))
    assert len({id(x) for x in seen}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("build", [dcrnn, gcrn_lstm])
def test_five_hundred_steps_on_the_real_week_stay_finite(shared_data, build):
    """In float32, with a learning rate that lets gates saturate."""
    dataset = traffic(root=str(shared_data("traffic")))
    task = Task("forecast", "mae", ("masked_mae",), 6, 6)
    config = CONFIG | {"layers": 1, "tau": 0}
    program = DglBackend(DglOptions()).program(
        build(options_for(build, **config), model_spec_of(dataset, task)), task, replace(OPTIM, lr=0.05)
    )
    loader, state, losses = ForecastLoader(dataset, task, 4, None, 0), program.init(0), []
    for epoch in (1, 2):
        for placed in loader.batches(program, epoch):
            state, metrics = program.step(state, placed)
            losses.append(metrics["loss"])
            if len(losses) == 500:
                break
    assert np.isfinite(losses).all() and np.mean(losses[-50:]) < np.mean(losses[:50])
    assert all(
        np.isfinite(value).all() for value in program.to_arrays(state).values() if value.dtype.kind == "f"
    )


def test_short_runs_have_small_batches_and_withhold_the_truth_sooner():
    """Without a batch size an epoch has its 64 steps; tau follows the length of the run."""
    from heddle_dgl.models.seq import paced_tau

    dataset, task = traffic(sensors=7, days=5), Task("forecast", "mae", ("masked_mae",), 4, 3)
    seen = []

    class Program:
        def place(self, batch):
            seen.append((len(batch.index), batch.graph.planned))

    list(ForecastLoader(dataset, task, None, None, 0, epochs=3).batches(Program(), 1))
    assert seen[0] == (16, 3 * len(seen)) and len(seen) >= 60
    assert paced_tau(37_500) == pytest.approx(2000) and paced_tau(0) == 2000 and paced_tau(10**6) == 2000
    assert 1 < paced_tau(1) < paced_tau(300) < 50
    model = dcrnn(options_for(dcrnn, **CONFIG | {"tau": None}), model_spec_of(dataset, task))
    program = DglBackend(DglOptions()).program(model, task, OPTIM)
    placed = next(ForecastLoader(dataset, task, None, None, 0, epochs=3).batches(program, 1))
    assert np.isfinite(program.step(program.init(0), placed)[1]["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("build", [gcrn_gru, gcrn_lstm])
def test_compiled_steps_train_alike(build):
    expected, _ = run_steps("fused", 100, build, 4)
    np.testing.assert_allclose(run_steps("fused", 100, build, 4, compile=True)[0], expected, rtol=1e-9)
