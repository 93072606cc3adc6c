"""Core imports no framework; plugins import core and their own framework, never each other."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORKS = {"torch", "jax", "jaxlib", "dgl", "torch_geometric", "optax", "flax", "tensorflow"}
PLUGINS = {
    "core": ("heddle", FRAMEWORKS),
    "jax-backend": ("heddle_jax", {"torch", "dgl", "torch_geometric"}),
    "pyg-backend": ("heddle_pyg", {"jax", "dgl"}),
    "dgl-dynamic": ("heddle_dgl", {"jax"}),
    "kernels": ("heddle_kernels", {"dgl", "torch_geometric"}),
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", PLUGINS)
def test_a_package_imports_only_what_lies_below_it(package):
    own, forbidden = PLUGINS[package]
    others = {name for name, _ in PLUGINS.values()} - {own, "heddle"}
    sources = list((ROOT / "packages" / package / "src").rglob("*.py"))
    assert sources
    wrong = {str(path): imported(path) & (forbidden | others) for path in sources}
    assert not {path: names for path, names in wrong.items() if names}


def test_listing_plugins_imports_no_framework():
    code = (
        "import json, sys, heddle, heddle.plugins as p; p.load_plugins();"
        f"print(json.dumps(sorted(set(sys.modules) & set({sorted(FRAMEWORKS)!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
