"""Core imports no framework; a plugin imports core, its framework and its framework's base, never another plugin."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = {"torch", "jax", "jaxlib", "dgl", "torch_geometric", "optax", "flax", "tensorflow"}
PACKAGES = {  # name -> (what it is imported as, what of ours lies below it, frameworks that don't)
    "core": ("heddle", set(), FRAMEWORKS),
    "torch-base": ("heddle_torch", {"heddle"}, {"jax", "dgl", "torch_geometric"}),
    "jax-backend": ("heddle_jax", {"heddle"}, {"torch", "dgl", "torch_geometric"}),
    "pyg-backend": ("heddle_pyg", {"heddle", "heddle_torch"}, {"jax", "dgl"}),
    "dgl-dynamic": ("heddle_dgl", {"heddle", "heddle_torch"}, {"jax"}),
    "kernels": ("heddle_kernels", {"heddle"}, {"dgl", "torch_geometric"}),
}
LIBRARIES = {"core", "torch-base"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package):
    own, below, forbidden = PACKAGES[package]
    others = {name for name, _, _ in PACKAGES.values()} - {own} - below
    sources = list((ROOT / "packages" / package / "src").rglob("*.py"))
    assert sources
    wrong = {str(path): imported(path) & (forbidden | others) for path in sources}
    assert not {path: names for path, names in wrong.items() if names}


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
