"""Heddle's conformance suites on this engine."""

from importlib.util import find_spec

import pytest

from heddle.testing import BackendSuite, ContainersSuite, InputsSuite, ProductsSuite, ProgramSuite
from heddle_dgl.backend import DglBackend
from heddle_dgl.options import DglOptions
from heddle_torch.testing import PrimitivesSuite


def backend(**config):
    return DglBackend(DglOptions(**config))


class TestBackend(BackendSuite):
    backend = backend()


class TestPrimitives(PrimitivesSuite):
    backend = backend()


@pytest.mark.skipif(find_spec("dgl") is None, reason="DGL isn't installed; it has wheels up to Python 3.11")
class TestContainers(ContainersSuite):
    backend = backend()


class TestProgram(ProgramSuite):
    backend = backend()


class TestInputs(InputsSuite):
    backend = backend()


@pytest.mark.slow
class TestProducts(ProductsSuite):
    backend = backend()
