"""docs/writing-a-backend.md, followed to the letter: its files make a package, and its commands are green."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[4] / "docs" / "writing-a-backend.md"
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """The guide's files in a folder, with the metadata that installing them would leave."""
    root = tmp_path_factory.mktemp("mine")
    files = dict(FILE.findall(GUIDE.read_text()))
    assert "pyproject.toml" in files and len(files) == 6
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = root / "src" / "heddle_mine-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["heddle.plugins"]
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[heddle.plugins]\n{lines}")
    return root


def run(package: Path, *command: str) -> str:
    """Run a Python module's command in the package's folder, which must succeed; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        cwd=package,
        env={"PYTHONPATH": str(package / "src"), "PATH": "", "OMP_NUM_THREADS": "1", "HOME": str(package)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_plugin_is_ok(package):
    assert re.search(r"mine\b.*\bok\b", run(package, "heddle", "plugins"))


@pytest.mark.slow
def test_the_kit_is_green(package):
    kit = ("pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "heddle.testing", "--heddle-backend", "mine")
    assert " passed" in run(package, *kit, "-k", "segment_sum and odd or TestBackend or TestProgram")
    assert " passed" in run(package, *kit, "--heddle-option", "loud=true", "-k", "describes")


def test_the_packages_own_tests_are_green(package):
    parts = "TestContainers or segment_max and float32 or gcn and padding"
    assert " passed" in run(package, "pytest", "-q", "-p", "no:cacheprovider", "tests", "-k", parts)


def test_training_runs(package):
    (command,) = re.findall(r"^heddle (train .*)$", GUIDE.read_text(), re.MULTILINE)
    out = run(package, "heddle", *command.split(), f"run.dir={package / 'run'}")
    assert out.splitlines()[-1] == str(package / "run")


def test_every_command_and_file_that_is_named_exists():
    text = GUIDE.read_text()
    for module in set(re.findall(r"`(heddle(?:\.\w+)+)`", text)):
        parts = module.split(".")
        root = GUIDE.parents[1] / "packages" / "core" / "src"
        actual = [root.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
        assert any(path.with_suffix(".py").exists() for path in actual) or actual[-1].is_dir(), module
    assert (GUIDE.parents[1] / "examples" / "third_party_backend" / "README.md").exists()
    assert (GUIDE.parent / "numerics.md").exists()
