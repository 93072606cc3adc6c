"""heddle eval and predict: what they hand on, and the keys of a saved run."""

import json
from pathlib import Path

import pytest

import heddle.workflow.saved
from heddle.options import plain

SAVED = """
data: {reader: planetoid, name: cora, root: null}
backend: {name: loop, speed: 1.0}
task: {name: auto}
model: {name: gcn, hidden: 16}
trainer: {batch_size: null}
tracker: {name: csv}
plugins: {prefer: []}
seed: 0
"""


@pytest.fixture
def run(monkeypatch):
    """Put recorders in place of evaluation and prediction; return the list of the configurations they get."""
    Path("old").mkdir()
    Path("old/config.yaml").write_text(SAVED)
    configs = []

    def evaluate(config, folder, registry):
        configs.append(config)
        return {"test": {"accuracy": 1.0}}

    def predict(config, folder, registry):
        configs.append(config)
        return (), ()

    def write_predictions(path, parts, predicted):
        configs.append(path)
        return path

    monkeypatch.setattr(heddle.workflow.saved, "evaluate", evaluate)
    monkeypatch.setattr(heddle.workflow.saved, "predict", predict)
    monkeypatch.setattr(heddle.workflow.saved, "write_predictions", write_predictions)
    return configs


def test_a_run_is_measured_as_it_was(heddle_command, run):
    status, _, err = heddle_command("eval", "run=old", "out=metrics.json")
    assert status == 0, err
    assert (run[0].data.name, run[0].model.hidden, run[0].backend.speed) == ("cora", 16, 1.0)
    assert json.loads(Path("metrics.json").read_text()) == {"test": {"accuracy": 1.0}}


def test_keys_of_the_run_may_be_changed_and_are_checked(heddle_command, run):
    status, _, err = heddle_command(
        "eval", "run=old", "data.root=/new", "trainer.batch_size=8", "backend.speed=2"
    )
    assert status == 0, err
    assert (run[0].data.root, run[0].data.name, run[0].trainer.batch_size) == ("/new", "cora", 8)
    assert run[0].backend.speed == 2.0
    for word, message in [
        ("data.rot=3", "did you mean 'data.root'?"),
        ("backend.speed=fast", "backend.speed: found 'fast'"),
        ("trainer.batch_size=0", "expected at least 1"),
        ("model.hidden=3", "model.hidden is unknown"),
        ("model=gat", "model is unknown"),
    ]:
        status, _, err = heddle_command("eval", "run=old", word)
        assert status == 2 and message in err
    assert len(run) == 1


def test_another_engine_comes_with_its_own_keys(heddle_command, run):
    heddle_command("predict", "run=old", "backend=loop", "backend.speed=3", "out=p.csv")
    config, path = run
    assert plain(config.backend) == {"name": "loop", "speed": 3, "label": None, "free": None, "extra": {}}
    assert path == Path("p.csv")


def test_several_runs_are_measured_one_after_the_other_and_leave_nothing(heddle_command, run):
    before = sorted(Path.cwd().rglob("*"))
    status, _, err = heddle_command("eval", "-m", "run=old", "data.name=citeseer,pubmed")
    assert status == 0, err
    assert [config.data.name for config in run] == ["citeseer", "pubmed"]
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_an_engine_or_model_of_the_run_that_is_not_installed_is_named(heddle_command, run, command):
    for node, expected in (("backend", "backend 'gone'"), ("model", "model 'gone'")):
        name = {"backend": "loop", "model": "gcn"}[node]
        Path("old/config.yaml").write_text(SAVED.replace(f"name: {name}", "name: gone"))
        status, _, err = heddle_command(command, "run=old")
        assert status and expected in err and "is unknown; did you mean" not in err
