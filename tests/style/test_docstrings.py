"""What a public function says of itself: whichever raises says what, and when.

`python tests/style/test_docstrings.py 14` prints ten docstrings of each package, drawn by that seed, to be read alone.
"""

import ast
import random
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "torch-base", "pyg-backend", "dgl-dynamic", "jax-backend", "kernels")
Function = ast.FunctionDef | ast.AsyncFunctionDef
UNSAID = {"AssertionError", "AttributeError", "NotImplementedError", "StopIteration"}
"""What isn't for callers to catch."""


def functions(package: str) -> Iterator[tuple[str, Function]]:
    """Yield (dotted name, function) of all public functions and methods of a package that have a docstring."""
    source = ROOT / "packages" / package / "src"
    for path in sorted(source.rglob("*.py")):
        module = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        yield from _below(module, ast.parse(path.read_text(encoding="utf-8")))


def _below(where: str, node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Function]]:
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and child.name[0] != "_":
            name = f"{where}.{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from _below(name, child)
            elif ast.get_docstring(child):
                yield name, child


def raised(node: ast.AST) -> Iterator[str]:
    """Yield what a function raises itself, not what others do that it calls or defines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            yield ast.unparse(child.exc.func if isinstance(child.exc, ast.Call) else child.exc)
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "fail":
            yield "DataError"
        yield from raised(child)


def test_whichever_raises_says_so():
    """In a section `Raises:`, or in a sentence."""
    silent = []
    for package in PACKAGES:
        for name, function in functions(package):
            errors = {error for error in raised(function) if error[0].isupper()} - UNSAID
            text = ast.get_docstring(function) or ""
            if errors and not any(word in text for word in ("Raises", "raises", "refuse")):
                silent.append(f"{name} raises {', '.join(sorted(errors))}")
    assert not silent, "\n".join(silent)


def test_a_first_line_is_a_sentence():
    wrong = [
        name
        for package in PACKAGES
        for name, function in functions(package)
        if not (ast.get_docstring(function) or "").split("\n\n")[0].rstrip().endswith((".", ":", "?"))
    ]
    assert wrong == []


if __name__ == "__main__":
    for package in PACKAGES:
        every = sorted(functions(package), key=lambda of: of[0])
        for name, function in random.Random(int(sys.argv[1])).sample(every, 10):
            print(f"{name}({ast.unparse(function.args)})\n    {ast.get_docstring(function, clean=True)}\n")
