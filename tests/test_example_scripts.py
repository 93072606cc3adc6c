"""The examples from raw files to metrics, run as a user runs them, on small synthetic data."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.data.generators import write_mag, write_tabformer

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_mag_is_prepared_and_trained_on_two_devices(tmp_path):
    write_mag(tmp_path / "src", papers=1500, authors=600, institutions=20, fields=40)
    output = run("10_mag.py", tmp_path / "src", tmp_path / "dst")
    losses = dict(re.findall(r"^(epoch|valid|test)\b.*?loss ([\d.]+)", output, re.M))
    assert set(losses) == {"epoch", "valid", "test"}
    assert all(float(loss) < 5.5 for loss in losses.values()), "guessing gives log 349 = 5.86"


WHOLE_TABFORMER = """
import runpy, sys
import numpy as np
sys.argv[1:] = sys.argv[2:]
left = runpy.run_path({path!r})
local = left["wrk"]._downstream.boosted.scores["test"]
assert left["b"].shape == local.shape and len(local) > 100
np.testing.assert_allclose(left["b"], local, atol=1e-5)
assert 0 <= left["ap"] <= 1 and left["wrk"]._downstream._server is None
"""


@pytest.mark.slow
def test_tabformer_is_trained_boosted_and_served_on_loopback(tmp_path):
    write_tabformer(tmp_path / "src", rows=6000, users=40, merchants=120)
    script = WHOLE_TABFORMER.format(path=str(EXAMPLES / "11_tabformer.py"))
    arguments = [str(tmp_path / name) for name in ("src", "dst", "models")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script, "-", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "models" / "xgboost" / "config.pbtxt").is_file()
    assert "fraud: No with probability 0." in done.stdout or "fraud: Yes with probability 0." in done.stdout
    assert not list(tmp_path.glob("heddle-*")), "cleanup leaves no temporary folder"
