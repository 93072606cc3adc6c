"""What an engine, a model or a learner can do is asked by its type: no attribute of theirs is probed by name."""

import re
from pathlib import Path

import heddle

PACKAGES = Path(heddle.__file__).parents[3]
PROBE = re.compile(
    r"\b(?:hasattr|getattr)\((?:self\.)?_?(?:parts\.)?"
    r"(backend|engine|program|model|learner|encoder|decoder|layer|cell|loader|ops|dataset|score)s?\b, *\"(\w+)\""
)


def test_no_engine_or_model_is_probed_by_an_attributes_name():
    actual = [
        f"{path.relative_to(PACKAGES)}: {match[0]}"
        for path in sorted(PACKAGES.glob("*/src/**/*.py"))
        for match in PROBE.finditer(path.read_text(encoding="utf-8"))
        if match[2] not in LIBRARIES
    ]
    assert not actual, "\n".join(actual)


LIBRARIES = ("grouped_matmul", "segment_matmul")
"""Attributes of torch.ops, whose operators exist where a library registered them."""
