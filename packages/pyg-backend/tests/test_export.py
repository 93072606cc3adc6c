"""Exported programs: the numbers of the run they came from, for any ids, and nothing but torch's own operators."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import heddle_pyg
from heddle.cli import main
from heddle.config.saved import saved_config
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError
from heddle.serving import LocalModel, export_model, write_repository
from heddle.workflow.metrics.deciding import read_decision
from heddle.workflow.saved import restore
from heddle_pyg.export import export_dense, export_run

RUNS = {
    "gcn": ("data=karate", "model=gcn"),
    "gat": ("data=karate", "model=gat"),
    "rgcn": (
        "data=mag",
        "data.papers=80",
        "data.authors=60",
        "data.institutions=8",
        "data.fields=12",
        "model=rgcn",
    ),
    "links": ("data=karate", "model=sage", "task=link_prediction"),
}


@pytest.fixture
def run_of(tmp_path):
    """Give the function that trains for a moment and returns (run folder, registry)."""

    def run(name, *arguments):
        folder = tmp_path / name
        small = (
            "model.hidden=8",
            "trainer.epochs=2",
            "trainer.progress=false",
            "backend=pyg",
            f"run.dir={folder}",
        )
        assert main(["train", *RUNS[name], *small, *arguments]) == 0
        return folder, load_plugins([])

    return run


def test_a_server_answers_by_the_runs_own_threshold(run_of, tmp_path):
    folder, registry = run_of("gcn", "task.threshold=0.7", "task.calibration=platt")
    served, _ = export_model(saved_config(folder, registry), folder, registry, "model", 64)
    model = LocalModel(write_repository(tmp_path / "repository", [served]) / "model" / "1")
    actual = model({"index": np.arange(34)[:, None]})
    decision = read_decision(folder)
    assert decision.threshold == (0.7,) and (model.folder / "decision.py").exists()
    np.testing.assert_array_equal(actual["answer"][:, 0], decision.answers(actual["output"]))
    np.testing.assert_allclose(actual["probability"], decision.probabilities(actual["output"]), rtol=1e-6)
    assert {
        name: array.dtype.name for name, array in model({"index": np.zeros((0, 1), np.int64)}).items()
    } == {
        "output": "float32",
        "probability": "float32",
        "answer": "int64",
    }


@pytest.mark.parametrize("name", RUNS)
def test_a_program_gives_what_the_run_gives(run_of, name, tmp_path):
    folder, registry = run_of(name)
    served, _ = export_model(saved_config(folder, registry), folder, registry, "model", 64)
    model = LocalModel(write_repository(tmp_path / "repository", [served]) / "model" / "1")
    parts, state = restore(saved_config(folder, registry), folder, registry)
    outcome = parts.loader.predictions(parts.program, state, ("test",))["test"]
    asked = np.asarray(outcome.index, np.int64).reshape(len(outcome.index), -1)[:50]
    wanted = np.asarray(outcome.outputs, np.float32).reshape(len(outcome.index), -1)[:50]
    for rows in (1, 2, len(asked)):
        actual = model({"index": asked[:rows]})["output"]
        assert actual.shape == (rows, wanted.shape[1]) and np.abs(actual - wanted[:rows]).max() <= 1e-5
    program = torch.export.load(io.BytesIO(served.content))
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert called and not [target for target in called if "heddle" in target]


def test_a_run_that_ends_with_a_bundle(run_of, capsys):
    """`heddle train deploy=heddle` exports at its end; `heddle deploy export` does it once more."""
    folder, _ = run_of("gcn", "deploy=heddle", "deploy.model=club", "deploy.max_batch=32")
    assert f"bundle: {folder}/bundle" in capsys.readouterr().out
    assert 'name: "club"' in (folder / "bundle/repository/club/config.pbtxt").read_text()
    content = json.loads((folder / "bundle/bundle.json").read_text())
    assert content["kind"] == "programs" and content["card"]["model"] == "gcn"
    assert "repository/club/1/model.pt2" in content["files"]
    arguments = ["deploy", "export", "deploy=heddle", f"run={folder}", "deploy.model=club"]
    assert main(arguments) != 0 and "deploy.overwrite=true" in capsys.readouterr().err
    assert main([*arguments, "deploy.overwrite=true"]) == 0


def test_numbers_that_differ_are_no_export(run_of, monkeypatch):
    folder, registry = run_of("gcn")
    parts, state = restore(saved_config(folder, registry), folder, registry)
    program = parts.program._replace(predict=lambda *a: parts.program.predict(*a) + 1e-3)
    with pytest.raises(ConfigError, match="expected the engine's own"):
        export_run(parts._replace(program=program), state, "model", 8)


@pytest.mark.parametrize("form", ["torch", "onnx"])
def test_dense_heads(form, tmp_path):
    if form == "onnx":
        for package in ("onnxscript", "onnxruntime"):
            pytest.importorskip(package, reason=f"{package} isn't installed: pip install 'heddle-core[onnx]'")
    head = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    served = export_dense(head, 6, "head", 32, form)
    root = write_repository(tmp_path, [served], "ngc")
    x = np.random.default_rng(1).normal(size=(11, 6)).astype(np.float32)
    actual = LocalModel(root / "head/1")({"x": x})["output"]
    assert np.abs(actual - head(torch.from_numpy(x)).detach().numpy()).max() <= 1e-5
    config = (root / "head/config.pbtxt").read_text()
    assert f'backend: "{"onnxruntime" if form == "onnx" else "python"}"' in config
    assert (root / "head/1" / ("model.onnx" if form == "onnx" else "model.pt2")).is_file()


def test_no_path_of_this_machine_is_in_a_program():
    content = export_dense(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), 3, "head").content
    paths = [Path(torch.__file__).parents[1], Path(heddle_pyg.__file__).parents[1], Path(__file__).parent]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = [archive.read(name) for name in archive.namelist()]
    assert not [path for path in paths for text in texts if str(path).encode() in text]


def test_an_unknown_form():
    with pytest.raises(ConfigError, match="torch or onnx"):
        export_dense(nn.Linear(2, 2), 2, "head", 8, "tflite")
