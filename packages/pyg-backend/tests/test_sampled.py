"""Mini-batch training by the command's own way: figures that don't depend on workers or breaks."""

import json

import numpy as np
import pytest

from heddle.cli import main
from heddle.plugins import load_plugins
from heddle.workflow.run import evaluate, train

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
    again = evaluate({"run": str(folder)}, load_plugins())
    assert again["test"][headline] == pytest.approx(result["test"][headline], abs=1e-6)


@pytest.mark.parametrize("name", ["sage", "hetero"])
def test_figures_depend_neither_on_workers_nor_on_a_break(tmp_path, name):
    def losses(folder):
        lines = (folder / "metrics.csv").read_text().splitlines()
        column = lines[0].split(",").index("train.loss")
        return [float(line.split(",")[column]) for line in lines[1:]]

    whole = run(tmp_path / "a", name, "trainer.epochs=4", "sampler.workers=0")
    other = run(tmp_path / "b", name, "trainer.epochs=4", "sampler.workers=3")
    assert losses(whole) == losses(other)
    halved = run(tmp_path / "c", name, "trainer.epochs=4", "trainer.checkpoint_every=2")
    for path in (halved / "metrics.json", *halved.glob("checkpoints/epoch-000004.*")):
        path.unlink()
    train({"resume": str(halved)}, load_plugins())
    np.testing.assert_array_equal(losses(halved), losses(whole))
