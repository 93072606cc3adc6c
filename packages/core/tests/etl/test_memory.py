"""The memory limit: what a preparation takes at its peak, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.data.generators import write_tabformer

RUN = """
import sys
from heddle.data.etl import Tabformer
Tabformer(sys.argv[1], sys.argv[2], memory=sys.argv[3], threads=2).transform()
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc/self/status, which tells it")
def test_a_preparation_stays_in_its_memory(tmp_path):
    """A million rows, 95 MB of CSV, under 400 MB: at most 1.6 times that, as promised for 1 GB."""
    write_tabformer(tmp_path / "src", rows=1_000_000, users=2000, merchants=5000)
    command = [sys.executable, "-c", RUN, str(tmp_path / "src"), str(tmp_path / "out"), "400MB"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak_kib = int(done.stdout.splitlines()[-1])
    assert peak_kib * 1024 < 1.6 * 400e6
    facts = json.loads((tmp_path / "out/metadata.json").read_text())
    assert facts["nodes"]["card"]["rows"] == 8000 and facts["edges"][0]["rows"] == 1_000_000
