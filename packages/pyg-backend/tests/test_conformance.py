"""Heddle's conformance suites on this engine."""

import pytest

from heddle.testing import BackendSuite, ContainersSuite, InputsSuite, ProductsSuite, ProgramSuite
from heddle.testing.products.combination import Model
from heddle_pyg.backend import PygBackend
from heddle_pyg.options import PygOptions
from heddle_torch.testing import PrimitivesSuite


class TestBackend(BackendSuite):
    backend = PygBackend(PygOptions())


class TestPrimitives(PrimitivesSuite):
    backend = PygBackend(PygOptions())


class TestContainers(ContainersSuite):
    backend = PygBackend(PygOptions())


class TestProgram(ProgramSuite):
    backend = PygBackend(PygOptions())


class TestInputs(InputsSuite):
    backend = PygBackend(PygOptions())
    native = (
        ("pyg", {"cls": "GCN"}, False),
        ("pyg", {"cls": "GraphSAGE"}, False),
        ("pyg", {"cls": "GraphSAGE"}, True),
        ("pyg", {"cls": "GAT", "kwargs": {"edge_dim": 2}}, False),
    )


READ = ("homogeneous", "relations")
BETWEEN_TYPES = ("many", "bare", "edgeless")
NATIVE = (
    Model("pyg", {"cls": "GCN"}, READ, refuses=BETWEEN_TYPES),
    Model("pyg", {"cls": "GraphSAGE"}, READ),
    Model("pyg", {"cls": "GAT"}, READ),
)


class TestProducts(ProductsSuite):
    backend, native = PygBackend(PygOptions()), NATIVE[1:2]


@pytest.mark.slow
class TestTriples(ProductsSuite):
    backend, native = PygBackend(PygOptions()), NATIVE
    strength, in_processes = 3, True
