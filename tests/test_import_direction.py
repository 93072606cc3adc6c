"""Plugins register, libraries don't, and listing plugins imports no framework; `make lint` checks imports."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = {"torch", "jax", "jaxlib", "dgl", "torch_geometric", "optax", "flax", "tensorflow"}
PACKAGES = ("core", "torch-base", "jax-backend", "pyg-backend", "dgl-dynamic", "kernels")
LIBRARIES = {"core", "torch-base"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_library_registers_no_plugin_and_a_plugin_does(package):
    project = tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text())["project"]
    registered = project.get("entry-points", {}).get("heddle.plugins", {})
    assert bool(registered) == (package not in LIBRARIES)


def test_listing_plugins_imports_no_framework():
    code = (
        "import json, sys, heddle, heddle.engines.plugins as p; p.load_plugins();"
        f"print(json.dumps(sorted(set(sys.modules) & set({sorted(FRAMEWORKS)!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
