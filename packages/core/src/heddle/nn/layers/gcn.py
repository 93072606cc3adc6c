"""GCN: graph convolution by the symmetrically normalised adjacency with loops."""

from dataclasses import dataclass

from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec, aggregate

_GCN = PropagationSpec("sum", "gcn")


@dataclass(frozen=True)
class GCN:
    """y = S x W + b with S = D^-1/2 (A + I) D^-1/2.

    Source: Kipf & Welling, Semi-Supervised Classification with Graph Convolutional Networks (2017), eq. 2.
    A node that has a loop already gets no second one, and edge weights enter A and D.
    """

    in_dim: int
    out_dim: int
    bias: bool = True

    def params(self) -> dict[str, ParamSpec]:
        specs = {"weight": ParamSpec((self.in_dim, self.out_dim))}
        return specs | ({"bias": ParamSpec((self.out_dim,), "zeros")} if self.bias else {})

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_GCN,)

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> Array:
        return aggregate(ops, propagations[_GCN.signature], x)

    def update(self, ops: GraphOps, params: Params, x: Array, messages: Array) -> Array:
        y = ops.matmul(messages, params["weight"])
        return y + along(ops, params["bias"], y) if self.bias else y

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        if self.in_dim <= self.out_dim:
            return self.update(ops, params, x, self.aggregate(ops, propagations, x))
        y = self.aggregate(ops, propagations, ops.matmul(x, params["weight"]))  # S (x W) moves fewer columns
        return y + along(ops, params["bias"], y) if self.bias else y
