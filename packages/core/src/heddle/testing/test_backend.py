"""Every suite on the backend that `--heddle-backend` names: pytest --pyargs heddle.testing --heddle-backend NAME."""

import pytest

from heddle.testing.backend_suite import BackendSuite
from heddle.testing.containers_suite import ContainersSuite
from heddle.testing.inputs_suite import InputsSuite
from heddle.testing.layers_suite import LayersSuite
from heddle.testing.ops_suite import OpsSuite
from heddle.testing.plugin import chosen_backend
from heddle.testing.program_suite import ProgramSuite
from heddle.testing.suite import Suite


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


class TestProgram(OnCommandLine, ProgramSuite):
    """See `ProgramSuite`."""


class TestInputs(OnCommandLine, InputsSuite):
    """See `InputsSuite`."""
