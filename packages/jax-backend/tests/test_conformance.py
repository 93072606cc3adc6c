"""Heddle's conformance suites on this engine."""

from heddle.testing import BackendSuite, ContainersSuite, LayersSuite, OpsSuite, ProgramSuite
from heddle_jax.backend import JaxBackend


class TestBackend(BackendSuite):
    backend = JaxBackend({"name": "jax"})


class TestOps(OpsSuite):
    backend = JaxBackend({"name": "jax"})


class TestOpsOfXla(OpsSuite):
    backend = JaxBackend({"name": "jax", "kernel": "xla"})


class TestContainers(ContainersSuite):
    backend = JaxBackend({"name": "jax"})


class TestLayers(LayersSuite):
    backend = JaxBackend({"name": "jax"})


class TestLayersOnXla(LayersSuite):
    backend = JaxBackend({"name": "jax", "kernel": "xla"})


class TestProgram(ProgramSuite):
    backend = JaxBackend({"name": "jax"})
