"""R-GCN: every relation has its own weights, full, composed of shared bases, or block-diagonal."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from heddle.errors import ConfigError
from heddle.graphs.graph import Array, EdgeType
from heddle.nn.layers.base import (
    Dropout,
    Params,
    Terms,
    along,
    no_dropout,
    portable_name,
    relation_key,
)
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
from heddle.ops.propagation import Propagation, PropagationSpec, Received, aggregate
from heddle.ops.relational.bundle import Bundles, extents

_MEAN = PropagationSpec("sum", "mean")


@dataclass(frozen=True)
class RGCN:
    """y[i] = sum over relations r of mean over r's edges (j, i) of x[j] W_r, plus x[i] W_0 + b.

    Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks (2018), eq. 2 with
    c_{i,r} = |N_i^r|: the mean is per relation, never over all relations together. Eq. 3 is `bases`, eq. 4 `blocks`.
    A type without features (None in `x`) has W_r itself as its table of embeddings: `in_dim` of the type is its
    number of nodes, and no one-hot matrix is ever made. `apply`, a loop over relations, is the specification that
    every faster form is tested against; `apply_bundles` takes each relation the way that a plan chose.

    Parameters: "weight" [relations, in, out] (relations sorted) if all sources are of one width, else
    "weight.<relation_key>" [in, out] each; with `bases` "basis" [bases, in, out] ("basis.<source type>" where
    widths differ) and "coefficients" [relations, bases]; with `blocks` the weights' last axes are
    [blocks, in / blocks, out / blocks]. Root: "root" [in, out] and "bias" [out] if there is one node type or
    `share_root`, else "root.<type>" and "bias.<type>".

    Attributes:
        relations: (source, relation, target) of each; kept sorted.
        in_dim: width of every type, or node type -> width (kept as sorted pairs); a mapping names all types, an
            int those that the relations name.
        bases: number of bases; 0 for none.
        blocks: number of blocks, a divisor of all widths; 0 for none.
        root: whether a node's own features enter, by W_0.
        share_root: one W_0 and b for all node types, as the paper writes it, instead of one a type.
    """

    relations: tuple[EdgeType, ...]
    in_dim: Widths
    out_dim: int
    bases: int = 0
    blocks: int = 0
    root: bool = True
    bias: bool = True
    share_root: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "relations", sorted_relations(self.relations))
        object.__setattr__(self, "in_dim", sorted_widths(self.in_dim))
        if self.bases and self.blocks:
            raise ConfigError("RGCN: found bases and blocks, expected one of them; set the other to 0")
        check_widths("RGCN", self.relations, self.widths)
        if self.blocks:
            for width in (self.out_dim, *(self.widths[source] for source, _, _ in self.relations)):
                if width % self.blocks:
                    raise ConfigError(
                        f"RGCN: width {width} is not a multiple of blocks {self.blocks}; choose a divisor"
                    )
        if self.share_root and len(set(self.widths.values())) > 1:
            raise ConfigError(
                f"RGCN: share_root with widths {self.widths}, expected equal ones; set it to False"
            )

    @property
    def widths(self) -> dict[str, int]:
        """Node type -> width of its features."""
        return widths_of(self.relations, self.in_dim)

    def params(self) -> dict[str, ParamSpec]:
        specs = self._relation_params()
        if self.root:
            specs |= {
                self._parameter("root", node_type): ParamSpec((dim, self.out_dim))
                for node_type, dim in self.widths.items()
            }
        if self.bias:
            specs |= {
                self._parameter("bias", node_type): ParamSpec((self.out_dim,), "zeros")
                for node_type in self.widths
            }
        return specs

    def specs(self) -> dict[str, PropagationSpec]:
        return {relation_key(relation): _MEAN for relation in self.relations}

    @property
    def sums_inputs(self) -> bool:
        return True

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
        if self.root:
            for node_type in filter(receiver_x.__contains__, self.widths):
                features, root = receiver_x[node_type], params[self._parameter("root", node_type)]
                y[node_type] = times(ops, features, root)
        for (source, relation, target), weight in zip(self.relations, self._weights(ops, params)):
            key = relation_key((source, relation, target))
            if key not in propagations or source not in x:
                continue
            message = self._message(ops, weight, propagations[key], x[source])
            y[target] = y[target] + message if target in y else message
        if not self.bias:
            return y
        return {k: value + along(ops, params[self._parameter("bias", k)], value) for k, value in y.items()}

    def shapes(self, featureless: Collection[str] = ()) -> dict[EdgeType, tuple[int, int]]:
        """Return relation -> (columns before, columns after its weight), 0 before for a type without features."""
        return {
            relation: (0 if relation[0] in featureless else self.widths[relation[0]], self.out_dim)
            for relation in self.relations
        }

    def terms(self, ops: GraphOps, params: Params) -> Terms:
        weights = [
            _block_diagonal(ops, weight) if self.blocks else weight for weight in self._weights(ops, params)
        ]
        roots, biases = self._of_types(params)
        return Terms(dict(zip(self.relations, weights, strict=True)), roots, biases)

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
        roots, biases = self._of_types(params)
        roots = {node_type: root for node_type, root in roots.items() if node_type in x}
        weights: Array | list[Array]
        if self._stacked and not self.bases:
            stacks, order = params["weight"], bundles.order
            weights = _block_diagonal(ops, stacks) if self.blocks else stacks
        else:
            weights, order = self._stacks(ops, params, bundles), None
        return ops.relational_conv(bundles.parts, x, weights, roots, biases, activation, order)

    def _of_types(self, params: Params) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the root and the bias of each node type, {} where the layer has none."""
        by_name = [
            {node_type: params[self._parameter(name, node_type)] for node_type in self.widths}
            if is_there
            else {}
            for name, is_there in (("root", self.root), ("bias", self.bias))
        ]
        return by_name[0], by_name[1]

    def _stacks(self, ops: GraphOps, params: Params, bundles: Bundles) -> list[Array]:
        """Return the weights [relations, in, out] of each bundle."""
        weights = self._weights(ops, params)
        positions = {relation_key(relation): i for i, relation in enumerate(self.relations)}
        members = [[positions[extent.key] for extent in extents(bundle)] for _, bundle in bundles.parts]
        stacks = [ops.xp.stack([weights[i] for i in group]) for group in members]
        return [_block_diagonal(ops, stack) for stack in stacks] if self.blocks else stacks

    def _message(
        self, ops: GraphOps, weight: Array, propagation: Propagation | Received, x: Array | None
    ) -> Array:
        """Return the mean of x W_r over the edges of one relation, in the order that moves fewer columns."""
        if x is None or x.ndim == 1:
            table = _block_diagonal(ops, weight) if self.blocks else weight
            return aggregate(ops, propagation, table_rows(ops, table, x))
        if x.shape[-1] <= self.out_dim or isinstance(propagation, Received):
            return _transform(ops, aggregate(ops, propagation, x), weight)
        return aggregate(ops, propagation, _transform(ops, x, weight))

    def _relation_params(self) -> dict[str, ParamSpec]:
        count = len(self.relations)
        if not count:
            return {}
        if self.bases:
            names = {self._basis(source): self.widths[source] for source, _, _ in self.relations}
            specs = {name: ParamSpec((self.bases, dim, self.out_dim)) for name, dim in names.items()}
            return specs | {"coefficients": ParamSpec((count, self.bases))}
        if self._stacked:
            return {"weight": ParamSpec((count, *self._shape(self.relations[0][0])))}
        return {f"weight.{relation_key(r)}": ParamSpec(self._shape(r[0])) for r in self.relations}

    @property
    def _stacked(self) -> bool:
        widths = self.widths
        return len({widths[source] for source, _, _ in self.relations}) == 1

    def _shape(self, source: str) -> tuple[int, ...]:
        dim = self.widths[source]
        if self.blocks:
            return (self.blocks, dim // self.blocks, self.out_dim // self.blocks)
        return (dim, self.out_dim)

    def _weights(self, ops: GraphOps, params: Params) -> list[Array]:
        """Return each relation's weight; stacked ones are taken apart in one operation, so that their gradients are
        put together in one, too."""
        if self.bases:
            return self._basis_weights(ops, params)
        if self._stacked:
            return list(ops.xp.unstack(params["weight"])) if self.relations else []
        return [params[f"weight.{relation_key(relation)}"] for relation in self.relations]

    def _basis_weights(self, ops: GraphOps, params: Params) -> list[Array]:
        """Return W_r = sum over b of coefficients[r, b] basis[b], one product per source type."""
        xp, composed = ops.xp, {}
        for name in dict.fromkeys(self._basis(source) for source, _, _ in self.relations):
            basis = params[name]
            shape = basis.shape[1:]
            product = params["coefficients"] @ xp.reshape(basis, (self.bases, prod(shape)))
            composed[name] = xp.unstack(xp.reshape(product, (len(self.relations), *shape)))
        return [composed[self._basis(source)][i] for i, (source, _, _) in enumerate(self.relations)]

    def _basis(self, source: str) -> str:
        return "basis" if self._stacked else f"basis.{portable_name(source)}"

    def _parameter(self, name: str, node_type: str) -> str:
        return name if self.share_root or len(self.widths) == 1 else f"{name}.{portable_name(node_type)}"


def _transform(ops: GraphOps, x: Array, weight: Array) -> Array:
    """Multiply [n, in] by [in, out], or by the block-diagonal matrix of [blocks, in / blocks, out / blocks]."""
    if weight.ndim == 2:
        return ops.matmul(x, weight)
    xp, (blocks, fan_in, fan_out) = ops.xp, weight.shape
    parts = xp.permute_dims(xp.reshape(x, (x.shape[0], blocks, fan_in)), (1, 0, 2))
    return xp.reshape(xp.permute_dims(parts @ weight, (1, 0, 2)), (x.shape[0], blocks * fan_out))


def _block_diagonal(ops: GraphOps, weight: Array) -> Array:
    """Return matrices [..., in, out] whose diagonal blocks are `weight` [..., blocks, in / blocks, out / blocks]."""
    *lead, blocks, fan_in, fan_out = weight.shape
    eye = ops.xp.reshape(ops.asarray(np.eye(blocks), like=weight), (1,) * len(lead) + (blocks, 1, blocks, 1))
    spread = ops.xp.reshape(weight, (*lead, blocks, fan_in, 1, fan_out)) * eye
    return ops.xp.reshape(spread, (*lead, blocks * fan_in, blocks * fan_out))
