"""docs/writing-a-kernel.md, followed to the letter: its files make a package whose kernel engines use."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.testing.distributions import write_distribution

GUIDE = Path(__file__).parents[1] / "docs" / "writing-a-kernel.md"
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MINE = "heddle-mysum"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The guide's files in a folder, built by its own command."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is missing: the guide's kernel is native")
    root = tmp_path_factory.mktemp("mysum")
    write_distribution(root, MINE, dict(FILE.findall(GUIDE.read_text())))
    write_distribution(root / "src", MINE, {}, plugin="heddle_mysum.plugin")
    (build,) = re.findall(r"^g\+\+ .*$", GUIDE.read_text(), re.MULTILINE)
    subprocess.run(shlex.split(build), cwd=root, check=True)
    return root


def run(package, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package / "src"), "OMP_NUM_THREADS": "1", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_preferred_package_has_the_primitive(package):
    status = {}
    for line in run(package, "heddle", "doctor", f"plugins.prefer={MINE}").stdout.splitlines():
        cells = [cell.strip() for cell in line.split("│")]
        if cells[1:4] == ["segment_sum", "torch", "cpu"]:
            status[cells[4]] = cells[5]
    assert status.pop(MINE) == "ok" and {*status.values()} <= {"yielded"}


def test_an_engine_proves_it(package):
    code = (
        "from heddle.engines.plugins.kernels import primitive_kernels;"
        "print(primitive_kernels('torch', 'cpu').by_name['segment_sum'].__module__)"
    )
    (package / "whose.py").write_text(code)
    assert run(package, "whose", HEDDLE_PREFER=MINE).stdout.strip() == "heddle_mysum.kernel"
    kit = ("pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "heddle.testing", "--heddle-backend", "pyg")
    assert " passed" in run(package, *kit, "-k", "segment_sum", HEDDLE_PREFER=MINE).stdout


@pytest.mark.slow
def test_the_command_that_times_it_uses_it(package):
    (arguments,) = re.findall(r"^heddle (bench .*)$", GUIDE.read_text(), re.MULTILINE)
    arguments = ("heddle", *arguments.split(), "bench.rounds=1", "bench.steps=1")
    out = run(package, *arguments).stdout
    assert "backend.kernel=heddle" in out and "backend.kernel=torch" in out
    library = package / "src" / "heddle_mysum" / "libsum.so"
    library.rename(package / "elsewhere.so")
    try:
        output = run(package, *arguments).stderr
    finally:
        (package / "elsewhere.so").rename(library)
    assert "libsum.so" in output and "the engine's own is used" in output
