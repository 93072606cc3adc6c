"""pytest --pyargs heddle.testing --heddle-backend NAME, in a process of its own, far from this repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from dataclasses import dataclass

from heddle.engines.hookspecs import BackendInfo, hookimpl
from heddle.options import BackendOptions, option

PLUGIN_API = (1, 0)


@dataclass(frozen=True)
class SpareOptions(BackendOptions):
    level: int = option(3)
    broken: bool = option(False)


@hookimpl
def heddle_backends():
    about = "the reference under another name"
    able = ("any shapes",)
    return [BackendInfo("spare", about, "spare_engine:Spare", options=SpareOptions, capabilities=able)]
"""
ENGINE = """
import numpy as np

from heddle.testing import ReferenceBackend
from heddle.testing.replay import ReplayOps


class Spare(ReferenceBackend):
    def __init__(self, options):
        super().__init__(options)
        if options.broken:
            self._ops = BrokenOps()
        assert options.level == 3, "the node's own defaults"


class BrokenOps(ReplayOps):
    def segment_sum(self, data, segment_ids, num_segments):
        return super().segment_sum(data, segment_ids, num_segments) + 1
"""


def run_kit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the kit with `folder` on the path, as if its plugin were installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "heddle.testing"]
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def installed(tmp_path) -> Path:
    """A folder with an installed plugin "spare"."""
    (tmp_path / "spare_plugin.py").write_text(PLUGIN)
    (tmp_path / "spare_engine.py").write_text(ENGINE)
    info = tmp_path / "spare-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spare\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[heddle.plugins]\nspare = spare_plugin\n")
    return tmp_path


def test_an_installed_backend_is_proved_with_its_own_defaults(installed):
    done = run_kit(installed, "--heddle-backend", "spare", "-k", "TestBackend or test_softmax_sums_to_one")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d passed", done.stdout) and not re.search(r"\d skipped", done.stdout), done.stdout


def test_an_option_reaches_the_backend_and_a_fault_its_test(installed):
    options = ("--heddle-backend", "spare", "--heddle-option", "broken=true", "-k", "test_an_empty_segment")
    done = run_kit(installed, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "segment_sum: found" in done.stdout and "2 failed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--heddle-backend", "spar"), "backend 'spar' is unknown; did you mean 'spare'?"),
        (("--heddle-backend", "spare", "--heddle-option", "brokn=true"), "brokn"),
    ],
)
def test_a_backend_that_cannot_be_used_is_one_line(installed, arguments, message):
    done = run_kit(installed, *arguments)
    assert done.returncode == 4
    (line,) = done.stderr.strip().splitlines()
    assert message in line and line.startswith("ERROR: --heddle-backend=spar")


def test_the_reference_is_the_default(tmp_path):
    done = run_kit(tmp_path, "-k", "test_it_describes_itself or test_unknown")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout, done.stdout


def test_the_plugin_is_light():
    """pytest imports it at every start in an environment that has Heddle."""
    code = (
        "import sys; before = set(sys.modules); import heddle.testing.plugin; print(sorted("
        "{'numpy', 'hydra', 'torch', 'jax', 'heddle.testing.suites.suite'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
