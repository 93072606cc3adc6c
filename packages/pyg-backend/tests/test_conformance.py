"""Heddle's conformance suites on this engine."""

from heddle.testing import BackendSuite, ContainersSuite, InputsSuite, ProgramSuite
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
