"""What a portable layer is: a frozen description with pure functions on any engine's arrays."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from heddle.graph import Array
from heddle.ops import GraphOps
from heddle.params import ParamSpec
from heddle.support import AggregateSpec, Support

Params = Mapping[str, Array]
Supports = Mapping[str, Support]
"""signature of an AggregateSpec -> its Support in the engine's arrays."""

Dropout = Callable[[Array, float], Array]
"""(x, rate) -> x with entries zeroed at `rate` and the rest scaled by 1 / (1 - rate)."""


def no_dropout(x: Array, rate: float) -> Array:
    """Return x: what prediction uses."""
    return x


class Layer(Protocol):
    """One round of message passing on node features [n_nodes, in_dim] -> [n_nodes, out_dim].

    Layers are frozen dataclasses: their fields are their hyperparameters, so they hash, compare and close over
    nothing. Where the aggregation has no parameters a layer is an `AggregatingLayer`.
    """

    @property
    def out_dim(self) -> int: ...

    def params(self) -> dict[str, ParamSpec]:
        """Describe the parameters by name."""
        ...

    def specs(self) -> tuple[AggregateSpec, ...]:
        """Name the supports that `apply` looks up; the model prepares each once per graph."""
        ...

    def apply(
        self, ops: GraphOps, params: Params, supports: Supports, x: Array, dropout: Dropout = no_dropout
    ) -> Array:
        """Return the new node features."""
        ...


class AggregatingLayer(Layer, Protocol):
    """A layer whose aggregation has no parameters: `apply` equals `update` of `aggregate`.

    The split is what a cache may use: `aggregate` depends on the graph and x alone.
    """

    def aggregate(self, ops: GraphOps, supports: Supports, x: Array) -> Any:
        """Return the aggregated messages, [n_nodes, ...] or a tuple of such."""
        ...

    def update(self, ops: GraphOps, params: Params, x: Array, messages: Any) -> Array:
        """Return the new node features from the old and the messages."""
        ...
