"""Heddle's conformance suites on this engine."""

import jax
import pytest

from heddle.graphs.pytree import leaves, tree_map
from heddle.testing import (
    BackendSuite,
    ContainersSuite,
    InputsSuite,
    LayerLaws,
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


class Quick:
    """Leaves float64 to the longer run: another dtype of the same code, which TestOps has for each op."""

    def pytest_generate_tests(self, metafunc):
        if "dtype" in metafunc.fixturenames:
            metafunc.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])


@pytest.mark.codegen
class TestOpsOfXla(Quick, OpsSuite):
    backend = JaxBackend(JaxOptions(kernel="xla"))


class TestContainers(ContainersSuite):
    backend = JaxBackend(JaxOptions())


class Compiled(Quick):
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


class TestLayers(Compiled, LayerValues):
    backend = JaxBackend(JaxOptions())


@pytest.mark.slow
class TestLaws(Compiled, LayerLaws):
    backend = JaxBackend(JaxOptions())


class TestLayersOnXla(Compiled, LayerValues):
    """JaxOps' own forms, which the installed kernels take the place of in TestLayers.

    TestOpsOfXla has each of them on every graph: `make test` has layers on one graph of each sort (conftest.py).
    """

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
