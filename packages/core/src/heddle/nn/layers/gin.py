"""GIN: the sum of neighbours through an MLP, as powerful as the Weisfeiler-Lehman test."""

from dataclasses import dataclass

from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.layers.mlp import MLP
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec, aggregate

_SUM = PropagationSpec("sum", "none")


@dataclass(frozen=True)
class GIN:
    """y = MLP((1 + eps) x + sum of the senders' x), with eps trained from 0.

    Source: Xu et al., How Powerful are Graph Neural Networks? (2019), eq. 4.1. `norm` puts layer normalisation
    inside the MLP, where the paper has batch normalisation.
    """

    in_dim: int
    out_dim: int
    hidden: int = 0  # width inside the MLP; 0 means out_dim
    norm: bool = True

    @property
    def _mlp(self) -> MLP:
        return MLP((self.in_dim, self.hidden or self.out_dim, self.out_dim), norm=self.norm)

    def params(self) -> dict[str, ParamSpec]:
        return {"eps": ParamSpec((1,), "zeros")} | prefixed("mlp", self._mlp.params())

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_SUM,)

    @property
    def sums_inputs(self) -> bool:
        return True

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> Array:
        return aggregate(ops, propagations[_SUM.signature], x)

    def update(self, ops: GraphOps, params: Params, x: Array, messages: Array) -> Array:
        return self._mlp.apply(ops, scoped("mlp", params), (1 + along(ops, params["eps"], x)) * x + messages)

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        return self.update(ops, params, x, self.aggregate(ops, propagations, x))

    def apply_block(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        receiver_x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        return self.update(ops, params, receiver_x, self.aggregate(ops, propagations, x))
