"""The examples from raw files to figures, run as a user runs them, on small made-up data."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.data.generate import write_mag

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *words: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_mag_is_prepared_and_trained_on_two_devices(tmp_path):
    write_mag(tmp_path / "src", papers=1500, authors=600, institutions=20, fields=40)
    told = run("10_mag.py", tmp_path / "src", tmp_path / "dst")
    losses = dict(re.findall(r"^(epoch|valid|test)\b.*?loss ([\d.]+)", told, re.M))
    assert set(losses) == {"epoch", "valid", "test"}
    assert all(float(loss) < 5.5 for loss in losses.values()), "guessing gives log 349 = 5.86"
