"""HGT: attention over all relations that enter a node, each with matrices of its own for keys and values."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

from heddle.errors import ConfigError
from heddle.graphs.graph import Array, EdgeType
from heddle.nn.layers.base import Dropout, Params, along, no_dropout, portable_name, relation_key
from heddle.nn.layers.relations import Widths, check_widths, sorted_relations, sorted_widths, times, widths_of
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec
from heddle.ops.relational.attention import Attended, attention
from heddle.ops.relational.bundle import Bundles, extents

_SUM = PropagationSpec("sum", "none")


@dataclass(frozen=True)
class HGT:
    """y[t] = a A_t(gelu(m[t])) + (1 - a) x[t], with m[i] the attention-weighted sum of messages to node i.

    An edge of relation r from j to i has per head the logit q_i . (k_j K_r) p_r / sqrt(d) and the message v_j V_r; the
    softmax is over all edges that enter i, whatever their relation. k, q, v are linear in x, with weights of the
    node's type; a = sigmoid(skip_t), and there is no skip where widths differ or x has no features.

    Source: Hu et al., Heterogeneous Graph Transformer (2020), eq. 3 to 5, without relative temporal encoding; as in
    torch_geometric's HGTConv, with its gelu and learned skip. Edge weights are not read. A type that no relation enters
    has no output; a type without features (None in `x`) has the rows of "kqv" as its own.

    Parameters: "kqv.<type>" [in, 3 out] (keys, queries, values side by side, heads within), "kqv_bias.<type>"
    [3 out]; "out.<type>" [out, out], "out_bias.<type>" [out] and, where in = out, "skip.<type>" [1] for types that are
    entered; "key" and "value" [relations, heads, d, d], "prior" [relations, heads], relations sorted.

    Attributes:
        relations, in_dim: as in RGCN.
        out_dim: a multiple of `heads`; d = out_dim / heads.
    """

    relations: tuple[EdgeType, ...]
    in_dim: Widths
    out_dim: int
    heads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "relations", sorted_relations(self.relations))
        object.__setattr__(self, "in_dim", sorted_widths(self.in_dim))
        check_widths("HGT", self.relations, self.widths)
        if self.heads < 1 or self.out_dim % self.heads:
            raise ConfigError(
                f"HGT: found out_dim {self.out_dim} with {self.heads} heads, expected a multiple; change one"
            )

    @property
    def widths(self) -> dict[str, int]:
        """Node type -> width of its features."""
        return widths_of(self.relations, self.in_dim)

    def params(self) -> dict[str, ParamSpec]:
        out, d, specs = self.out_dim, self.out_dim // self.heads, {}
        entered = {target for _, _, target in self.relations}
        for node_type, width in self.widths.items():
            name = portable_name(node_type)
            specs[f"kqv.{name}"] = ParamSpec((width, 3 * out))
            specs[f"kqv_bias.{name}"] = ParamSpec((3 * out,), "zeros")
            if node_type in entered:
                specs[f"out.{name}"] = ParamSpec((out, out))
                specs[f"out_bias.{name}"] = ParamSpec((out,), "zeros")
                if width == out:
                    specs[f"skip.{name}"] = ParamSpec((1,), "ones")
        count = len(self.relations)
        specs |= {name: ParamSpec((count, self.heads, d, d)) for name in ("key", "value")}
        return specs | {"prior": ParamSpec((count, self.heads), "ones")}

    def specs(self) -> dict[str, PropagationSpec]:
        return {relation_key(relation): _SUM for relation in self.relations}

    def shapes(self, featureless: Collection[str] = ()) -> dict[EdgeType, tuple[int, int]]:
        """Return relation -> (columns before, columns after its matrices): keys' and values' widths."""
        return dict.fromkeys(self.relations, (self.out_dim, self.out_dim))

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Mapping[str, Propagation],
        x: Mapping[str, Array | None],
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        return self.apply_block(ops, params, propagations, x, x, dropout)

    def apply_block(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Mapping[str, Propagation],
        x: Mapping[str, Array | None],
        receiver_x: Mapping[str, Array | None],
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        """Return what `apply` returns for the receivers `receiver_x`, the first rows of x.

        Nodes of a type without features may be given by their ids, [n] int, the rows of its table that are meant.
        """
        xp, projected = ops.xp, self._projected(ops, params, x)
        scaled, values = self._scaled_keys(ops, params), params["value"]
        summed = {}
        for node_type in {target for _, _, target in self.relations if target in receiver_x}:
            features = receiver_x[node_type]
            queries = projected[node_type].queries
            queries = queries if features is None else queries[: features.shape[0]]
            logits, messages, adjacencies = [], [], []
            for i, relation in enumerate(self.relations):
                key, source = relation_key(relation), relation[0]
                if relation[2] != node_type or key not in propagations or source not in x:
                    continue
                adjacency = propagations[key].adjacency
                keys = _by_head(ops, projected[source].keys, scaled[i])
                logits.append(ops.sddmm(adjacency, queries, keys, "dot"))
                messages.append(_by_head(ops, projected[source].values, values[i]))
                adjacencies.append(adjacency)
            summed[node_type] = xp.zeros_like(queries)
            if not logits:
                continue
            weights = ops.joint_softmax(adjacencies, xp.concat(logits), queries.shape[0])
            first = 0
            for adjacency, message in zip(adjacencies, messages):
                share = weights[first : first + adjacency.n_edges]
                summed[node_type] = summed[node_type] + ops.spmm(adjacency, message, share)
                first += adjacency.n_edges
        return self._updated(ops, params, receiver_x, summed)

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
        positions = {relation_key(relation): i for i, relation in enumerate(self.relations)}
        scaled, values = (ops.xp.unstack(z) for z in (self._scaled_keys(ops, params), params["value"]))
        matrices = []
        for _, bundle in bundles.parts:
            members = [positions[extent.key] for extent in extents(bundle)]
            matrices.append(tuple(ops.xp.stack([z[i] for i in members]) for z in (scaled, values)))
        projected = self._projected(ops, params, x)
        summed = attention(ops, bundles.parts, projected, matrices)
        for node_type in {target for _, _, target in self.relations if target in x} - set(summed):
            summed[node_type] = ops.xp.zeros_like(projected[node_type].queries)
        y = self._updated(ops, params, x, summed)
        return {node_type: ops.activate(rows, activation) for node_type, rows in y.items()}

    def _projected(self, ops: GraphOps, params: Params, x: Mapping[str, Array | None]) -> dict[str, Attended]:
        """Return each type's keys, queries and values, [n_nodes, heads, d] each."""
        projected = {}
        for node_type in filter(self.widths.__contains__, x):
            rows = times(ops, x[node_type], params[f"kqv.{portable_name(node_type)}"])
            rows = rows + along(ops, params[f"kqv_bias.{portable_name(node_type)}"], rows)
            split = ops.xp.reshape(rows, (rows.shape[0], 3, self.heads, self.out_dim // self.heads))
            projected[node_type] = Attended(split[:, 0], split[:, 1], split[:, 2])
        return projected

    def _scaled_keys(self, ops: GraphOps, params: Params) -> Array:
        """Return K_r p_r / sqrt(d), [relations, heads, d, d]."""
        prior = ops.xp.reshape(params["prior"], (*params["prior"].shape, 1, 1))
        return params["key"] * prior / sqrt(self.out_dim // self.heads)

    def _updated(
        self, ops: GraphOps, params: Params, x: Mapping[str, Array | None], summed: Mapping[str, Array]
    ) -> dict[str, Array]:
        y = {}
        for node_type in sorted(summed):
            name, rows = portable_name(node_type), summed[node_type]
            rows = ops.xp.reshape(rows, (rows.shape[0], self.out_dim))
            rows = ops.activate(rows, "gelu") @ params[f"out.{name}"]
            rows = rows + along(ops, params[f"out_bias.{name}"], rows)
            before = x.get(node_type)
            if before is not None and before.ndim != 1 and f"skip.{name}" in params:
                share = along(ops, ops.activate(params[f"skip.{name}"], "sigmoid"), rows)
                rows = share * rows + (1 - share) * before
            y[node_type] = rows
        return y


def _by_head(ops: GraphOps, x: Array, matrices: Array) -> Array:
    """Multiply [n, heads, d] by [heads, d, d], head by head."""
    xp = ops.xp
    return xp.permute_dims(xp.permute_dims(x, (1, 0, 2)) @ matrices, (1, 0, 2))
