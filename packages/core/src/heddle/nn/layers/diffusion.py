"""Diffusion convolution: random walks along the edges and against them, a matrix of weights for each step."""

from dataclasses import dataclass

from heddle.errors import ConfigError
from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec, aggregate

_OUT = PropagationSpec(
    "sum", "mean", transposed=True
)  # P_o = D_O^-1 W: a node gathers from the nodes it sends to
_IN = PropagationSpec("sum", "mean")  # P_i = D_I^-1 W^T: a node gathers from its senders


@dataclass(frozen=True)
class DiffusionConv:
    """y = x W_0 + sum over k = 1 .. steps of (P_o^k x W_k + P_i^k x W_{steps+k}) + b.

    Source: Li et al., Diffusion Convolutional Recurrent Neural Network (2018), eq. 2, with W the edge weights
    (sender, receiver), P_o = D_O^-1 W, P_i = D_I^-1 W^T and one identity term instead of one per direction. A node
    without outgoing (incoming) weight gets 0 from that direction's walk.

    Attributes:
        steps: longest walk, the paper's K - 1; 0 uses no edges at all.
    """

    in_dim: int
    out_dim: int
    steps: int = 2
    bias: bool = True

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ConfigError(
                f"DiffusionConv: found steps {self.steps}, expected 0 or more; 0 is a linear layer"
            )

    def params(self) -> dict[str, ParamSpec]:
        specs = {"weight": ParamSpec((2 * self.steps + 1, self.in_dim, self.out_dim))}
        return specs | ({"bias": ParamSpec((self.out_dim,), "zeros")} if self.bias else {})

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_OUT, _IN)

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> tuple[Array, ...]:
        """Return P_o x, ..., P_o^steps x, P_i x, ..., P_i^steps x, each of the shape of x [n_nodes, ..., in_dim]."""
        terms = []
        for spec in self.specs():
            walked = x
            for _ in range(self.steps):
                walked = aggregate(ops, propagations[spec.signature], walked)
                terms.append(walked)
        return tuple(terms)

    def update(self, ops: GraphOps, params: Params, x: Array, messages: tuple[Array, ...]) -> Array:
        y = x @ params["weight"][0, ...]
        for k, term in enumerate(messages, start=1):
            y = y + term @ params["weight"][k, ...]
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
        y = x @ params["weight"][0, ...]
        if self.steps:
            for first, spec in ((1, _OUT), (1 + self.steps, _IN)):
                y = y + self._horner(ops, params["weight"], propagations[spec.signature], x, first)
        return y + along(ops, params["bias"], y) if self.bias else y

    def _horner(self, ops: GraphOps, weight: Array, propagation: Propagation, x: Array, first: int) -> Array:
        """Return P (x W_first + P (x W_{first+1} + ...)), which walks on out_dim columns."""
        walked = None
        for k in range(first + self.steps - 1, first - 1, -1):
            term = x @ weight[k, ...]
            walked = aggregate(ops, propagation, term if walked is None else term + walked)
        return walked
