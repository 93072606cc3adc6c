"""Heddle's conformance suites on the primitives as torch alone computes them; engines run theirs with kernels."""

import torch

from heddle.engines.plugins.kernels import NO_KERNELS
from heddle.testing import LayersSuite, OpsSuite
from heddle_torch.engine import TorchEngine
from heddle_torch.place import precision_named


class TorchAlone(TorchEngine):
    """What the suites of primitives and layers ask of an engine."""

    name = "torch"
    device, precision, kernels = torch.device("cpu"), precision_named("float32"), NO_KERNELS


class TestOps(OpsSuite):
    backend = TorchAlone()


class TestLayers(LayersSuite):
    backend = TorchAlone()
