"""Names are the field's: modules, classes, functions and values bear none of the words that were given up for them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FROZEN = "tests/corpus/0.1.0/"  # written by an earlier release, and read as it was

DEFINED = {
    *(
        "nest",
        "map_nest",
        "figures",
        "judged",
        "Outcome",
        "Support",
        "AggregateSpec",
        "Signature",
        "Structure",
    ),
    *(
        "Layout",
        "told_if_lost",
        "others_named",
        "Story",
        "Keeper",
        "screen",
        "words",
        "made_up",
        "false_links",
    ),
    *("alone", "static", "changing", "opened", "usable", "places", "aside", "turns", "top"),
}
"""What no module, class or function is called; nor is it called what no value is."""
VALUES = {"own", "kind", "found", "told", "place", "words", "figures", "judged", "nest"}
"""What no local, argument or field is called: the noun says more, `node_type`, `message`, `position`."""
NATIVE = sorted(VALUES - {"words"})
"""What no declaration in native code is called; a word is a machine's there."""
ONE_CLASS = {"NeighborSampler", "Prepared", "Part", "Task", "Kernels"}
"""Classes of packages that share a name with no other."""

PUBLIC = {
    "kind": {  # what a task is: `task.kind` of schemas and of prepared folders, `kind` in a decision
        "packages/core/src/heddle/data/etl/schemas/schema.py",
        "packages/core/src/heddle/data/prepared/folder.py",
        "packages/core/src/heddle/data/task.py",
        "packages/core/src/heddle/workflow/metrics/decision.py",
    },
    "place": {
        "packages/core/src/heddle/engines/program.py"
    },  # `Program.place`, which engines of third parties fill
}
"""Word -> the modules that hold it as a name on disk, on a command line or of a protocol."""


def names_of(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield (line, "definition" or "value", name) of all that a module binds."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, "definition", node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, "value", node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, "value", node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, "value", node.attr


def of_protocol(path: str, name: str) -> bool:
    """Whether a function is the `place` of a Program, or stands for it in a test."""
    return name == "place" and not path.startswith("packages/core/src")


def sources(*suffixes: str) -> list[Path]:
    """Return files of the packages, tests, examples and benchmarks."""
    folders = ("packages", "tests", "examples", "benchmarks")
    paths = (
        path for folder in folders for suffix in suffixes for path in (ROOT / folder).rglob(f"*{suffix}")
    )
    return sorted(path for path in paths if "build" not in path.parts and "third_party" not in path.parts)


def test_no_name_is_of_a_word_that_was_given_up():
    wrong = []
    for path in sources(".py"):
        where = path.relative_to(ROOT).as_posix()
        if where.startswith(FROZEN):
            continue
        if path.stem in DEFINED | VALUES:
            wrong.append(f"{where}: the module {path.stem}")
        for line, what, name in names_of(ast.parse(path.read_text(encoding="utf-8"))):
            refused = VALUES | DEFINED if what == "definition" else VALUES
            allowed = where in PUBLIC.get(name, ()) or of_protocol(where, name)
            if name in refused and not allowed:
                wrong.append(f"{where}:{line}: {what} {name}")
    assert not wrong, "\n".join(wrong)


def test_no_native_file_is_of_one():
    assert [
        path.name for path in sources(".hpp", ".cpp", ".h", ".cu", ".cuh") if path.stem in DEFINED | VALUES
    ] == []


def test_no_native_value_is_of_one():
    declared = re.compile(
        rf"\b(?:auto|bool|char|\w*int\w*|size_t|float|double|[A-Z]\w*|>)[ *&]+({'|'.join(NATIVE)})\b(?=[ ,;=({{)\[])"
    )
    wrong = [
        f"{path.relative_to(ROOT).as_posix()}:{number}: value {match[1]}"
        for path in sources(".hpp", ".cpp", ".h", ".cu", ".cuh")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in declared.finditer(re.sub(r'//.*|"[^"]*"', "", line))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_word_that_is_allowed_is_still_there():
    for name, paths in PUBLIC.items():
        for where in paths:
            names = {name for _, _, name in names_of(ast.parse((ROOT / where).read_text(encoding="utf-8")))}
            assert name in names, f"{where}: found no {name}; take it from PUBLIC"


def test_a_class_has_a_name_of_its_own():
    classes = [
        node.name
        for path in sources(".py")
        if "/src/heddle" in path.as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert {name: classes.count(name) for name in ONE_CLASS if classes.count(name) > 1} == {}
