"""HeteroSAGE: a GraphSAGE layer for every relation, their outputs summed or averaged at each node type."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heddle.errors import ConfigError
from heddle.graphs.graph import Array, EdgeType
from heddle.nn.layers.base import Dropout, Params, Terms, along, no_dropout, relation_key
from heddle.nn.layers.relations import (
    Widths,
    check_widths,
    sorted_relations,
    sorted_widths,
    table_rows,
    times,
    widths_of,
)
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec, aggregate
from heddle.ops.relational.bundle import Bundles, extents

_MEAN = PropagationSpec("sum", "mean")


@dataclass(frozen=True)
class HeteroSAGE:
    """y[t] = combine over relations r into t of mean_r(x[s]) W_r + x[t] R_r + b_r.

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs (2017), one layer a relation, as
    torch_geometric's HeteroConv and to_hetero apply SAGEConv: W_r is its lin_l, R_r its lin_r, b_r the bias of lin_l. A
    relation without edges still brings R_r and b_r. A type without features (None in `x`) has W_r and R_r themselves
    as tables of embeddings; its `in_dim` is its number of nodes.

    Parameters: "weight.<relation_key>" [source's in, out], "root.<relation_key>" [target's in, out] and
    "bias.<relation_key>" [out].

    Attributes:
        relations: (source, relation, target) of each; kept sorted.
        in_dim: width of every type, or node type -> width (kept as sorted pairs).
        combine: "sum" or "mean" over the relations that enter a type.
    """

    relations: tuple[EdgeType, ...]
    in_dim: Widths
    out_dim: int
    combine: str = "sum"
    bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "relations", sorted_relations(self.relations))
        object.__setattr__(self, "in_dim", sorted_widths(self.in_dim))
        check_widths("HeteroSAGE", self.relations, self.widths)
        if self.combine not in ("sum", "mean"):
            raise ConfigError(f"HeteroSAGE: found combine {self.combine!r}, expected sum or mean")

    @property
    def widths(self) -> dict[str, int]:
        """Node type -> width of its features."""
        return widths_of(self.relations, self.in_dim)

    def params(self) -> dict[str, ParamSpec]:
        widths, specs = self.widths, {}
        for relation in self.relations:
            key = relation_key(relation)
            specs[f"weight.{key}"] = ParamSpec((widths[relation[0]], self.out_dim))
            specs[f"root.{key}"] = ParamSpec((widths[relation[2]], self.out_dim))
            if self.bias:
                specs[f"bias.{key}"] = ParamSpec((self.out_dim,), "zeros")
        return specs

    def specs(self) -> dict[str, PropagationSpec]:
        return {relation_key(relation): _MEAN for relation in self.relations}

    @property
    def sums_inputs(self) -> bool:
        return True

    def shapes(self, featureless: Collection[str] = ()) -> dict[EdgeType, tuple[int, int]]:
        """Return relation -> (columns before, columns after its weight), 0 before for a type without features."""
        widths = self.widths
        return {r: (0 if r[0] in featureless else widths[r[0]], self.out_dim) for r in self.relations}

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

        Nodes of a type without features may be given by their ids, [n] int, the rows of its tables that are meant.
        """
        y: dict[str, Array] = {}

        def add(node_type: str, rows: Array) -> None:
            y[node_type] = y[node_type] + rows if node_type in y else rows

        for relation in self.relations:
            source, _, target = relation
            key = relation_key(relation)
            weight, root = params[f"weight.{key}"], params[f"root.{key}"]
            if target in receiver_x:
                add(target, times(ops, receiver_x[target], root))
            if key in propagations and source in x:
                sent, propagation = x[source], propagations[key]
                if sent is None or sent.ndim == 1:
                    add(target, aggregate(ops, propagation, table_rows(ops, weight, sent)))
                else:
                    add(target, ops.matmul(aggregate(ops, propagation, sent), weight))
        biases = self._sums(params, "bias") if self.bias else {}
        shares = self._shares()
        y = {
            node_type: rows + along(ops, biases[node_type], rows) if node_type in biases else rows
            for node_type, rows in y.items()
        }
        return {node_type: rows * shares[node_type] for node_type, rows in y.items()}

    def terms(self, ops: GraphOps, params: Params) -> Terms:
        shares = self._shares()

        def shared(name: str) -> dict[str, Array]:
            return {
                node_type: total * shares[node_type] for node_type, total in self._sums(params, name).items()
            }

        weights = {r: params[f"weight.{relation_key(r)}"] * shares[r[2]] for r in self.relations}
        return Terms(weights, shared("root"), shared("bias") if self.bias else {})

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
        terms = self.terms(ops, params)
        by_key = {relation_key(relation): weight for relation, weight in terms.weights.items()}
        weights = [ops.xp.stack([by_key[e.key] for e in extents(bundle)]) for _, bundle in bundles.parts]
        roots = {node_type: root for node_type, root in terms.roots.items() if node_type in x}
        return ops.relational_conv(bundles.parts, x, weights, roots, terms.biases, activation)

    def _sums(self, params: Params, name: str) -> dict[str, Array]:
        """Return target type -> sum of a parameter over the relations that enter it."""
        sums: dict[str, Array] = {}
        for relation in self.relations:
            param, target = params[f"{name}.{relation_key(relation)}"], relation[2]
            sums[target] = sums[target] + param if target in sums else param
        return sums

    def _shares(self) -> dict[str, float]:
        """Return target type -> what each of its relations is multiplied by."""
        targets = [target for _, _, target in self.relations]
        return {
            node_type: 1.0 / targets.count(node_type) if self.combine == "mean" else 1.0
            for node_type in set(targets)
        }
