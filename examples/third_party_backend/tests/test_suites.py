"""The suites of heddle.testing on this engine, in both precisions where an engine has its own."""

import pytest

pytest.importorskip(
    "loom_numpy", reason="loom-numpy isn't installed: pip install -e examples/third_party_backend"
)

from loom_numpy.engine import LoomBackend

from heddle.testing import BackendSuite, ContainersSuite, LayersSuite, OpsSuite, ProgramSuite


class TestBackend(BackendSuite):
    backend = LoomBackend({})


class TestOps(OpsSuite):
    backend = LoomBackend({})


class TestContainers(ContainersSuite):
    backend = LoomBackend({})


class TestLayers(LayersSuite):
    backend = LoomBackend({})


class TestProgram(ProgramSuite):
    backend = LoomBackend({})


class TestProgramInDouble(ProgramSuite):
    backend = LoomBackend({"precision": "float64"})
