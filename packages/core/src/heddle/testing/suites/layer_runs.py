"""Run: a layer on a graph as a function of its parameters and features, on any engine's arrays."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import Array, Graph
from heddle.graphs.pytree import leaves, tree_map
from heddle.ops.graph_ops import GraphOps
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.layers import Apply, LayerCase
from heddle.testing.compare import assert_close
from heddle.testing.dtypes import in_dtype
from heddle.testing.gradients import WIDE
from heddle.testing.suites.suite import Suite

Outputs = dict[str, Any]
"""What a layer makes, by field of the graph: "nodes", and "edges" and "globals" where it makes those."""


class Run(NamedTuple):
    """A layer on one graph, all in numpy.

    Attributes:
        case: the layer.
        graph: its features in float32.
        prepared: `case.prepare(graph)`.
        floats: parameters in the order of `case.params`, then the features of `case.inputs`, leaf by leaf.
    """

    case: LayerCase
    graph: Any
    prepared: Any
    floats: list[np.ndarray]


def run_of(case: LayerCase, graph: Any) -> Run:
    """Return a layer with random parameters, biases too, on a graph."""
    params = [
        np.random.default_rng([position, *spec.shape]).standard_normal(spec.shape).astype(np.float32) / 2
        for position, spec in enumerate(case.params.values())
    ]
    features = leaves([getattr(graph, field) for field in case.inputs])
    return Run(case, graph, case.prepare(graph), params + features)


def function_of(
    run: Run, ops: GraphOps, graph: Any, prepared: Any, apply: Apply | None = None
) -> Callable[..., Outputs]:
    """Return (*floats) -> what the layer makes of `graph` and `prepared`, which hold arrays of `ops`."""

    def function(*floats: Array) -> Outputs:
        params = dict(zip(run.case.params, floats))
        rest = iter(floats[len(params) :])
        fields = {field: tree_map(lambda _: next(rest), getattr(graph, field)) for field in run.case.inputs}
        out = (apply or run.case.apply)(ops, params, prepared, graph._replace(**fields))
        if isinstance(out, Graph):
            return {"nodes": out.nodes, "edges": out.edges, "globals": out.globals}
        return {"nodes": out}

    return function


def reference_of(run: Run, dtype: str) -> Callable[..., Outputs]:
    """Return the layer on NumpyOps, on constants rounded to `dtype` and then taken in the dtype of the floats."""

    def function(*floats: np.ndarray) -> Outputs:
        wide = floats[0].dtype if floats else WIDE
        graph, prepared = (in_dtype(in_dtype(pytree, dtype), wide) for pytree in (run.graph, run.prepared))
        return function_of(run, NumpyOps(), graph, prepared)(*floats)

    return function


def values_of(run: Run, dtype: str) -> tuple[Outputs, Outputs]:
    """Return what NumpyOps makes of the inputs rounded to `dtype`: in that dtype, and in the widest one."""
    reference, floats = reference_of(run, dtype), in_dtype(run.floats, dtype)
    return reference(*floats), reference(*in_dtype(floats, WIDE))


def flat(outputs: Any) -> np.ndarray:
    """Return all entries of a pytree of arrays, in its order, as one vector [n]."""
    return np.concatenate([np.ravel(array) for array in leaves(outputs)])


class LayerRuns(Suite):
    """What the suites of layers share: a Run on the engine."""

    def compiled(self, function: Callable[..., Outputs]) -> Callable[..., Outputs]:
        """Return a layer as the engine's programs run it: as it is, which a suite of a compiling engine overrides."""
        return function

    def compute(self, run: Run, dtype: str, apply: Apply | None = None) -> Outputs:
        """Return what the engine makes of a Run, in numpy."""
        out = self.compiled(self._function(run, dtype, apply))(*self.put(run.floats, dtype))
        result: Outputs = tree_map(self.get, out)
        return result

    def gradients(self, run: Run, dtype: str, cotangent: np.ndarray) -> list[np.ndarray]:
        """Return the engine's gradient of sum(cotangent * flat(outputs)) in each of the floats, of its shape.

        Args:
            cotangent: [n] for all n entries of the outputs.
        """
        function, xp = self._function(run, dtype), self.ops.xp
        sizes = [array.size for array in leaves(values_of(run, dtype)[0])]
        weights = [self.put(part) for part in np.split(cotangent, np.cumsum(sizes)[:-1])]

        def scalar(*floats: Array) -> Array:
            made = leaves(function(*floats))
            return sum(xp.sum(xp.reshape(array, (-1,)) * part) for array, part in zip(made, weights))

        _, grads = self.backend.value_and_grad(scalar)(*self.put(run.floats, dtype))
        return [self.get(grad) for grad in grads]

    def assert_values(self, what: str, actual: Outputs, values: tuple[Outputs, Outputs], dtype: str) -> None:
        """Check outputs, array by array, against those of `values_of`."""
        naive, expected = values
        assert list(actual) == list(expected), f"{what}: found {list(actual)}, expected {list(expected)}"
        arrays = (leaves(outputs) for outputs in (actual, expected, naive))
        for position, (one, wanted, plain) in enumerate(zip(*arrays, strict=True)):
            assert_close(f"{what}, output {position}, {dtype}", one, wanted, plain, dtype)

    def _function(self, run: Run, dtype: str, apply: Apply | None = None) -> Callable[..., Outputs]:
        return function_of(run, self.ops, self.put(run.graph, dtype), self.put(run.prepared, dtype), apply)
