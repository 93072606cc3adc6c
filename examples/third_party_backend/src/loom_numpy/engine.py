"""LoomBackend: the engine as Heddle sees it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import loom_numpy
from heddle.engines.functional import functional_program
from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.errors import ConfigError, HeddleError, nearest
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import tree_map
from loom_numpy.array import Array
from loom_numpy.ops import LoomOps
from loom_numpy.plugin import LoomOptions
from loom_numpy.tape import gradients

PRECISIONS = ("float32", "float64")


class LoomBackend:
    """Numpy alone, on one core. Its own container is the graph with Arrays in it."""

    static_shapes = False

    def __init__(self, options: LoomOptions):
        self.name = options.name or "loom"
        self.precision, self.check_gradients = options.precision, options.check_gradients
        if self.precision not in PRECISIONS:
            hint = nearest(self.precision, PRECISIONS) or "; choose one"
            raise ConfigError(
                f"backend.precision: found {self.precision!r}, expected one of {PRECISIONS}{hint}"
            )

    def ops(self) -> LoomOps:
        return LoomOps()

    def value_and_grad(
        self, function: Callable[..., Array]
    ) -> Callable[..., tuple[Array, tuple[Array, ...]]]:
        def both(*arrays: Array) -> tuple[Array, tuple[Array, ...]]:
            leaves = [Array(array.value, traced=True) for array in arrays]
            value = function(*leaves)
            return Array(value.value), tuple(Array(grad) for grad in gradients(value, leaves))

        return both

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        check = finite if self.check_gradients else None
        return functional_program(self, model, task, optim, np.dtype(self.precision).type, check=check)

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        return tree_map(lambda array: Array(np.array(array)), graph)

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        return tree_map(lambda array: np.array(array.value), native)

    def describe(self) -> dict[str, str]:
        return {
            "loom-numpy": loom_numpy.__version__,
            "numpy": np.__version__,
            "device": f"cpu, {self.precision}",
        }


def finite(grads: Mapping[str, Array], update: int) -> None:
    """Check gradients to be finite. Raises HeddleError, which names the parameter."""
    for name, grad in grads.items():
        if not np.isfinite(grad.value).all():
            raise HeddleError(
                f"loom: found a gradient of {name} that isn't finite in update {update}, expected finite numbers; "
                "lower optim.lr, or set backend.precision=float64"
            )
