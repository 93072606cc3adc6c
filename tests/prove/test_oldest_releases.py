"""What Heddle says it works with, at its oldest: the conformance kit on the reference, in an environment of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CORE = Path(__file__).parents[2] / "packages" / "core"


def oldest(requirement):
    """Return the requirement pinned to the release that its lower bound names: numpy>=2 gives numpy==2.0.*"""
    parsed = Requirement(requirement)
    (bound,) = (each.version for each in parsed.specifier if each.operator == ">=")
    parts = bound.split(".")
    return f"{parsed.name}=={bound}" if len(parts) > 2 else f"{parsed.name}=={'.'.join([*parts, '0'][:2])}.*"


def test_oldest():
    actual = [oldest(each) for each in ("numpy>=2", "pluggy>=1.5", "hydra-core>=1.3.6,<1.4")]
    assert actual == ["numpy==2.0.*", "pluggy==1.5.*", "hydra-core==1.3.6"]


@pytest.mark.prove
def test_core_works_with_the_oldest_releases(tmp_path):
    pins = [
        oldest(each)
        for each in tomllib.loads((CORE / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=1800)
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        CORE,
        "pytest",
        "hypothesis",
    ]
    done = subprocess.run([*install, *pins], capture_output=True, text=True, timeout=1800)
    if "No matching distribution" in done.stderr and "from versions: none" in done.stderr:
        pytest.skip(f"found no package index: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    (tmp_path / "here").mkdir()  # nothing of this checkout
    kit = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "heddle.testing"]
    done = subprocess.run(kit, cwd=tmp_path / "here", capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
