"""Linear: a layer that sees no edges, so that a baseline is one word away from a GNN."""

from dataclasses import dataclass

from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec


@dataclass(frozen=True)
class Linear:
    """y = x W + b."""

    in_dim: int
    out_dim: int

    def params(self) -> dict[str, ParamSpec]:
        return {"weight": ParamSpec((self.in_dim, self.out_dim)), "bias": ParamSpec((self.out_dim,), "zeros")}

    def specs(self) -> tuple[PropagationSpec, ...]:
        return ()

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        y = ops.matmul(x, params["weight"])
        return y + along(ops, params["bias"], y)
