"""A third party's dataset of forecasts is planned and trained like core's own: core knows no reader by name."""

import importlib
import json
import sys

import pytest

from heddle.cli.main import main
from heddle.testing.distributions import plugin_source, write_distribution

READER = """
from heddle.data.readers.traffic.read import read_traffic


def read(config):
    return read_traffic(config)
"""
PLUGIN = """
@hookimpl
def heddle_datasets():
    options = "heddle.data.reader_options:TrafficOptions"
    return [DatasetInfo("measured", "a third party's data", "measured_signals.reader:read", options=options)]
"""
BY_FILE = """
@hookimpl
def heddle_datasets():
    return [DatasetInfo("measured", "a third party's data", "measured_signals.reader:read")]


@hookimpl
def heddle_config_paths():
    return ["pkg://measured_signals.conf"]
"""
KEYS = "reader: measured\nsensors: 60  # nodes\ndays: 7\nroot: null\n"
SMALL = ("data.sensors=8", "data.days=1", "task.length=3", "task.horizon=2", "model=dcrnn", "model.hidden=4")
ENGINE = "backend=dgl-dynamic"


@pytest.fixture(params=["a dataclass", "a file"])
def third_party(tmp_path, monkeypatch, request):
    """Install a distribution whose dataset is core's own under another name, its keys by a dataclass or a file."""
    files = {
        "measured_signals/__init__.py": "",
        "measured_signals/plugin.py": plugin_source(PLUGIN if request.param == "a dataclass" else BY_FILE),
        "measured_signals/reader.py": READER,
    }
    if request.param == "a file":
        files |= {"measured_signals/conf/__init__.py": "", "measured_signals/conf/data/measured.yaml": KEYS}
    folder = write_distribution(tmp_path / "site", "measured", files, plugin="measured_signals.plugin")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.startswith("measured_signals")]:
        del sys.modules[name]


def said(capsys, *arguments):
    """Return what a command prints."""
    status = main([*arguments])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out


def test_it_is_planned_like_cores_own(third_party, capsys):
    plans, theirs = (
        said(capsys, "plan", ENGINE, f"data={name}", "sharding.devices=2", *SMALL)
        for name in ("traffic", "measured")
    )
    assert "windows" in plans and theirs == plans


def test_it_is_trained_like_cores_own(third_party, capsys, tmp_path):
    metrics = {}
    for name in ("traffic", "measured"):
        folder = tmp_path / name
        said(capsys, "train", ENGINE, f"data={name}", *SMALL, "trainer.epochs=1", f"run.dir={folder}")
        actual = json.loads((folder / "metrics.json").read_text())
        metrics[name] = {split: actual[split] for split in ("train", "valid", "test")}
    assert metrics["measured"] == metrics["traffic"]


def test_a_model_that_forecasts_is_suggested(third_party, capsys):
    for command in ("plan", "train"):
        arguments = [word for word in SMALL if not word.startswith("model")]
        assert main([command, ENGINE, "data=measured", "model=gcn", *arguments]) == 2
        message = capsys.readouterr().err
        assert "found a forecast" in message and "dcrnn" in message and "backend=dgl-dynamic" in message


def test_keys_are_checked_however_they_are_stated(third_party, capsys):
    for word, message in (
        ("data.sensor=9", "did you mean 'data.sensors'?"),
        ("data.days=many", "found 'many', expected"),
    ):
        assert main(["train", ENGINE, "data=measured", word]) != 0
        err = capsys.readouterr().err
        assert message in err and err.count("\n") == 1
