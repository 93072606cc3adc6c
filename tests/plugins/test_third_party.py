"""The third party's package, installed as its users would: in place and as a wheel, into an environment of its own."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "examples" / "third_party_backend"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("hatchling", "editables")),
        reason="building the package needs hatchling and editables: pip install hatchling editables",
    ),
]


@pytest.fixture(scope="module", params=["editable", "wheel"])
def python(request, tmp_path_factory):
    """Give the Python of a fresh environment that sees this one's packages, with the example installed into it."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    site = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(site) / "_outer.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    what = ["-e", PACKAGE]
    if request.param == "wheel":
        ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
        source = shutil.copytree(PACKAGE, folder / "source", ignore=ignored)
        subprocess.run([*pip, "wheel", *options, "-w", folder, source], check=True, timeout=300)
        what = list(folder.glob("loom_numpy-*.whl"))
        assert len(what) == 1
    subprocess.run([*pip, "install", *options, "--ignore-installed", *what], check=True, timeout=300)
    where = _run(python, ["-c", "import loom_numpy; print(loom_numpy.__file__)"], folder).stdout.strip()
    assert Path(where).is_relative_to(PACKAGE if request.param == "editable" else folder)
    return python


@pytest.fixture
def command(python, tmp_path):
    """Return command(*arguments) -> the finished `heddle` of that environment, run in an empty folder."""
    return lambda *arguments, **environment: _run(
        python, ["-m", "heddle", *arguments], tmp_path, **environment
    )


def _run(python, arguments, folder, **environment):
    """Run Python; without what this test's own process had in its environment."""
    inherited = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HYDRA_FULL_ERROR")
    }
    done = subprocess.run(
        [python, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**inherited, **environment},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_it_trains_with_its_own_option(command, tmp_path):
    arguments = ["backend=loom", "backend.precision=float64", "model=sgc", "model.hops=1", "trainer.epochs=5"]
    done = command("train", *arguments, "run.dir=run")
    assert done.stdout.splitlines()[-1] == "run"
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert "precision: float64" in config and "hops: 1" in config
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["accuracy"] > 0.2


def test_it_runs_under_multirun(command, tmp_path):
    arguments = [
        "-m",
        "backend=loom",
        "backend.precision=float32,float64",
        "model=sgc",
        "trainer.epochs=2",
        "run.dir=sweep",
    ]
    assert command("train", *arguments).stdout.splitlines()[-1] == "sweep"
    assert sorted(path.parent.name for path in (tmp_path / "sweep").glob("*/metrics.json")) == ["0", "1"]


def test_help_plugins_and_completion_know_it(command):
    assert "loom" in next(
        line for line in command("--help").stdout.splitlines() if line.startswith("  backend:")
    )
    output = command("train", "--help", "backend=loom").stdout
    assert "check_gradients: false" in output and "sgc" in output
    row = next(line for line in command("plugins").stdout.splitlines() if "loom-numpy" in line)
    assert " ok " in row and "backend: loom;" in row
    for line, offered in (
        ("heddle train backend=lo", "backend=loom"),
        ("heddle train model=sg", "model=sgc"),
    ):
        assert command("-sc", "query=bash", COMP_LINE=line).stdout.split() == [offered]


def test_the_conformance_kit_finds_it(python, tmp_path):
    """Its primitives here; all suites run in the example's own tests."""
    kit = [
        "-m",
        "pytest",
        "--pyargs",
        "heddle.testing",
        "--heddle-backend",
        "loom",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = _run(python, [*kit, "-k", "TestOps and float64"], tmp_path)
    assert re.search(r"\d passed", done.stdout) and not re.search(r"\d failed", done.stdout), done.stdout
