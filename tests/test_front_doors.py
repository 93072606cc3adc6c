"""What each package offers from its front door: loaded on first use, typed, and named in its docstring."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PACKAGES = ("heddle", "heddle_torch", "heddle_jax", "heddle_pyg", "heddle_dgl", "heddle_kernels")
ROOMS = ("heddle.data", "heddle.scripts", "heddle.serving", "heddle.testing")

FRAMEWORKS = ("numpy", "torch", "jax", "dgl", "torch_geometric")

SCRIPT = """
import heddle
import heddle_jax
import heddle_pyg

run: heddle.Run = heddle.train("data=karate", model="gat", **{"optim.lr": 0.1})
accuracy: float = run.metrics["test"]["accuracy"]
graph: heddle.Graph = heddle.from_edge_list([(0, 1), (1, 2)])
native = heddle_jax.JaxBackend(heddle_jax.JaxOptions()).to_native(graph)
conv = heddle_pyg.PortableModule(heddle.GCN(3, 4))
print(accuracy, conv(heddle_pyg.to_native(graph)), native, heddle.compare(run, heddle.load(run.folder)).settings)
"""

WRONG = """
import heddle
import heddle_pyg

heddle.trian("data=karate")
heddle.train(3)
heddle.load(3)
accuracy: str = heddle.load("runs/mine").metrics["test"]["accuracy"]
heddle_pyg.PortableModel
"""


@pytest.mark.parametrize("package", (*PACKAGES, *ROOMS))
def test_a_package_is_typed_and_loads_on_first_use(package):
    folder = Path(import_module(package).__file__).parent
    assert (folder / "py.typed").exists() == (package in PACKAGES) and (folder / "__init__.pyi").exists()
    body = ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body
    version = ["Assign"] if package in PACKAGES else []
    assert [type(node).__name__ for node in body] == ["Expr", "Import", *version, "Assign"]
    heavy = f"import sys, {package}; dir({package}); print(*[name for name in {FRAMEWORKS!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_docstring_tells_of_each_name(package):
    module = import_module(package)
    names = set(re.findall(r"\w+", module.__doc__))
    assert not set(module.__all__) - names
    assert module.__doc__.splitlines()[0].endswith((".", ":"))


@pytest.mark.slow
def test_a_users_script_is_clean_in_strict_mypy_and_a_wrong_one_is_not(tmp_path):
    def checked(name: str, source: str) -> list[str]:
        (tmp_path / name).write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "mypy", "--strict", name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert not done.stderr
        return [line for line in done.stdout.splitlines() if ": error: " in line]

    assert checked("script.py", SCRIPT) == []
    message = checked("wrong.py", WRONG)
    assert [int(line.split(":")[1]) for line in message] == [5, 6, 7, 8, 9], message
