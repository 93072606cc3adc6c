"""GraphSAGE: a node's own features and an aggregate of its neighbours, each with its own weights."""

from dataclasses import dataclass

from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec, Received, aggregate


@dataclass(frozen=True)
class SAGE:
    """y = x W_self + agg(x of the senders) W_neighbour + b, with agg the mean or the elementwise maximum.

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs (2017), algorithm 1, written with
    two matrices instead of one on the concatenation. "max" takes the maximum of the features themselves, as most
    libraries do, without the paper's pooling layer. A node without neighbours gets an aggregate of 0.
    """

    in_dim: int
    out_dim: int
    aggregator: str = "mean"
    bias: bool = True

    @property
    def _spec(self) -> PropagationSpec:
        return PropagationSpec("sum", "mean") if self.aggregator == "mean" else PropagationSpec("max", "none")

    def params(self) -> dict[str, ParamSpec]:
        shape = (self.in_dim, self.out_dim)
        specs = {"weight_self": ParamSpec(shape), "weight_neighbour": ParamSpec(shape)}
        return specs | ({"bias": ParamSpec((self.out_dim,), "zeros")} if self.bias else {})

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (self._spec,)

    @property
    def sums_inputs(self) -> bool:
        return self.aggregator == "mean"

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> Array:
        propagation = propagations[self._spec.signature]
        if self.aggregator == "mean":
            return aggregate(ops, propagation, x)
        adjacency = propagation.adjacency
        return ops.segment_max(ops.gather(x, adjacency.senders), adjacency.receivers, adjacency.n_receivers)

    def update(self, ops: GraphOps, params: Params, x: Array, messages: Array) -> Array:
        y = ops.matmul(x, params["weight_self"]) + ops.matmul(messages, params["weight_neighbour"])
        return y + along(ops, params["bias"], y) if self.bias else y

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        return self.apply_block(ops, params, propagations, x, x, dropout)

    def apply_block(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        receiver_x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        received = isinstance(propagations[self._spec.signature], Received)
        if (
            received
            or self.aggregator == "max"
            or self.in_dim <= self.out_dim
            or x.shape[0] > receiver_x.shape[0]
        ):
            return self.update(ops, params, receiver_x, self.aggregate(ops, propagations, x))
        y = ops.matmul(receiver_x, params["weight_self"])
        y = y + self.aggregate(ops, propagations, ops.matmul(x, params["weight_neighbour"]))
        return y + along(ops, params["bias"], y) if self.bias else y
