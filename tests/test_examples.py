"""Examples run as they are, and say what they should."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SAY = {
    "01_padding.py": ["compiled 1 time for 3 sizes", "as without padding: True"],
    "02_karate_club.py": ["GCN: ", "GAT: "],
    "03_molecules.py": ["compiled 1 time", "rings told from chains"],
    "04_recurrent_edges.py": ["state=Cell(hidden=(7, 16), memory=(7, 16))", "gradients through 10 rounds"],
    "05_sharded_edges.py": ["8 devices", "nodes as on one device: True", "gradients as on one device: True"],
    "06_traffic_forecast.py": ["the last value repeated", "snapshots found in the store"],
}


@pytest.mark.parametrize("name", SAY)
def test_example(name):
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    for text in SAY[name]:
        assert text in done.stdout
    assert "False" not in done.stdout
    if name == "02_karate_club.py":
        assert min(int(line.split(":")[1].split("%")[0]) for line in done.stdout.splitlines()) >= 90
    if name == "03_molecules.py":
        right, total = (int(word) for word in done.stdout.splitlines()[-1].split() if word.isdigit())
        assert right > 0.9 * total
    if name == "06_traffic_forecast.py":
        ours, last = (float(part.split(":")[-1]) for part in done.stdout.splitlines()[-2].split(","))
        assert ours < last
