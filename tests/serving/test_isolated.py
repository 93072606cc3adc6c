"""Nothing of the current folder runs: not in a server, not in a run's processes, not when an environment is built."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import heddle
from heddle.isolated import child_environment, python_module
from heddle.serving import launch
from heddle.serving.client import Client


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Give the current folder, full of files named like what a child imports; one that runs leaves a file behind."""
    for name in ("torch", "numpy", "json", "heddle", "xgboost", "venv", "pip", "http", "threading"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w').write({name!r})")
    (tmp_path / "triton").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_server_started_here(hostile, repository, program):
    with launch(repository, "heddle") as running, Client(running.http) as client:
        index = np.array([[7]])
        assert client.infer("program", {"index": index})["output"] == pytest.approx(
            program[1](index), abs=1e-5
        )
    assert not (hostile / "RAN").exists()


@pytest.mark.parametrize("module", ["heddle.cli.worker", "heddle.serving.bundle.answers", "venv", "pip"])
def test_a_module_started_here(hostile, module):
    arguments = ["--help"] if "." not in module else ["no-such", "no-such", "1"]
    done = subprocess.run(
        python_module(module, *arguments), env=child_environment(), capture_output=True, text=True
    )
    assert not (hostile / "RAN").exists()
    assert "No module named" not in done.stderr
    assert ("usage" in done.stdout.lower()) == ("." not in module), done.stderr


def test_every_child_is_started_isolated():
    core = Path(heddle.__file__).parent
    names = {path.name for path in core.rglob("*.py") if "sys.executable" in path.read_text()}
    names -= {"doctor.py"}  # prints it
    assert names == {"isolated.py", "running.py", "tensors.py"}  # the last writes it down for Triton
    assert '[sys.executable, "-I", supervisor.__file__]' in (core / "serving" / "running.py").read_text()
