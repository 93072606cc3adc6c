"""Model repositories: what Triton's schema takes, programs that are the model, and environments refused up front."""

import json
import os
import socket
import tempfile

import numpy as np
import pytest

from heddle.errors import ConfigError, DataError, PluginError
from heddle.serving import LocalModel, launch, write_repository
from heddle.serving.environment import check_environment, platforms_of
from heddle.serving.pbtxt import check_pbtxt, config_pbtxt
from heddle.serving.runtime import BadRequest
from heddle.serving.supervisor import stale


def test_the_layout(repository):
    actual = (path.relative_to(repository / "trees").as_posix() for path in (repository / "trees").rglob("*"))
    files = sorted(name for name in actual if "__pycache__" not in name)  # which a server leaves
    version = [f"1/{name}" for name in ("heddle.json", "model.json", "model.py", "runtime.py", "sample.npz")]
    assert files == ["1", *version, "config.pbtxt"]
    assert platforms_of(repository) == ["torch", "xgboost"]


@pytest.mark.parametrize("flavour", ["python", "ngc"])
def test_configs_fit_tritons_schema(program, trees, flavour, tmp_path):
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    root = write_repository(tmp_path, [program[0], trees[0]], flavour)
    names = {
        name: text_format.Parse((root / name / "config.pbtxt").read_text(), ModelConfig())
        for name in ("program", "trees")
    }
    assert names["program"].backend == "python" and list(names["program"].input[0].dims) == [1]
    assert names["trees"].backend == ("fil" if flavour == "ngc" else "python")
    assert names["trees"].max_batch_size == 64
    if flavour == "ngc":
        assert names["trees"].input[0].name == "input__0" and names["trees"].output[0].name == "output__0"
        assert names["trees"].parameters["model_type"].string_value == "xgboost_json"
        assert (root / "trees/1/xgboost.json").is_file() and not (root / "trees/1/model.py").exists()
    with pytest.raises(ConfigError, match=r"config\.pbtxt"):
        check_pbtxt(config_pbtxt(program[0]) + "batch: 3\n")
    with pytest.raises(ConfigError, match=r"deploy\.flavour"):
        config_pbtxt(program[0], "nvidia")


def test_a_program_that_is_not_the_model_never_counts(program, tmp_path):
    served = program[0]
    inputs, outputs = served.sample
    wrong = {"output": outputs["output"] + 2e-4}
    with pytest.raises(ConfigError, match=r"off by 0\.0002, expected the model's own numbers"):
        write_repository(tmp_path, [served._replace(sample=(inputs, wrong))])
    assert not (tmp_path / "program").exists()
    with pytest.raises(ConfigError, match="no models"):
        launch(tmp_path, "heddle")
    write_repository(tmp_path, [served])
    with pytest.raises(ConfigError, match=r"overwrite=true"):
        write_repository(tmp_path, [served])
    write_repository(tmp_path, [served], overwrite=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../up"}, "letters, digits"),
        ({"platform": "jax"}, "found jax"),
        ({"max_batch": 0}, "a batch of 1 or more"),
        ({"sample": ({"index": np.zeros((2, 2), np.int64)}, {})}, r"expected INT64 \[batch, 1\]"),
    ],
)
def test_unsound_models(program, change, message):
    with pytest.raises(ConfigError, match=message):
        program[0]._replace(**change).check()


def test_a_local_model(repository, program):
    model = LocalModel(repository / "program/1")
    index = np.array([[4], [9]])
    assert np.abs(model({"index": index})["output"] - program[1](index)).max() <= 1e-6
    assert model({"index": index[:0]})["output"].shape == (0, 3)
    with pytest.raises(BadRequest, match="out of range"):
        model({"index": np.array([[50]])})
    with pytest.raises(DataError, match=r"heddle\.json"):
        LocalModel(repository)


def fake_environment(folder, numpy="1.26.4", pytriton=True, python=(3, 11), missing=()):
    """Make an environment whose python only prints what it is asked."""
    facts = {
        "python": list(python),
        "base": "/usr",
        "pytriton": str(folder) if pytriton else None,
        "numpy": numpy,
    }
    (folder / "bin").mkdir(parents=True)
    script = folder / "bin" / "python"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({**facts, 'missing': list(missing)})}\nEND\n")
    script.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"numpy": "2.4.6"},
            r"found numpy 2\.4\.6, expected numpy < 2, since Triton's python backend gives empty",
        ),
        ({"numpy": None}, "found no numpy"),
        ({"pytriton": False}, "found no nvidia-pytriton"),
        ({"python": (3, 14)}, r"found 3\.14, expected 3\.12 or older"),
        ({"missing": ("torch",)}, "found no torch"),
        ({}, r"no stub for Python 3\.11"),
    ],
)
def test_environments_are_refused_before_anything_starts(repository, tmp_path, monkeypatch, facts, message):
    folder = fake_environment(tmp_path / "environment", **facts)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    with pytest.raises(PluginError, match=message):
        launch(repository, "triton", environment=folder)
    assert not list((tmp_path / "scratch").iterdir())


def test_an_environment_that_is_not_there(tmp_path):
    with pytest.raises(PluginError, match="heddle deploy environment"):
        check_environment(tmp_path)


def test_a_taken_port_is_reported(repository):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConfigError, match=r"deploy\.http_port"):
            launch(repository, "heddle", ports={"http": taken.getsockname()[1]})


def test_shared_memory_of_the_dead_is_found():
    names = [f"/dev/shm/heddle-{pid}-test" for pid in (os.getpid(), 2**22 + 1)]
    for name in names:
        open(name, "w").close()
    try:
        assert names[1] in list(stale()) and names[0] not in list(stale())
    finally:
        for name in names:
            os.unlink(name)
