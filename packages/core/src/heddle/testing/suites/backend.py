"""BackendSuite: what an engine says of itself, and that its gradients obey the protocol."""

import inspect

import numpy as np

from heddle.engines.capabilities import ENGINES, held_by
from heddle.engines.hookspecs import BackendInfo
from heddle.engines.plugins import load_plugins
from heddle.testing.compare import assert_same
from heddle.testing.suites.suite import Suite, float_dtypes


class BackendSuite(Suite):
    """The members of `heddle.engines.backend.Backend` that no other suite looks at."""

    def test_it_describes_itself(self) -> None:
        backend = self.backend
        assert isinstance(backend.name, str) and backend.name
        assert isinstance(backend.static_shapes, bool)
        described = backend.describe()
        assert described, "describe: found nothing, expected versions and devices"
        for key, value in described.items():
            assert isinstance(key, str) and isinstance(value, str), f"describe: {key!r} is not text"

    def test_its_capabilities_are_stated(self) -> None:
        """What its plugin states of it is what `isinstance` finds, so that suggestions are true; see capabilities."""
        held = held_by(self.backend)
        for offer in load_plugins().offers("backend"):
            if offer.info.name == self.backend.name and isinstance(offer.info, BackendInfo):
                stated = offer.info.capabilities
                assert sorted(stated) == sorted(held), (
                    f"capabilities: found {sorted(held)} in the engine, {sorted(stated)} in its BackendInfo"
                )

    def test_its_capabilities_take_what_callers_give(self) -> None:
        """Each method of a capability has the parameters that its Protocol says, by these names or in this order."""
        for capability in ENGINES:
            if capability.protocol is None or not isinstance(self.backend, capability.protocol):
                continue
            for name, wanted in inspect.getmembers(capability.protocol, inspect.isfunction):
                if name.startswith("_"):
                    continue
                given = list(inspect.signature(wanted).parameters)[1:]
                call_signature = inspect.signature(getattr(self.backend, name))
                try:
                    call_signature.bind(*given)
                except TypeError as error:
                    raise AssertionError(
                        f"{name}{call_signature}: expected to be called with {given}: {error}"
                    ) from error

    def test_its_float_dtypes_are_known(self) -> None:
        """`float_dtypes` names what the suites are run in; float32 is always among them."""
        names = float_dtypes(self.backend)
        assert "float32" in names
        for dtype in names:
            assert self.get(self.ops.asarray(np.ones(1, dtype))).dtype == np.dtype(dtype)

    def test_value_and_grad(self, dtype: str) -> None:
        """d/dx of sum(x x y) is 2 x y, and an argument that isn't used has gradient 0."""
        x, y, unused = np.array([1.0, -2.0], dtype), np.array([3.0, 0.5], dtype), np.ones((2, 1), dtype)
        xp = self.ops.xp
        function = self.backend.value_and_grad(lambda x, y, z: xp.sum(x * x * y))
        value, grads = function(*self.put((x, y, unused)))
        assert isinstance(grads, tuple), (
            f"value_and_grad: gradients are a {type(grads).__name__}, not a tuple"
        )
        assert self.get(value).shape == () and float(self.get(value)) == 5
        for grad, expected in zip(grads, (2 * x * y, x * x, np.zeros_like(unused)), strict=True):
            assert_same("value_and_grad", self.get(grad), expected)

    def test_gradients_do_not_pile_up(self, dtype: str) -> None:
        """Calling twice, even with the same arrays, gives the same gradient twice."""
        x, xp = self.put(np.array([1.0, -2.0], dtype)), self.ops.xp
        function = self.backend.value_and_grad(lambda x: xp.sum(x * x))
        for _ in range(2):
            _, (grad,) = function(x)
            assert_same("value_and_grad", self.get(grad), np.array([2, -4], dtype))
        _, (grad,) = function(grad)
        assert_same("gradient of a gradient's value", self.get(grad), np.array([4, -8], dtype))

    def test_a_constant_function_has_gradient_zero(self, dtype: str) -> None:
        x, xp = self.put(np.array([[1.0, -2.0]], dtype)), self.ops.xp
        value, (grad,) = self.backend.value_and_grad(lambda x: xp.sum(xp.zeros_like(x)))(x)
        assert float(self.get(value)) == 0
        assert_same("value_and_grad", self.get(grad), np.zeros((1, 2), dtype))
