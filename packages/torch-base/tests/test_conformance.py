"""Heddle's conformance suites on the primitives as torch alone computes them; engines run theirs with kernels."""

from heddle.testing import LayersSuite, OpsSuite
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.train.gradients import value_and_grad


class TorchAlone:
    """What the suites of primitives and layers ask of an engine."""

    name = "torch"
    static_shapes = False

    def ops(self):
        return TorchOps()

    def value_and_grad(self, function):
        return value_and_grad(function)


class TestOps(OpsSuite):
    backend = TorchAlone()


class TestLayers(LayersSuite):
    backend = TorchAlone()
