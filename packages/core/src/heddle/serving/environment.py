"""environment: the Python environment that the real Triton runs in, apart from Heddle's own, built and checked."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from heddle.errors import PluginError, problem
from heddle.isolated import python_module
from heddle.serving.served import repository_models

NEEDS = {"torch": "torch", "xgboost": "xgboost", "onnx": "onnxruntime"}
"""Platform -> what its models import in the server; a bundle is scored by a process of Heddle's own Python."""

PACKAGES = {"torch": "torch", "xgboost": "xgboost-cpu", "onnx": "onnxruntime"}

NEWEST = (3, 12)
"""The newest Python that Triton's python backend in nvidia-pytriton is known to run with."""

_LOOK = """
import importlib.util, json, sys
found = {"python": list(sys.version_info[:2]), "base": sys.base_prefix}
spec = importlib.util.find_spec("pytriton")
found["pytriton"] = spec.submodule_search_locations[0] if spec else None
try:
    import numpy
    found["numpy"] = numpy.__version__
except Exception as error:
    found["numpy"] = None
found["missing"] = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
print(json.dumps(found))
"""


def default_environment() -> Path:
    """Return where the environment lies unless another is named."""
    return Path("~/.cache/heddle/triton").expanduser()


def platforms_of(repository: Path) -> list[str]:
    """Return the platforms of a repository's models."""
    texts = (path / "heddle.json" for path in repository_models(repository))
    return sorted({json.loads(path.read_text(encoding="utf-8"))["platform"] for path in texts})


def check_environment(environment: Path, platforms: Iterable[str] = ()) -> dict[str, Any]:
    """Return facts of a serving environment: its python, base prefix and pytriton's folder.

    Raises:
        PluginError: it isn't there, or lacks something, or has numpy 2, with which Triton's python backend answers
            with empty tensors and says that all is well.
    """
    python = environment / "bin" / "python"
    do = f"build it with `heddle deploy environment deploy.environment={environment}`"
    if not python.is_file():
        raise PluginError(
            problem(str(environment), "no environment", "one with nvidia-pytriton and numpy < 2", do)
        )
    needs = [NEEDS[name] for name in platforms if name in NEEDS]
    done = subprocess.run(
        [str(python), "-I", "-c", _LOOK, *needs], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PluginError(problem(str(python), done.stderr.strip()[-200:], "a Python that runs", do))
    packages: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if tuple(packages["python"]) > NEWEST:
        actual, wanted = ".".join(map(str, packages["python"])), ".".join(map(str, NEWEST))
        raise PluginError(
            problem(f"{environment}: Python", actual, f"{wanted} or older", "build it with an older Python")
        )
    if packages["pytriton"] is None:
        raise PluginError(problem(str(environment), "no nvidia-pytriton", "the package", do))
    if packages["numpy"] is None or int(packages["numpy"].split(".")[0]) >= 2:
        actual = f"numpy {packages['numpy']}" if packages["numpy"] else "no numpy"
        expected = "numpy < 2, since Triton's python backend gives empty tensors with numpy 2"
        raise PluginError(
            problem(str(environment), actual, expected, f"{do}, or pip install 'numpy<2' into it")
        )
    if packages["missing"]:
        raise PluginError(
            problem(str(environment), f"no {', '.join(packages['missing'])}", "what the models need", do)
        )
    return packages


def build_environment(environment: Path, platforms: Iterable[str] = ("torch", "xgboost")) -> dict[str, Any]:
    """Make a virtual environment with nvidia-pytriton, numpy < 2 and what the platforms need; return its facts.

    Packages that both environments have get the version that is installed here, since exported programs are read by
    the version that wrote them.

    Raises:
        PluginError: this Python is too new, or a package can't be installed.
    """
    if sys.version_info[:2] > NEWEST:
        actual, wanted = platform.python_version(), ".".join(map(str, NEWEST))
        raise PluginError(
            problem("Python", actual, f"{wanted} or older for Triton", "use heddle serve, or another Python")
        )
    packages = [
        "nvidia-pytriton",
        "numpy<2",
        *(_pinned(PACKAGES[name]) for name in platforms if name in PACKAGES),
    ]
    python = environment / "bin" / "python"
    for command in (
        python_module("venv", str(environment)),
        python_module(
            "pip", "install", "--quiet", "--disable-pip-version-check", *packages, python=str(python)
        ),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            actual = " ".join(done.stderr.split())[-300:]
            raise PluginError(
                problem(" ".join(command[2:5]), actual, "an environment", "fix that, and build it again")
            )
    return check_environment(environment, platforms)


def _pinned(package: str) -> str:
    try:
        return f"{package}=={version(package).partition('+')[0]}"
    except PackageNotFoundError:
        return package
