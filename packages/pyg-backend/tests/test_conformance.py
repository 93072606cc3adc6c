"""Heddle's conformance suites on this engine."""

from heddle.testing import BackendSuite, ContainersSuite, LayersSuite, OpsSuite, ProgramSuite
from heddle_pyg.backend import PygBackend


class TestBackend(BackendSuite):
    backend = PygBackend({"name": "pyg"})


class TestOps(OpsSuite):
    backend = PygBackend({"name": "pyg"})


class TestContainers(ContainersSuite):
    backend = PygBackend({"name": "pyg"})


class TestLayers(LayersSuite):
    backend = PygBackend({"name": "pyg"})


class TestProgram(ProgramSuite):
    backend = PygBackend({"name": "pyg"})
