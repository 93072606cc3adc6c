"""LargeOps: graphs of thousands of edges, where implementations split their work and change their ways."""

import numpy as np
import pytest

from heddle.graphs.graph import Array
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.ops import OpCase, large_cases
from heddle.testing.compare import assert_gradient_close
from heddle.testing.gradients import WIDE, directional
from heddle.testing.suites.op_runs import OpRuns, assert_values, reference, rounded

CASES = large_cases()
SMOOTH = tuple(case for case in CASES if case.smooth)


def each(cases: tuple[OpCase, ...]) -> pytest.MarkDecorator:
    """Parametrize a test over cases, by the op's name."""
    return pytest.mark.parametrize("case", cases, ids=[case.name.partition("/")[0] for case in cases])


class LargeOps(OpRuns):
    """Part of `OpsSuite`: every op on `graphs.large_edges`."""

    @each(CASES)
    def test_values_of_large_graphs(self, case: OpCase, dtype: str) -> None:
        assert_values(case, self.run(case, dtype), dtype)

    @each(SMOOTH)
    def test_gradients_of_large_graphs(self, case: OpCase, dtype: str) -> None:
        """The derivative in t at x + t direction, by the engine's own gradient: two evaluations for the reference."""
        floats, values, rng = rounded(case, dtype), reference(case, dtype), np.random.default_rng(2)
        direction = [rng.choice([-1.0, 1.0], array.shape).astype(dtype) for array in floats]
        cotangent = rng.standard_normal(values[0].shape).astype(dtype)
        slope = directional(lambda *x: case.apply(NumpyOps(), case.indices, *x), floats, direction)
        parts = slope * cotangent.astype(WIDE)
        size = max(1.0, float(np.abs(parts).sum()))
        actual = np.asarray(self._slope(case, floats, direction, cotangent, dtype) / size, dtype)
        assert_gradient_close(f"{case.name}, {dtype}", actual, np.asarray(parts.sum() / size), values, dtype)

    def _slope(
        self,
        case: OpCase,
        floats: tuple[np.ndarray, ...],
        direction: list[np.ndarray],
        cotangent: np.ndarray,
        dtype: str,
    ) -> float:
        ops, indices = self.ops, self.put(case.indices)
        start, ways, weights = self.put((list(floats), direction, cotangent))

        def line(t: Array) -> Array:
            moved = [x + ops.xp.reshape(t, (1,) * x.ndim) * way for x, way in zip(start, ways)]
            return self.weighted(case.apply(ops, indices, *moved), weights)

        _, (grad,) = self.backend.value_and_grad(line)(self.put(np.zeros(1, dtype)))
        return float(self.get(grad)[0])
