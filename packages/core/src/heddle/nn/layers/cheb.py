"""Chebyshev convolution: a polynomial of the Laplacian, so that each of its terms reaches one hop further."""

from dataclasses import dataclass

from heddle.errors import ConfigError
from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec, aggregate

_LAPLACIAN = PropagationSpec("sum", "laplacian")


@dataclass(frozen=True)
class ChebConv:
    """y = sum over k < order of T_k(L) x W_k + b, with T_0 = 1, T_1 = L, T_k = 2 L T_{k-1} - T_{k-2}.

    Source: Defferrard et al., Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering
    (2016), eq. 4, with L the scaled Laplacian for lambda_max = 2, which is -D^-1/2 A D^-1/2 (see `PropagationSpec`).

    Attributes:
        order: number of terms, the paper's K; 1 uses no edges at all.
    """

    in_dim: int
    out_dim: int
    order: int = 3
    bias: bool = True

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ConfigError(f"ChebConv: found order {self.order}, expected at least 1; 1 is a linear layer")

    def params(self) -> dict[str, ParamSpec]:
        specs = {"weight": ParamSpec((self.order, self.in_dim, self.out_dim))}
        return specs | ({"bias": ParamSpec((self.out_dim,), "zeros")} if self.bias else {})

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_LAPLACIAN,)

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> tuple[Array, ...]:
        """Return T_1(L) x, ..., T_{order-1}(L) x, each of the shape of x [n_nodes, ..., in_dim]."""
        terms = [x]
        for k in range(1, self.order):
            hop = aggregate(ops, propagations[_LAPLACIAN.signature], terms[-1])
            terms.append(hop if k == 1 else 2 * hop - terms[-2])
        return tuple(terms[1:])

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
        y = self._clenshaw(ops, params, propagations, x)
        return y + along(ops, params["bias"], y) if self.bias else y

    def _clenshaw(self, ops: GraphOps, params: Params, propagations: Propagations, x: Array) -> Array:
        """Return the same sum from the last term down, on out_dim columns (Clenshaw's recurrence).

        b_k = x W_k + 2 L b_{k+1} - b_{k+2}; the sum is x W_0 + L b_1 - b_2.
        """
        later = after = None
        for k in range(self.order - 1, -1, -1):
            b = x @ params["weight"][k, ...]
            if later is not None:
                hop = aggregate(ops, propagations[_LAPLACIAN.signature], later)
                b = b + (hop if k == 0 else 2 * hop)
            if after is not None:
                b = b - after
            later, after = b, later
        return later
