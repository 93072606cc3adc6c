"""ReferenceBackend: a whole engine in numpy, slow and obvious, that every suite passes without a framework."""

from collections.abc import Callable
from typing import Any

import numpy as np

from heddle.engines.functional import functional_program
from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.graphs.graph import Array, Graph, HeteroGraph
from heddle.graphs.pytree import tree_map
from heddle.ops.graph_ops import GraphOps
from heddle.options import BackendOptions
from heddle.testing.replay import ReplayOps


class ReferenceBackend:
    """NumpyOps with gradients by central differences: two evaluations a number, so for tiny models only.

    A loopback: it sends a suite through the whole Backend protocol, so that the suite itself can be tested. It is
    also the smallest complete backend to read before writing one.
    """

    static_shapes = False

    def __init__(self, options: BackendOptions | None = None):
        self.name = (options and options.name) or "reference"
        self._ops = ReplayOps()

    def ops(self) -> GraphOps:
        return self._ops

    def value_and_grad(
        self, function: Callable[..., Array]
    ) -> Callable[..., tuple[Array, tuple[Array, ...]]]:
        def both(*args: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
            grads = self._ops.gradient(function, args)
            return np.asarray(function(*args)), tuple(g.astype(a.dtype) for g, a in zip(grads, args))

        return both

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        return functional_program(self, model, task, optim)

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        """Copy a graph; its own container is heddle's."""
        return _copy(graph)

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        result: Graph | HeteroGraph = _copy(native)
        return result

    def describe(self) -> dict[str, str]:
        return {"numpy": np.__version__, "device": "cpu"}


def _copy(graph: Any) -> Any:
    return tree_map(lambda array: np.array(array), graph)
