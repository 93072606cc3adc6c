"""Linear: a layer that sees no edges, so that a baseline is one word away from a GNN."""

from dataclasses import dataclass

from heddle.graph import Array
from heddle.layers.base import Dropout, Params, Supports, along, no_dropout
from heddle.ops import GraphOps
from heddle.params import ParamSpec
from heddle.support import AggregateSpec


@dataclass(frozen=True)
class Linear:
    """y = x W + b."""

    in_dim: int
    out_dim: int

    def params(self) -> dict[str, ParamSpec]:
        return {"weight": ParamSpec((self.in_dim, self.out_dim)), "bias": ParamSpec((self.out_dim,), "zeros")}

    def specs(self) -> tuple[AggregateSpec, ...]:
        return ()

    def apply(
        self, ops: GraphOps, params: Params, supports: Supports, x: Array, dropout: Dropout = no_dropout
    ) -> Array:
        y = ops.matmul(x, params["weight"])
        return y + along(ops, params["bias"], y)
