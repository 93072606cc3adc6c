"""MLP: linear layers with an activation between, used inside other layers and as heads."""

from dataclasses import dataclass

from heddle.graphs.graph import Array
from heddle.nn.layers.base import Params, along
from heddle.nn.layers.norm import layer_norm
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps


@dataclass(frozen=True)
class MLP:
    """x -> linear, (layer norm,) activation, linear ... over the last axis; `dims` = (in, hidden ..., out)."""

    dims: tuple[int, ...]
    activation: str = "relu"
    norm: bool = False

    def params(self) -> dict[str, ParamSpec]:
        specs: dict[str, ParamSpec] = {}
        for i, (fan_in, fan_out) in enumerate(zip(self.dims[:-1], self.dims[1:])):
            specs[f"{i}.weight"] = ParamSpec((fan_in, fan_out))
            specs[f"{i}.bias"] = ParamSpec((fan_out,), "zeros")
            if self.norm and i < len(self.dims) - 2:
                specs[f"{i}.scale"] = ParamSpec((fan_out,), "ones")
                specs[f"{i}.shift"] = ParamSpec((fan_out,), "zeros")
        return specs

    def apply(self, ops: GraphOps, params: Params, x: Array) -> Array:
        return self.finish(ops, params, self._linear(ops, params, 0, x))

    def finish(self, ops: GraphOps, params: Params, x: Array) -> Array:
        """Return what follows the first linear layer: its result [n, dims[1]] -> [n, dims[-1]].

        For callers who compute the first layer in parts.
        """
        last = len(self.dims) - 2
        for i in range(last + 1):
            if i > 0:
                x = self._linear(ops, params, i, x)
            if i < last:
                if self.norm:
                    x = layer_norm(ops, x, params[f"{i}.scale"], params[f"{i}.shift"])
                x = ops.activate(x, self.activation)
        return x

    def _linear(self, ops: GraphOps, params: Params, i: int, x: Array) -> Array:
        y = ops.matmul(x, params[f"{i}.weight"])
        return y + along(ops, params[f"{i}.bias"], y)
