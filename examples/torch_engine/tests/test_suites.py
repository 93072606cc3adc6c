"""The suites of heddle.testing on this engine, in both of its precisions."""

import pytest

pytest.importorskip(
    "shuttle_torch", reason="shuttle-torch isn't installed: pip install -e examples/torch_engine"
)

from shuttle_torch.engine import ShuttleBackend
from shuttle_torch.options import ShuttleOptions

from heddle.testing import BackendSuite, ContainersSuite, LayersSuite, OpsSuite, ProgramSuite


class TestBackend(BackendSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


@pytest.mark.slow  # the primitives of heddle-torch, which its own tests run through
class TestOps(OpsSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestContainers(ContainersSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


@pytest.mark.slow
class TestLayers(LayersSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestProgram(ProgramSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestProgramInDouble(ProgramSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle", precision="float64"))
