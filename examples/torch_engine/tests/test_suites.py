"""The suites of heddle.testing on this engine, in both of its precisions."""

import pytest

pytest.importorskip(
    "shuttle_torch", reason="shuttle-torch isn't installed: pip install -e examples/torch_engine"
)

from shuttle_torch.engine import ShuttleBackend

from heddle.testing import BackendSuite, ContainersSuite, LayersSuite, OpsSuite, ProgramSuite


class TestBackend(BackendSuite):
    backend = ShuttleBackend({})


@pytest.mark.slow  # the primitives of heddle-torch, which its own tests run through
class TestOps(OpsSuite):
    backend = ShuttleBackend({})


class TestContainers(ContainersSuite):
    backend = ShuttleBackend({})


@pytest.mark.slow
class TestLayers(LayersSuite):
    backend = ShuttleBackend({})


class TestProgram(ProgramSuite):
    backend = ShuttleBackend({})


class TestProgramInDouble(ProgramSuite):
    backend = ShuttleBackend({"precision": "float64"})
