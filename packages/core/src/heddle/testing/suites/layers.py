"""LayersSuite: every portable layer on the engine against NumpyOps, in values and gradients, and layers' laws."""

from typing import Any

import numpy as np
import pytest

from heddle.testing.cases.graphs import graph_of, hetero_case, square_cases
from heddle.testing.cases.layers import LayerCase, layer_cases
from heddle.testing.compare import assert_directions_agree
from heddle.testing.dtypes import in_dtype
from heddle.testing.suites.layer_laws import LayerLaws
from heddle.testing.suites.layer_runs import LayerRuns, flat, reference_of, run_of, values_of

VALUE_GRAPHS = ("empty", "one_loop", "isolated", "loops_and_repeats", "odd", "hub")
"""The other graphs come in the batch of `LayerLaws.test_batching_equals_separately`."""

GRADIENT_GRAPHS = ("empty", "isolated", "loops_and_repeats", "odd", "hetero", "hetero_featured")


def runs() -> dict[str, tuple[LayerCase, Any]]:
    """Return every layer on every graph it is for, by name."""
    pairs: dict[str, tuple[LayerCase, Any]] = {}
    for case in layer_cases():
        if case.hetero is None:
            graphs = {edges.name: graph_of(edges) for edges in square_cases()}
            pairs |= {f"{case.name}-{name}": (case, graphs[name]) for name in VALUE_GRAPHS}
        else:
            pairs[f"{case.name}-hetero"] = (case, hetero_case(case.hetero))
            pairs[f"{case.name}-hetero_featured"] = (case, hetero_case(case.hetero, featured=True))
    return pairs


RUNS = runs()
SMOOTH = [name for name in RUNS if name.endswith(tuple(f"-{graph}" for graph in GRADIENT_GRAPHS))]
SPLIT = [name for name in SMOOTH if RUNS[name][0].split is not None]


class LayerValues(LayerRuns):
    """Layers of `layer_cases` on the graphs of `graphs`."""

    @pytest.mark.parametrize("name", RUNS)
    def test_values(self, name: str, dtype: str) -> None:
        run = run_of(*RUNS[name])
        self.assert_values(name, self.compute(run, dtype), values_of(run, dtype), dtype)

    @pytest.mark.parametrize("name", SPLIT)
    def test_apply_is_update_of_aggregate(self, name: str) -> None:
        run = run_of(*RUNS[name])
        actual = self.compute(run, "float32", run.case.split)
        self.assert_values(name, actual, values_of(run, "float32"), "float32")

    @pytest.mark.parametrize("name", SMOOTH)
    def test_gradients(self, name: str, dtype: str) -> None:
        """In every parameter and every feature, along random directions."""
        run = run_of(*RUNS[name])
        floats, reference = in_dtype(run.floats, dtype), reference_of(run, dtype)
        naive, expected = (flat(outputs) for outputs in values_of(run, dtype))
        cotangent = np.random.default_rng(0).standard_normal(naive.shape).astype(dtype)
        grads = self.gradients(run, dtype, cotangent)
        for grad, array in zip(grads, floats, strict=True):
            assert grad.shape == array.shape and grad.dtype == array.dtype

        def function(*x: np.ndarray) -> np.ndarray:
            return flat(reference(*x))

        assert_directions_agree(f"{name}, {dtype}", function, floats, grads, cotangent, (naive, expected))


class LayersSuite(LayerValues, LayerLaws):
    """What layers make, `LayerValues`, and what changes nothing in it, `LayerLaws`."""
