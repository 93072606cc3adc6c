"""Tests give the same verdict alone and in any order: no test module holds a random generator that its tests share."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKERS = {"default_rng", "RandomState", "Generator", "Random", "PCG64", "SeedSequence", "PRNGKey"}
ON_PURPOSE = "packages/core/tests/testing/program_faults.py"
FOLDERS = ("tests", "packages/*/tests", "examples/*/tests")


def shared_generators(source):
    """Return the lines on which a module, or a class body, keeps a generator under a name."""
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    results = []
    for statement in (statement for body in bodies for statement in body):
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call):
            function = value.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in MAKERS:
                results.append(statement.lineno)
    return results


def test_no_module_shares_a_generator():
    paths = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py"))
    assert len(paths) > 100
    results = {str(path.relative_to(ROOT)): shared_generators(path.read_text()) for path in paths}
    results.pop(ON_PURPOSE)
    assert {path: lines for path, lines in results.items() if lines} == {}, (
        "make one in each test or in a fixture"
    )


def test_a_shared_generator_is_found():
    source = "RNG = np.random.default_rng(0)\n\nclass A:\n    rng = default_rng()\n\nX = np.zeros(3)\n"
    assert shared_generators(source) == [1, 4]
    assert shared_generators("def f():\n    rng = default_rng(0)\nX = default_rng(0).normal(size=3)\n") == []
