"""Short runs give the bits that are recorded in hashes.json; all of them by `python tests/behaviour/hashes.py`."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("hashes.py")
SPEC = importlib.util.spec_from_file_location("behaviour_hashes", SCRIPT)
hashes = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(hashes)

QUICK = (
    "cora-gcn",
    "gcrn-lstm",
    "jax-gcn",
)  # one of each engine; the others are slow together, not one by one


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in hashes.RUNS]
)
def test_a_run_is_as_recorded(name, shared_data, monkeypatch):
    monkeypatch.setenv("HEDDLE_SHARED_DATA", str(shared_data))
    done = subprocess.run([sys.executable, str(SCRIPT), name], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name}: same" in done.stdout


def row(**changed):
    return {"weights": "a", "values": "b", "norm": 1.0, "metrics": {"test.loss": 0.5}} | changed


@pytest.mark.parametrize(
    ("actual", "tolerance", "lines"),
    [
        (row(), None, []),
        (row(weights="x"), None, ["weights: the same values under other names"]),
        (row(weights="x", values="y", norm=2.0), None, ["weights differ: norm 2.0, recorded 1.0"]),
        (row(weights="x", values="y"), 1e-6, []),
        (
            row(metrics={"test.loss": 0.5 + 1e-9}),
            None,
            ["metrics: test.loss is 0.500000001, recorded 0.5: +1e-09"],
        ),
        (row(metrics={"test.loss": 0.5 + 1e-9}), 1e-6, []),
        (
            row(metrics={"test.loss": 0.5 + 1e-3}),
            1e-6,
            ["metrics: test.loss is 0.501, recorded 0.5: +0.001"],
        ),
        (row(metrics={"test.loss": 0.5 + 1e-3}), 0.02, []),
        (row(metrics={"test.mae": 0.5}), 1e-6, ["metrics: test.loss is gone", "metrics: test.mae is new"]),
    ],
)
def test_what_differs_is_named(actual, tolerance, lines):
    assert hashes.differences(actual, row(), tolerance) == lines


def test_every_run_is_recorded():
    assert list(json.loads(hashes.RECORD.read_text())["runs"]) == list(hashes.RUNS)
