"""LayerLaws: the order of nodes, a batch's other graphs and padding change nothing, whatever the layer."""

from typing import Any

import numpy as np
import pytest

from heddle.graphs.pytree import leaves, tree_map
from heddle.testing.cases.graphs import graph_of, hetero_case, square_cases
from heddle.testing.cases.layers import LayerCase, layer_cases
from heddle.testing.cases.transforms import Moved, batched, padded, permuted, take
from heddle.testing.compare import assert_directions_agree
from heddle.testing.dtypes import in_dtype
from heddle.testing.suites.layer_runs import LayerRuns, flat, reference_of, run_of, values_of

CASES = layer_cases()
DTYPE = "float32"


def graphs_for(case: LayerCase) -> list[Any]:
    """Return graphs that a layer is batched from: heterogeneous ones with features on every type."""
    if case.hetero is not None:
        return [hetero_case(case.hetero, featured=True, seed=seed) for seed in range(3)]
    return [graph_of(edges) for edges in square_cases() if edges.name != "hub"]


each_layer = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


class LayerLaws(LayerRuns):
    """Part of `LayersSuite`: each result is compared with NumpyOps on the graph as it was."""

    @each_layer
    def test_permutation_equivariance(self, case: LayerCase) -> None:
        """Nodes in another order give the same new features in that order."""
        run = run_of(case, graphs_for(case)[-1])
        moved, values = permuted(run.graph), values_of(run, DTYPE)
        self.assert_values(case.name, self.compute(run, DTYPE), values, DTYPE)
        actual = take(self.compute(run_of(case, moved.graph), DTYPE), moved.rows)
        self.assert_values(f"{case.name}, permuted", actual, values, DTYPE)

    @each_layer
    def test_batching_equals_separately(self, case: LayerCase) -> None:
        """A batch gives each graph, empty ones too, what it gets alone."""
        graphs = graphs_for(case)
        joined, positions = batched(graphs)
        outputs = self.compute(run_of(case, joined), DTYPE)
        for position, (graph, rows) in enumerate(zip(graphs, positions)):
            values = values_of(run_of(case, graph), DTYPE)
            what = f"{case.name}, graph {position} of a batch"
            self.assert_values(what, take(outputs, rows), values, DTYPE)

    @each_layer
    def test_padding_is_inert(self, case: LayerCase) -> None:
        """Padding changes no real node's value, no gradient, and has gradient 0 itself."""
        run = run_of(case, graphs_for(case)[-1])
        moved = padded(run.graph)
        wide = run_of(case, moved.graph)
        values = values_of(run, DTYPE)
        outputs = self.compute(wide, DTYPE)
        self.assert_values(f"{case.name}, padded", take(outputs, moved.rows), values, DTYPE)
        cotangent = _random(outputs, moved)
        grads = self.gradients(wide, DTYPE, flat(cotangent))
        real = _real(case, grads, moved, f"{case.name}, padded")
        reference = reference_of(run, DTYPE)

        def function(*x: np.ndarray) -> np.ndarray:
            return flat(reference(*x))

        naive, expected = (flat(one) for one in values)
        kept = flat(take(cotangent, moved.rows))
        floats = in_dtype(run.floats, DTYPE)
        assert_directions_agree(f"{case.name}, padded", function, floats, real, kept, (naive, expected))


def _random(outputs: Any, moved: Moved) -> Any:
    """Return random numbers of the outputs' shape, 0 for what is padding."""
    rng = np.random.default_rng(0)
    real = take(tree_map(lambda x: np.arange(len(x)), outputs), moved.rows)

    def draw(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        drawn = np.zeros_like(array)
        drawn[rows] = rng.standard_normal((len(rows), *array.shape[1:]))
        return drawn

    return tree_map(draw, outputs, real)


def _real(case: LayerCase, grads: list[np.ndarray], moved: Moved, what: str) -> list[np.ndarray]:
    """Return the gradients' real rows, after checking that the others are 0."""
    count = len(case.params)
    rest = iter(grads[count:])
    fields = {name: tree_map(lambda _: next(rest), getattr(moved.graph, name)) for name in case.inputs}
    kept = leaves(take(fields, moved.rows))
    for padded_grad, real in zip(leaves(fields), kept, strict=True):
        padding = padded_grad[len(real) :]
        assert (padding == 0).all(), f"{what}: padding has the gradient {padding}, expected 0"
    return [*grads[:count], *kept]
