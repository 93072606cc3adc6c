"""Mini-batch training by the command's own way: metrics that don't depend on workers or breaks."""

import json

import numpy as np
import pytest

from heddle.cli import main
from heddle.config.saved import saved_config
from heddle.engines.plugins import load_plugins
from heddle.workflow.saved import evaluate

MODELS = {
    "sage": ["data=sbm", "data.nodes=600", "model=sage"],
    "pyg": ["data=sbm", "data.nodes=600", "model=pyg"],
    "rgcn": ["data=mag", "data.papers=300", "model=rgcn"],
    "hetero": ["data=mag", "data.papers=300", "model=pyg"],
    "links": ["data=sbm", "data.nodes=600", "model=sage", "task=link_prediction"],
}


def run(tmp_path, name, *overrides):
    common = ["sampler=neighbor", "sampler.fanouts=[4,3]", "sampler.batch_size=64", "trainer.progress=false"]
    folder = tmp_path / name
    main(["train", *MODELS[name], *common, "backend=pyg", f"run.dir={folder}", *overrides])
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_a_sampled_run_learns_and_says_how_long_it_waited(tmp_path, name):
    folder = run(tmp_path, name, "trainer.epochs=4")
    result = json.loads((folder / "metrics.json").read_text())
    headline = "auroc" if name == "links" else "accuracy"
    assert result["train"][headline] > (0.55 if name == "links" else 0.45)
    assert 0 <= result["stats"]["loader_wait_share"] <= 1
    registry = load_plugins()
    again = evaluate(saved_config(folder, registry), folder, registry)
    assert again["test"][headline] == pytest.approx(result["test"][headline], abs=1e-6)


def losses(folder):
    lines = (folder / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("train.loss")
    return [float(line.split(",")[column]) for line in lines[1:]]


@pytest.mark.parametrize("name", ["sage", "hetero"])
def test_figures_depend_neither_on_workers_nor_on_a_break(tmp_path, name):
    whole = run(tmp_path / "a", name, "trainer.epochs=4", "sampler.workers=0")
    other = run(tmp_path / "b", name, "trainer.epochs=4", "sampler.workers=3")
    assert losses(whole) == losses(other)
    halved = run(tmp_path / "c", name, "trainer.epochs=4", "trainer.checkpoint_every=2")
    for path in (halved / "metrics.json", *halved.glob("checkpoints/epoch-000004.*")):
        path.unlink()
    assert main(["train", f"resume={halved}"]) == 0
    np.testing.assert_array_equal(losses(halved), losses(whole))


@pytest.mark.slow
def test_two_devices_give_the_curve_of_one_with_the_doubled_batch_and_go_on_after_a_break(tmp_path):
    common = ["backend.precision=float64", "model.dropout=0", "sampler.fanouts=[-1,-1]", "trainer.epochs=2"]
    one = run(tmp_path / "one", "sage", *common, "sampler.batch_size=64")
    devices = ["launch.devices=2", "sampler.batch_size=32", "trainer.checkpoint_every=1"]
    two = run(tmp_path / "two", "sage", *common, *devices)
    np.testing.assert_allclose(losses(two), losses(one), rtol=0, atol=1e-8)
    for path in (two / "metrics.json", two / "metrics.csv", *two.glob("checkpoints/epoch-000002.*")):
        path.unlink()
    assert main(["train", f"resume={two}"]) == 0
    np.testing.assert_allclose(losses(two), losses(one), rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["sampler=full"], "add sampler=neighbor"),
        (["sharding=halo"], "choose one of the two"),
        (["launch.devices=0"], "at least 1"),
    ],
)
def test_devices_that_cannot_share_a_run_are_refused(tmp_path, capfd, overrides, message):
    arguments = [
        *MODELS["sage"],
        "sampler=neighbor",
        "backend=pyg",
        "launch.devices=2",
        f"run.dir={tmp_path / 'run'}",
    ]
    assert main(["train", *arguments, *overrides]) != 0
    assert message in capfd.readouterr().err
