"""The list of what portable code needs of an array namespace is what portable code calls."""

import re
from pathlib import Path

import heddle
from heddle.testing.namespace import NAMES

SOURCE = Path(heddle.__file__).parent
PORTABLE = (
    "ops/erf.py",
    "ops/graph_ops.py",
    "ops/losses.py",
    "ops/message_passing.py",
    "ops/propagation.py",
    "ops/relational",
    "nn",
    "testing",
)


def test_the_names_are_those_that_are_called():
    files = [path for name in PORTABLE for path in sorted((SOURCE / name).rglob("*.py")) or [SOURCE / name]]
    called = {name for file in files for name in re.findall(r"\bxp\.([a-z]\w*)", file.read_text())}
    assert sorted(called) == sorted(NAMES)
