"""Links in time: events cut into snapshots, from a window of which the pairs of the next one are predicted."""

import json

import numpy as np
import pytest
from dynamic_cases import options_for

from heddle.cli.main import main
from heddle.data.readers.events import events
from heddle.data.task import Task, model_spec_of
from heddle.engines.optim import Optim
from heddle.workflow.loaders.snapshot_links import SnapshotLinkLoader
from heddle_dgl.backend import DglBackend
from heddle_dgl.models.build import evolvegcn, gcrn_gru
from heddle_dgl.options import DglOptions

CONFIG = {"hidden": 8, "layers": 1, "layer": "gcn", "head": "decoder", "version": "O"}
TASK = Task("link_prediction", "binary_cross_entropy", ("auroc",))


@pytest.fixture
def college(shared_data):
    """Give CollegeMsg in 30 snapshots, and its folder."""
    folder = str(shared_data("events") / "collegemsg")
    return events("collegemsg", folder, 30), folder


@pytest.mark.parametrize("model", ["evolvegcn", "gcrn-gru"])
def test_from_training_to_prediction(capsys, tmp_path, college, model):
    arguments = (
        f"data.root={college[1]}",
        f"run.dir={tmp_path}",
        "trainer.progress=false",
        "trainer.epochs=3",
    )
    arguments = (
        "backend=dgl-dynamic",
        "data=events",
        f"model={model}",
        "model.hidden=16",
        "model.layers=1",
        *arguments,
    )
    assert main(["train", *arguments]) == 0, capsys.readouterr().err
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["test"]["auroc"] > 0.6 and metrics["valid"]["auroc"] > 0.65
    assert main(["predict", f"run={tmp_path}"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("build", [evolvegcn, gcrn_gru])
def test_engines_agree(college, build):
    """And the store serves windows that overlap."""
    dataset, _ = college
    losses = {}
    for engine in ("naive", "fused"):
        backend = DglBackend(DglOptions(engine=engine, precision="float64"))
        model = build(options_for(build, **CONFIG), model_spec_of(dataset, TASK))
        program = backend.program(model, TASK, Optim(name="adam", lr=0.01, weight_decay=0.0))
        loader, state = SnapshotLinkLoader(dataset, 1, 0), program.init(0)
        for placed in list(loader.batches(program, 1))[:5]:
            state, metrics = program.step(state, placed)
            losses.setdefault(engine, []).append(metrics["loss"])
    np.testing.assert_allclose(losses["fused"], losses["naive"], rtol=1e-8)
    assert metrics["store.hits"] > 0


def test_no_later_event_is_read(college):
    """What is asked of a snapshot comes after all that its window reads; splits follow one another."""
    dataset, _ = college
    loader = SnapshotLinkLoader(dataset, 2, 0)

    class Program:
        def place(self, batch):
            return batch

        def predict(self, state, batch):
            seen.append(batch)
            return np.zeros(len(batch.prepared["pairs"]), np.float32)

    seen = []
    batches = list(loader.batches(Program(), 1))
    last = {}
    for split in ("train", "valid", "test"):
        seen.clear()
        loader.predictions(Program(), None, [split])
        last[split] = [int(batch.index[0]) for batch in seen]
    assert max(last["train"]) < min(last["valid"]) <= max(last["valid"]) < min(last["test"])
    assert sorted(int(batch.index[0]) for batch in batches) == sorted(last["train"])
    batch = batches[0]
    graph = dataset.snapshots[int(batch.index[0]) + batch.graph.length].graph
    there = set(zip(graph.senders.tolist(), graph.receivers.tolist()))
    pairs = list(map(tuple, batch.prepared["pairs"].tolist()))
    assert all((pair in there) == bool(target) for pair, target in zip(pairs, batch.targets))
    assert 2 * batch.targets.sum() == (batch.targets == 0).sum()
