"""GAT: attention over each node's neighbours and itself, in its first and second version."""

from dataclasses import dataclass

from heddle.errors import ConfigError
from heddle.graphs.graph import Array
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec

_LOOPS = PropagationSpec("sum", "loops")


@dataclass(frozen=True)
class GAT:
    """y[r] = sum over edges (s, r) and heads of softmax_r(logit) x[s] W + b; heads side by side or averaged.

    version 1: logit = leaky_relu(a_s . W x[s] + a_r . W x[r]), Velickovic et al. 2018, eq. 3; the two products are
    taken per node, before any edge sees them.
    version 2: logit = a . leaky_relu(W_s x[s] + W_r x[r]), Brody et al. 2022, eq. 7; messages carry W_s x[s].
    Slope 0.2. Loops are added where missing. Aggregation depends on parameters, so nothing of it may be cached.

    Attributes:
        out_dim: width of the result, all heads together (`concat`) or of the average.
        attention_dropout: rate at which normalised attention is dropped in training.
    """

    in_dim: int
    out_dim: int
    heads: int = 1
    concat: bool = True
    version: int = 1
    attention_dropout: float = 0.0
    bias: bool = True

    def __post_init__(self) -> None:
        if self.concat and self.out_dim % self.heads:
            raise ConfigError(
                f"GAT: found out_dim={self.out_dim}, expected a multiple of heads={self.heads}; choose another, or "
                "concat=False"
            )

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.out_dim // self.heads if self.concat else self.out_dim

    def params(self) -> dict[str, ParamSpec]:
        projection = ParamSpec((self.in_dim, self.heads * self.head_dim))
        attention = ParamSpec((self.heads, self.head_dim))
        if self.version == 1:
            specs = {"weight": projection, "attention_sender": attention, "attention_receiver": attention}
        else:
            specs = {"weight": projection, "weight_receiver": projection, "attention": attention}
        return specs | ({"bias": ParamSpec((self.out_dim,), "zeros")} if self.bias else {})

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_LOOPS,)

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
        xp, (adjacency, open_slots, _) = ops.xp, propagations[_LOOPS.signature]
        n, heads = receiver_x.shape[0], (self.heads, self.head_dim)
        sent = xp.reshape(ops.matmul(x, params["weight"]), (x.shape[0], *heads))
        if self.version == 1:
            from_sender = xp.sum(sent * along(ops, params["attention_sender"], sent), axis=-1)
            receiver = sent if receiver_x is x else sent[:n]
            from_receiver = xp.sum(receiver * along(ops, params["attention_receiver"], receiver), axis=-1)
            logits = ops.activate(ops.sddmm(adjacency, from_receiver, from_sender, "add"), "leaky_relu")
        else:
            received = xp.reshape(ops.matmul(receiver_x, params["weight_receiver"]), (n, *heads))
            both = ops.activate(ops.sddmm(adjacency, received, sent, "add"), "leaky_relu")
            logits = xp.sum(both * along(ops, params["attention"], both), axis=-1)
        logits = xp.where(xp.expand_dims(open_slots, axis=1) > 0, logits, xp.full_like(logits, -float("inf")))
        attention = dropout(ops.edge_softmax(adjacency, logits), self.attention_dropout)
        y = ops.spmm(adjacency, sent, attention)
        y = xp.reshape(y, (n, self.out_dim)) if self.concat else xp.mean(y, axis=1)
        return y + along(ops, params["bias"], y) if self.bias else y
