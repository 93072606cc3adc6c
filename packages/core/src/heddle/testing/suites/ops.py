"""OpsSuite: every primitive and derived op against NumpyOps, in values and gradients."""

import numpy as np
import pytest

from heddle.graphs.graph import Array
from heddle.graphs.pytree import leaves, tree_map
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.ops import OpCase, op_cases
from heddle.testing.compare import assert_directions_agree, assert_gradient_close, assert_same
from heddle.testing.gradients import WIDE, jacobian
from heddle.testing.suites.op_runs import assert_values, reference, rounded
from heddle.testing.suites.ops_contract import OpsContract
from heddle.testing.suites.ops_large import LargeOps

CASES = op_cases()
SMOOTH = tuple(case for case in CASES if case.smooth)
PLAIN = tuple(case for case in CASES if "/odd/" in case.name or "/moderate" in case.name)
SMALL = 64
"""Inputs of up to this many entries have every entry of their gradient checked."""


def each(cases: tuple[OpCase, ...]) -> pytest.MarkDecorator:
    """Parametrize a test over cases, by name."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


class OpsSuite(OpsContract, LargeOps):
    """Ops on every structure of `graphs.edge_cases`, in every float dtype of the backend.

    `OpsContract` holds rules of single ops, `LargeOps` graphs of thousands of edges.
    """

    @each(CASES)
    def test_values(self, case: OpCase, dtype: str) -> None:
        assert_values(case, self.run(case, dtype), dtype)

    @each(SMOOTH)
    def test_gradients(self, case: OpCase, dtype: str) -> None:
        """The gradient of a random sum of the outputs: every entry in small cases, else along random directions."""
        floats, values = rounded(case, dtype), reference(case, dtype)
        cotangent = np.random.default_rng(0).standard_normal(values[0].shape).astype(dtype)
        grads = self.gradients(case, dtype, cotangent)
        for grad, array in zip(grads, floats, strict=True):
            assert grad.shape == array.shape, (
                f"{case.name}: gradient has shape {grad.shape}, not {array.shape}"
            )
            assert grad.dtype == array.dtype, (
                f"{case.name}: gradient has dtype {grad.dtype}, not {array.dtype}"
            )

        def function(*x: np.ndarray) -> np.ndarray:
            result: np.ndarray = case.apply(NumpyOps(), case.indices, *x)
            return result

        if case.n_entries <= SMALL:
            for grad, rows in zip(grads, jacobian(function, floats)):
                wanted = np.tensordot(cotangent.astype(WIDE), rows, axes=cotangent.ndim)
                assert_gradient_close(f"{case.name}, {dtype}", grad, wanted, values, dtype)
        else:
            assert_directions_agree(f"{case.name}, {dtype}", function, floats, grads, cotangent, values)

    @each(PLAIN)
    @pytest.mark.parametrize("ids", ["int32", "int64"])
    def test_ids_of_either_width(self, case: OpCase, ids: str) -> None:
        cast = case._replace(indices=tree_map(lambda array: array.astype(ids), case.indices))
        assert_values(case, self.run(cast, "float32"), "float32")

    @each(PLAIN)
    def test_strided_inputs(self, case: OpCase) -> None:
        """Views with gaps between their entries, and transposed ones, where the engine has them."""
        for strided in (self._with_gaps, self._transposed):
            floats = [strided(array) for array in rounded(case, "float32")]
            indices = tree_map(self._with_gaps, case.indices)
            assert_values(case, self.get(case.apply(self.ops, indices, *floats)), "float32")

    @each(PLAIN)
    def test_inputs_are_left_alone(self, case: OpCase) -> None:
        """No op writes into its inputs, nor returns their memory for the caller to write into."""
        floats, indices = self.put(rounded(case, "float32")), self.put(case.indices)
        before = [self.get(array) for array in leaves((floats, indices))]
        out = case.apply(self.ops, indices, *floats)
        self.gradients(case, "float32", np.ones(out.shape, "float32"), floats, indices)
        for array, kept in zip(leaves((floats, indices)), before, strict=True):
            assert_same(f"{case.name}: an input after the op", self.get(array), kept)
        if case.name.startswith("activate/none"):
            return
        result = self.view(out)
        for array in floats:
            shares = np.shares_memory(result, self.view(array)) and result.flags.writeable
            assert not shares, f"{case.name}: the result shares memory with an input; return a new array"

    def _with_gaps(self, array: np.ndarray) -> Array:
        return self.put(np.repeat(array, 2, axis=0))[::2, ...]

    def _transposed(self, array: np.ndarray) -> Array:
        axes = tuple(reversed(range(array.ndim)))
        return self.ops.xp.permute_dims(self.put(np.ascontiguousarray(array.transpose(axes))), axes)
