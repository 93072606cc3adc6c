"""Every suite on the backend that `--heddle-backend` names: pytest --pyargs heddle.testing --heddle-backend NAME."""

import pytest

from heddle.testing.plugin import chosen_backend
from heddle.testing.products.combination import Combination
from heddle.testing.reference_backend import ReferenceBackend
from heddle.testing.suites.backend import BackendSuite
from heddle.testing.suites.containers import ContainersSuite
from heddle.testing.suites.inputs import InputsSuite
from heddle.testing.suites.layers import LayersSuite
from heddle.testing.suites.ops import OpsSuite
from heddle.testing.suites.products import ProductsSuite
from heddle.testing.suites.program import ProgramSuite
from heddle.testing.suites.suite import Suite


class OnCommandLine(Suite):
    """Hands the chosen backend to a suite before its tests are made."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Set `backend` on the class, then make the suite's tests."""
        metafunc.cls.backend = chosen_backend(metafunc.config)
        super().pytest_generate_tests(metafunc)


class TestBackend(OnCommandLine, BackendSuite):
    """See `BackendSuite`."""


class TestOps(OnCommandLine, OpsSuite):
    """See `OpsSuite`."""


class TestContainers(OnCommandLine, ContainersSuite):
    """See `ContainersSuite`."""


class TestLayers(OnCommandLine, LayersSuite):
    """See `LayersSuite`."""

    @pytest.fixture(autouse=True)
    def not_against_itself(self, request: pytest.FixtureRequest) -> None:
        """Leave out core's reference where it would compare its differences with themselves."""
        if isinstance(self.backend, ReferenceBackend) and request.function.__name__ == "test_gradients":
            pytest.skip(
                "gradients of layers are differences on both sides; name an engine by --heddle-backend"
            )


class TestProgram(OnCommandLine, ProgramSuite):
    """See `ProgramSuite`."""


class TestInputs(OnCommandLine, InputsSuite):
    """See `InputsSuite`."""


class TestProducts(OnCommandLine, ProductsSuite):
    """See `ProductsSuite`."""

    def test_it_trains(self, trained: Combination) -> None:
        """Train a combination; core's reference, whose gradients are differences, would take minutes."""
        if isinstance(self.backend, ReferenceBackend):
            pytest.skip("gradients by differences take minutes; name an engine by --heddle-backend")
        super().test_it_trains(trained)
