"""What a portable layer is: a frozen description with pure functions on any engine's arrays."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from heddle.graphs.graph import Array, EdgeType
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec
from heddle.ops.relational.bundle import Bundles

Params = Mapping[str, Array]
Propagations = Mapping[str, Any]
"""signature of a PropagationSpec -> its Propagation in an engine's arrays; of layers that `SumsInputs` Received too."""

Dropout = Callable[[Array, float], Array]
"""(x, rate) -> x with entries zeroed at `rate` and the rest scaled by 1 / (1 - rate)."""


def no_dropout(x: Array, rate: float) -> Array:
    """Return x, of any shape: what prediction uses."""
    return x


def along(ops: GraphOps, value: Array, x: Array) -> Array:
    """Return `value` [d] with as many axes as x [..., d], the new ones leading: some engines don't promote ranks."""
    return ops.xp.reshape(value, (1,) * (x.ndim - value.ndim) + tuple(value.shape))


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

    def specs(self) -> tuple[PropagationSpec, ...]:
        """Name the propagations that `apply` looks up; the model prepares each once per graph."""
        ...

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        """Return the new node features: [n_nodes, ..., in_dim] -> [n_nodes, ..., out_dim].

        Args:
            params: as `params()` names them, without a prefix.
            propagations: signature -> Propagation, those that `specs()` asks for.
        """
        ...


@runtime_checkable
class BlockLayer(Layer, Protocol):
    """A layer that can be taken on a block: senders that are more than the receivers, which come first among them."""

    def apply_block(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        receiver_x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        """Return the receivers' new features, from x [n_senders, in_dim] and receiver_x, its first n_receivers rows."""
        ...


@runtime_checkable
class SumsInputs(Protocol):
    """A layer of blocks that takes `Received` in place of a Propagation: it needs only sums over its senders."""

    @property
    def sums_inputs(self) -> bool:
        """Whether it does, with its settings."""
        ...


@runtime_checkable
class Aggregates(Protocol):
    """What a layer has whose aggregation has no parameters: `apply` equals `update` of `aggregate`.

    The split is what a cache may use: `aggregate` depends on the graph and x alone. Methods alone, so that
    `issubclass(type(layer), Aggregates)` can be asked at each step.
    """

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> Any:
        """Return the aggregated messages, [n_nodes, ...] or a tuple of such."""
        ...

    def update(self, ops: GraphOps, params: Params, x: Array, messages: Any) -> Array:
        """Return the new node features [n_nodes, ..., out_dim].

        Args:
            x: the old ones, [n_nodes, ..., in_dim].
            messages: what `aggregate` made of x.
        """
        ...


@runtime_checkable
class AggregatingLayer(Layer, Aggregates, Protocol):
    """A layer whose aggregation has no parameters."""


@runtime_checkable
class HeteroLayer(Protocol):
    """One round of message passing over the relations of a HeteroGraph, written on Propagations as `Layer` is.

    Relations are named by `relation_key`, in `specs`, in `propagations` and inside parameter names.
    """

    @property
    def out_dim(self) -> int: ...

    @property
    def relations(self) -> tuple[EdgeType, ...]:
        """Name the relations that messages follow, sorted."""
        ...

    def params(self) -> dict[str, ParamSpec]: ...

    def specs(self) -> dict[str, PropagationSpec]:
        """Name the propagation that `apply` looks up for each relation: relation_key -> spec."""
        ...

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Mapping[str, Propagation],
        x: Mapping[str, Array | None],
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        """Return node type -> [n_nodes of the type, out_dim] for every type that has a new value.

        Args:
            propagations: relation_key -> Propagation of its spec, senders and receivers of two types; a relation of the
                layer that the graph lacks may be left out.
            x: node type -> [n_nodes of the type, in_dim of the type], or None for a type without features; a
                type that is left out sends nothing and has no root.
        """
        ...


@runtime_checkable
class HeteroBlockLayer(HeteroLayer, Protocol):
    """A HeteroLayer that can be taken on a block, as a `BlockLayer` can."""

    def apply_block(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Mapping[str, Propagation],
        x: Mapping[str, Array | None],
        receiver_x: Mapping[str, Array | None],
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        """Return the receivers' new features, node type -> [n_receivers, out_dim].

        Args:
            propagations: `relation_key` -> Propagation from the relation's senders to its receivers.
            x: node type -> [n_senders, in_dim], None for a type without features.
            receiver_x: node type -> [n_receivers, in_dim], None for a type without features.
        """
        ...


class Terms(NamedTuple):
    """A layer as one formula: y[t] = x[t] root[t] + bias[t] + sum over relations r into t of mean_r(x[s]) weight[r].

    Attributes:
        weights: relation -> [in, out].
        roots: node type -> [in, out]; types without one are left out.
        biases: node type -> [out]; types without one are left out.
    """

    weights: Mapping[EdgeType, Array]
    roots: Mapping[str, Array]
    biases: Mapping[str, Array]

    @property
    def out_dim(self) -> int:
        """The width of y."""
        return int(next(iter([*self.weights.values(), *self.roots.values()])).shape[1])


@runtime_checkable
class AveragingLayer(HeteroLayer, Protocol):
    """A HeteroLayer that is nothing but `Terms`, so that one kernel computes any of them."""

    def terms(self, ops: GraphOps, params: Params) -> Terms:
        """Return the layer's terms; what `apply` gives, up to round-off."""
        ...


class BundledLayer(HeteroLayer, Protocol):
    """A HeteroLayer that is a sum over relations, so that each can be taken the way that costs least.

    `apply_bundles` equals `apply`, up to round-off, whatever the plan.
    """

    def shapes(self, featureless: Collection[str] = ()) -> dict[EdgeType, tuple[int, int]]:
        """Return relation -> (columns before, columns after its weight), 0 before for a type without features."""
        ...

    def apply_bundles(
        self,
        ops: GraphOps,
        params: Params,
        bundles: Bundles,
        x: Mapping[str, Array | None],
        dropout: Dropout = no_dropout,
        activation: str = "none",
    ) -> dict[str, Array]:
        """Return the activation of what `apply` returns: node type -> [n_nodes, out_dim].

        Args:
            bundles: the relations, as `heddle.nn.bundles` prepared them.
            x: node type -> [n_nodes, in_dim], None for a type without features.
            activation: as in `GraphOps.activate`.
        """
        ...


def relation_key(edge_type: EdgeType) -> str:
    """Name a relation in one string of letters, digits, "_", "-" and two dots; no two relations share one.

    Any other character becomes its code point in hex between dashes, so that the key fits into a parameter's name,
    a TOML key and a safetensors header alike.

    >>> relation_key(("paper", "written_by", "author"))
    'paper.written_by.author'
    >>> relation_key(("a", "is-a", "b"))
    'a.is-2d-a.b'
    """
    return ".".join(portable_name(part) for part in edge_type)


def portable_name(name: str) -> str:
    """Return `name` with all but ASCII letters, digits and "_" escaped as in `relation_key`; "" gives "--"."""
    return re.sub(r"[^A-Za-z0-9_]", lambda match: f"-{ord(match[0]):x}-", name) or "--"
