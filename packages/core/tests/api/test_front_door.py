"""`import heddle`: which names it has, what it costs, and what it says of them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import heddle

STUB = Path(heddle.__file__).with_suffix(".pyi")

HEAVY = ("numpy", "torch", "jax", "dgl", "hydra", "omegaconf", "yaml", "rich", "scipy")


def test_nothing_heavy_is_imported():
    """In a process of its own; `dir` needs nothing either."""
    script = (
        "import sys, heddle; dir(heddle); heddle.HeddleError;"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_modules_that_are_imported_are_few():
    """lazy_loader, and what reading the stub takes of the standard library."""
    script = "import ast, importlib, re, sys; before = {*sys.modules}; import heddle; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} == {"heddle", "lazy_loader"}


@pytest.mark.parametrize("name", heddle.__all__)
def test_each_name_loads_and_says_what_it_is(name):
    actual = getattr(heddle, name)
    assert actual.__doc__ and actual.__doc__[0] not in " \n"
    assert name in dir(heddle)


def test_no_name_hides_a_module():
    """`heddle.data` stays the module, whatever was imported first."""
    root = Path(heddle.__file__).parent
    modules = {path.stem for path in root.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(heddle.__all__) & modules <= {"errors"}


def test_help_has_a_first_run_and_a_line_for_each_name():
    text = heddle.__doc__
    assert "run = heddle.train(" in text
    names = set(text.replace(",", " ").replace(":", " ").replace(";", " ").split())
    assert not set(heddle.__all__) - names


def test_the_stub_names_what_it_loads():
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 and all(alias.asname == alias.name for alias in node.names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="trian"):
        heddle.trian  # noqa: B018
