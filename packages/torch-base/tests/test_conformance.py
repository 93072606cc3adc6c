"""Heddle's suites of primitives and layers on TorchEngine: as torch alone computes them, and by the installed kernels.

Engines that take both from heddle-torch show that they do, by `heddle_torch.testing.PrimitivesSuite`.
"""

from importlib.util import find_spec

import pytest
import torch

from heddle.engines.plugins.kernels import NO_KERNELS, Kernels
from heddle.testing import LayersSuite, OpsSuite
from heddle_torch.engine import TorchEngine
from heddle_torch.kernels import kernels_named
from heddle_torch.placement import device_named, precision_named
from heddle_torch.testing import PrimitivesSuite

installed = pytest.mark.skipif(find_spec("heddle_kernels") is None, reason="heddle-kernels isn't installed")


class Torch(TorchEngine):
    """What the suites of primitives and layers ask of an engine."""

    name = "torch"
    precision = precision_named("float32")

    def __init__(self, device: torch.device, kernels: Kernels):
        self.device, self.kernels = device, kernels


DEVICE = device_named("auto")
ALONE = Torch(torch.device("cpu"), NO_KERNELS)
BY_KERNELS = Torch(DEVICE, kernels_named("auto", DEVICE))


class TestOps(OpsSuite):
    backend = ALONE


class TestLayers(LayersSuite):
    backend = ALONE


@installed
class TestOpsByKernels(OpsSuite):
    backend = BY_KERNELS


@installed
class TestLayersByKernels(LayersSuite):
    backend = BY_KERNELS


class TestPrimitives(PrimitivesSuite):
    backend = BY_KERNELS
