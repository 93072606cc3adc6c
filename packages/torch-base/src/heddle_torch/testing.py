"""PrimitivesSuite: an engine's primitives are those that heddle-torch's own tests have run every suite on."""

from heddle.testing.suites.suite import Suite
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.engine import TorchEngine
from heddle_torch.kernels import ops_on


class PrimitivesSuite(Suite):
    """Takes the place of OpsSuite and LayersSuite for an engine that adds nothing to the primitives of TorchEngine.

    They run on TorchEngine in heddle-torch's own tests, with the installed kernels and without any. An engine that
    overrides `ops` or `value_and_grad`, or has kernels of its own, subclasses OpsSuite and LayersSuite.
    """

    def test_primitives_are_those_of_heddle_torch(self) -> None:
        """The same class, and the same function in every place that a kernel takes."""
        ops = self.ops
        assert type(ops) is TorchOps, (
            f"ops: found a {type(ops).__name__}, expected TorchOps; subclass OpsSuite"
        )
        assert vars(ops) == vars(ops_on(ops.device))

    def test_gradients_are_those_of_heddle_torch(self) -> None:
        function: object = type(self.backend).value_and_grad
        assert function is TorchEngine.value_and_grad, (
            "value_and_grad: found the engine's own; subclass OpsSuite"
        )
