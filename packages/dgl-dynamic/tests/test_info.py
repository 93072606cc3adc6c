"""What a reader tells besides, `Dataset.info`, is shown and never read: runs without it give the same metrics."""

import json

import pytest

from heddle.cli.main import main
from heddle.engines.plugins.registry import Registry

RUNS = {
    "nodes": ("data=karate", "model=gcn", "model.hidden=4", "trainer.epochs=2"),
    "relations": ("data=mag", "data.papers=60", "data.authors=40", "model=rgcn", "trainer.epochs=1"),
    "forecast": (
        *("data=traffic", "data.sensors=6", "data.days=1", "data.missing=0.1", "task.length=3"),
        *("task.horizon=2", "model=gcrn-rnn", "model.hidden=4", "model.layers=1", "trainer.epochs=1"),
    ),
}


def files_of(folder):
    """Return what a run's predictions and metrics say, times left out."""
    assert main(["predict", f"run={folder}"]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics.pop("time")
    metrics.pop("stats", None)
    return metrics, (folder / "predictions.csv").read_text()


@pytest.mark.parametrize("arguments", RUNS.values(), ids=RUNS)
def test_training_reads_no_info(tmp_path, monkeypatch, arguments):
    arguments = ("backend=dgl-dynamic", "trainer.progress=false", *arguments)
    assert main(["train", *arguments, f"run.dir={tmp_path / 'whole'}"]) == 0
    files = files_of(tmp_path / "whole")
    reader = Registry.dataset
    blank = lambda self, name: lambda config: reader(self, name)(config)._replace(info={})  # noqa: E731
    monkeypatch.setattr(Registry, "dataset", blank)
    assert main(["train", *arguments, f"run.dir={tmp_path / 'blank'}"]) == 0
    assert files_of(tmp_path / "blank") == files
