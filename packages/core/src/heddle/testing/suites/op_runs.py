"""OpRuns: a case of `op_cases` on the engine and on the reference."""

from typing import Any

import numpy as np

from heddle.graphs.graph import Array
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.ops import OpCase
from heddle.testing.compare import assert_close, assert_same
from heddle.testing.gradients import WIDE
from heddle.testing.suites.suite import Suite


class OpRuns(Suite):
    """What the suites of ops share."""

    def run(self, case: OpCase, dtype: str) -> np.ndarray:
        """Compute a case on the engine, its floats in `dtype`; return the result in numpy, of the case's shape."""
        out = case.apply(self.ops, self.put(case.indices), *self.put(rounded(case, dtype)))
        return self.get(out)

    def gradients(
        self, case: OpCase, dtype: str, cotangent: np.ndarray, floats: Any = None, indices: Any = None
    ) -> list[np.ndarray]:
        """Return the engine's gradient of sum(cotangent * result) in every float input, of its shape.

        Infinities of the result are left out.

        Args:
            cotangent: of the result's shape.
            floats, indices: on the engine, in place of the case's own.
        """
        floats = self.put(rounded(case, dtype)) if floats is None else floats
        indices = self.put(case.indices) if indices is None else indices
        weights, ops = self.put(cotangent), self.ops

        def scalar(*x: Array) -> Array:
            return self.weighted(case.apply(ops, indices, *x), weights)

        _, grads = self.backend.value_and_grad(scalar)(*floats)
        return [self.get(grad) for grad in grads]

    def weighted(self, out: Array, weights: Array) -> Array:
        """Return sum(weights * out), a scalar, of two of the engine's arrays of one shape, infinities left out."""
        xp = self.ops.xp
        return xp.sum(xp.where(xp.isfinite(out), out, xp.zeros_like(out)) * weights)


def rounded(case: OpCase, dtype: str) -> tuple[np.ndarray, ...]:
    """Return a case's float inputs, of their shapes, in `dtype`."""
    return tuple(array.astype(dtype) for array in case.floats)


def reference(case: OpCase, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what NumpyOps makes of the inputs rounded to `dtype`, in that dtype and in the widest one."""
    floats = rounded(case, dtype)
    naive = case.apply(NumpyOps(), case.indices, *floats)
    return naive, case.apply(NumpyOps(), case.indices, *(array.astype(WIDE) for array in floats))


def assert_values(case: OpCase, actual: np.ndarray, dtype: str) -> None:
    """Check an engine's result, of the case's shape, against the reference; to the bit where the op only picks.

    Raises:
        AssertionError: it differs by more than `dtype` explains.
    """
    naive, expected = reference(case, dtype)
    if case.exact:
        assert_same(f"{case.name}, {dtype}", actual, naive)
    else:
        assert_close(f"{case.name}, {dtype}", actual, expected, naive, dtype)
