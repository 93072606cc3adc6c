"""The suites of heddle.testing on this engine, in both of its precisions."""

import pytest

pytest.importorskip(
    "shuttle_torch", reason="shuttle-torch isn't installed: pip install -e examples/torch_engine"
)

from shuttle_torch.engine import ShuttleBackend
from shuttle_torch.options import ShuttleOptions

from heddle.testing import BackendSuite, ContainersSuite, ProductsSuite, ProgramSuite
from heddle_torch.testing import PrimitivesSuite


class TestBackend(BackendSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestPrimitives(PrimitivesSuite):
    """In place of OpsSuite and LayersSuite, which heddle-torch's own tests have run on them."""

    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestContainers(ContainersSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestProgram(ProgramSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))


class TestProgramInDouble(ProgramSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle", precision="float64"))


@pytest.mark.slow
class TestProducts(ProductsSuite):
    backend = ShuttleBackend(ShuttleOptions("shuttle"))
