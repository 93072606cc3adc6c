"""The suites of heddle.testing on this engine, in both of its precisions."""

import pytest

pytest.importorskip(
    "shuttle_torch", reason="shuttle-torch isn't installed: pip install -e examples/torch_engine"
)

from shuttle_torch.engine import ShuttleBackend

from heddle.testing import BackendSuite, ContainersSuite, LayersSuite, OpsSuite, ProgramSuite
from heddle_torch.options import TorchOptions


class TestBackend(BackendSuite):
    backend = ShuttleBackend(TorchOptions("shuttle"))


@pytest.mark.slow  # the primitives of heddle-torch, which its own tests run through
class TestOps(OpsSuite):
    backend = ShuttleBackend(TorchOptions("shuttle"))


class TestContainers(ContainersSuite):
    backend = ShuttleBackend(TorchOptions("shuttle"))


@pytest.mark.slow
class TestLayers(LayersSuite):
    backend = ShuttleBackend(TorchOptions("shuttle"))


class TestProgram(ProgramSuite):
    backend = ShuttleBackend(TorchOptions("shuttle"))


class TestProgramInDouble(ProgramSuite):
    backend = ShuttleBackend(TorchOptions("shuttle", precision="float64"))
