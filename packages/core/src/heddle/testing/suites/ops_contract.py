"""OpsContract: rules of single ops that no table shows: ties, masks, conversion, constants."""

from typing import Any

import numpy as np
import pytest

from heddle.errors import HeddleError
from heddle.graphs.graph import Array
from heddle.testing.compare import assert_same
from heddle.testing.namespace import NAMES
from heddle.testing.suites.op_runs import OpRuns
from heddle.testing.suites.suite import view


class OpsContract(OpRuns):
    """Part of `OpsSuite`: each test states one rule and its expected numbers."""

    def test_namespace(self) -> None:
        """`ops.xp` has all that portable code calls of the array API."""
        missing = [name for name in NAMES if not hasattr(self.ops.xp, name)]
        assert not missing, f"ops.xp: found no {', '.join(missing)}; add them as the array API defines them"

    @pytest.mark.parametrize("name, sign", [("segment_max", 1), ("segment_min", -1)])
    def test_ties_share_the_gradient(self, name: str, sign: int, dtype: str) -> None:
        """Of k equal largest entries each gets 1/k of the segment's gradient."""
        data = sign * np.array([2.0, 5.0, 5.0, 1.0, 7.0, 7.0, 7.0, 7.0, 0.0], dtype)
        ids = np.array([0, 0, 0, 0, 2, 2, 2, 2, 3])
        ops, (segments, weights) = self.ops, self.put((ids, np.array([6.0, 5.0, 8.0, 3.0], dtype)))
        _, (grad,) = self.backend.value_and_grad(
            lambda x: ops.xp.sum(getattr(ops, name)(x, segments, 4) * weights)
        )(self.put(data))
        assert_same(name, self.get(grad), np.array([0, 3, 3, 0, 2, 2, 2, 2, 3], dtype))

    def test_an_empty_segment_gives_zero(self, dtype: str) -> None:
        """And not the identity of the reduction, such as -inf for a maximum."""
        data, ids = self.put((np.array([[-3.0, 4.0]], dtype), np.array([1])))
        for name in ("segment_sum", "segment_max", "segment_min", "segment_mean"):
            actual = self.get(getattr(self.ops, name)(data, ids, 3))
            assert_same(name, actual, np.array([[0, 0], [-3, 4], [0, 0]], dtype))
        actual = self.get(self.ops.segment_logsumexp(data, ids, 3))
        assert_same("segment_logsumexp", actual[[0, 2]], np.full((2, 2), -np.inf, dtype))

    @pytest.mark.parametrize("name", ["segment_softmax", "segment_logsumexp"])
    def test_a_masked_segment_has_finite_gradients(self, name: str, dtype: str) -> None:
        """Entries of -inf get gradient 0, in a segment of -inf alone too."""
        data = np.array([-np.inf, -np.inf, 1.0, -np.inf, 3.0], dtype)
        ops, segments = self.ops, self.put(np.array([0, 0, 1, 1, 1]))

        def scalar(x: Array) -> Array:
            y = getattr(ops, name)(x, segments, 2)
            known = ops.xp.where(ops.xp.isfinite(y), y, ops.xp.zeros_like(y))
            return ops.xp.sum(known * known)

        _, (grad,) = self.backend.value_and_grad(scalar)(self.put(data))
        grad = self.get(grad)
        assert np.isfinite(grad).all(), f"{name}: gradient {grad} is not finite"
        assert (grad[[0, 1, 3]] == 0).all(), f"{name}: gradient {grad} is not 0 where the input is -inf"
        assert (grad[[2, 4]] != 0).all(), f"{name}: gradient {grad} is 0 where the input is finite"

    def test_softmax_sums_to_one(self, dtype: str) -> None:
        ids = np.array([2, 0, 2, 2, 0, 4])
        data = np.array([1e4, -1e4, 9e3, 1e4, -1e4, 7.0], dtype)
        actual = self.get(self.ops.segment_softmax(self.put(data), self.put(ids), 5))
        assert_same("segment_softmax", actual, np.array([0.5, 0.5, 0, 0.5, 0.5, 1], dtype))

    def test_stop_gradient(self, dtype: str) -> None:
        """The value stays, its gradient is 0: d/dx of x stop(x) is x."""
        data, ops = np.array([2.0, -3.0], dtype), self.ops
        value, (grad,) = self.backend.value_and_grad(lambda x: ops.xp.sum(x * ops.stop_gradient(x)))(
            self.put(data)
        )
        assert float(self.get(value)) == 13
        assert_same("stop_gradient", self.get(grad), data)

    def test_asarray_takes_the_dtype_of_like(self, dtype: str) -> None:
        """Floats only: ids and masks stay what they are."""
        like = self.put(np.ones(1, dtype))
        for given in ("float32", "float64"):
            actual = self.get(self.ops.asarray(np.array([0.5, -2.0], given), like=like))
            assert_same("asarray", actual, np.array([0.5, -2.0], dtype))
        assert self.get(self.ops.asarray(np.array([1, 2]), like=like)).dtype.kind == "i"
        assert self.get(self.ops.asarray(np.array([True]), like=like)).dtype == np.bool_

    def test_asarray_takes_any_numpy_array(self) -> None:
        """Read-only, reversed, transposed, without entries or without axes."""
        base = np.arange(6, dtype=np.float32).reshape(2, 3)
        frozen = base.copy()
        frozen.flags.writeable = False
        arrays = (frozen, base[::-1], base.T, base[:, ::2], base[:0], np.full((), 3, np.float32))
        for array in arrays:
            assert_same("asarray", self.get(self.ops.asarray(array)), array)

    def test_asarray_never_wraps_a_large_id(self) -> None:
        """An id that the engine's ints can't hold is refused; it never becomes another id in silence."""
        large = np.array([2**40 + 7, 3])
        try:
            actual = self.get(self.ops.asarray(large))
        except HeddleError:
            return
        assert (actual == large).all(), f"asarray: found {actual}, expected {large} or a GraphError"

    def test_unknown_activation(self) -> None:
        with pytest.raises(ValueError, match=r"activation: found 'gelub', expected"):
            self.ops.activate(self.put(np.ones(1, np.float32)), "gelub")

    def view(self, array: Any) -> np.ndarray:
        """Return an engine's array as numpy, of its shape, sharing memory where the engine lets it."""
        return view(self.ops, array)
