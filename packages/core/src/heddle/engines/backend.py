"""Backend: what an engine is to the rest of Heddle."""

from collections.abc import Callable
from typing import Any, Protocol

from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.graphs.graph import Array, Graph, HeteroGraph
from heddle.ops.graph_ops import GraphOps


class Backend(Protocol):
    """An engine as a value that is passed along; there is no default and no global one.

    Built by its plugin's loader from the `backend` config node, as in `MyBackend({"name": "mine", "device": "cpu"})`.
    `heddle.testing` proves one. What an engine may do besides (split a graph over devices, export, train scripts ...)
    is a Protocol of `heddle.engines.capabilities` each.
    """

    name: str

    static_shapes: bool
    """Whether each new shape of a batch costs a compilation, so that batches of graphs had better be padded."""

    def ops(self) -> GraphOps:
        """Return the primitives on this engine's arrays."""
        ...

    def value_and_grad(
        self, function: Callable[..., Array]
    ) -> Callable[..., tuple[Array, tuple[Array, ...]]]:
        """Return (*float arrays) -> (function's scalar [], its gradient in each, of the arrays' shapes)."""
        ...

    def program(self, model: Any, task: Any, optim: Optim) -> Program:
        """Build the Program that trains `model` (portable, or native to this engine) for `task`.

        `heddle.engines.optim` checks `optim`, `heddle.engines.optimisers` says what it means. An engine
        without a way of its own returns `heddle.engines.functional.functional_program(self, model, task, optim)`.
        Raises ConfigError for what the engine can't do.
        """
        ...

    def to_native(self, graph: Graph | HeteroGraph) -> Any:
        """Convert a graph to the container that the engine's users know, e.g. `torch_geometric.data.Data`."""
        ...

    def from_native(self, native: Any) -> Graph | HeteroGraph:
        """Convert the engine's own container to a Graph or HeteroGraph of numpy arrays; inverse of `to_native`."""
        ...

    def describe(self) -> dict[str, str]:
        """Return versions and devices as text, for the run folder and `heddle doctor`."""
        ...
