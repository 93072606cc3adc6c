"""Heddle's conformance suites on this engine."""

import jax
import pytest

from heddle.graphs.pytree import leaves, tree_map
from heddle.testing import (
    BackendSuite,
    ContainersSuite,
    InputsSuite,
    LayerLaws,
    LayersSuite,
    LayerValues,
    OpsSuite,
    ProductsSuite,
    ProgramSuite,
)
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions


class TestBackend(BackendSuite):
    backend = JaxBackend(JaxOptions())


@pytest.mark.codegen
class TestOps(OpsSuite):
    backend = JaxBackend(JaxOptions())


@pytest.mark.codegen
class TestOpsOfXla(OpsSuite):
    backend = JaxBackend(JaxOptions(kernel="xla"))


class TestContainers(ContainersSuite):
    backend = JaxBackend(JaxOptions())


class Compiled:
    """Layers as programs run them: one compilation each, not one for each of their ops, which OpsSuite runs alone."""

    def compiled(self, function):
        made = []

        def listed(*floats):  # not a dict, whose keys JAX would sort
            made.append(function(*floats))
            return leaves(made[-1])

        def call(*floats):
            arrays = iter(jax.jit(listed)(*floats))
            return tree_map(lambda _: next(arrays), made[-1])

        return call

    def pytest_generate_tests(self, metafunc):
        """Leave float64, which OpsSuite has for each op, to the longer run."""
        if "dtype" in metafunc.fixturenames:
            metafunc.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])


class TestLayers(Compiled, LayersSuite):
    backend = JaxBackend(JaxOptions())


class TestLayersOnXla(Compiled, LayerValues):
    """JaxOps' own forms, which the installed kernels take the place of in TestLayers."""

    backend = JaxBackend(JaxOptions(kernel="xla"))


@pytest.mark.slow
class TestLawsOnXla(Compiled, LayerLaws):
    backend = JaxBackend(JaxOptions(kernel="xla"))


@pytest.mark.codegen
class TestProgram(ProgramSuite):
    backend = JaxBackend(JaxOptions())


class TestInputs(InputsSuite):
    backend = JaxBackend(JaxOptions())


@pytest.mark.slow
class TestProducts(ProductsSuite):
    backend = JaxBackend(JaxOptions())
