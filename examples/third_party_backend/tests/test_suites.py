"""The suites of heddle.testing on this engine, in both precisions where an engine has its own."""

import pytest
from loom_numpy.plugin import LoomOptions

pytest.importorskip(
    "loom_numpy", reason="loom-numpy isn't installed: pip install -e examples/third_party_backend"
)

from loom_numpy.engine import LoomBackend

from heddle.testing import (
    BackendSuite,
    ContainersSuite,
    InputsSuite,
    LayersSuite,
    OpsSuite,
    ProductsSuite,
    ProgramSuite,
)


class TestBackend(BackendSuite):
    backend = LoomBackend(LoomOptions())


class TestOps(OpsSuite):
    backend = LoomBackend(LoomOptions())


class TestContainers(ContainersSuite):
    backend = LoomBackend(LoomOptions())


class TestLayers(LayersSuite):
    backend = LoomBackend(LoomOptions())


class TestProgram(ProgramSuite):
    backend = LoomBackend(LoomOptions())


class TestProgramInDouble(ProgramSuite):
    backend = LoomBackend(LoomOptions(precision="float64"))


class TestInputs(InputsSuite):
    backend = LoomBackend(LoomOptions())


class TestProducts(ProductsSuite):
    backend, strength = LoomBackend(LoomOptions()), 1


@pytest.mark.slow
class TestPairs(ProductsSuite):
    backend = LoomBackend(LoomOptions())
