"""Heads: the readout, from node embeddings to what a task asks about nodes, edges, graphs or links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from heddle.graphs.graph import Array, Graph, HeteroGraph
from heddle.nn.codes import embed_codes, table_shape
from heddle.nn.layers.base import Dropout, Params, no_dropout
from heddle.nn.layers.mlp import MLP
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps

READOUTS = ("sum", "mean", "max")


class Head(Protocol):
    """Answers for each entry of an index, from node embeddings."""

    def params(self) -> dict[str, ParamSpec]: ...

    def prepare(self, graph: Any) -> Mapping[str, Any]:
        """Build what `apply` needs of the structure of a Graph (or HeteroGraph), in numpy."""
        ...

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        """Return the outputs [m, ...] for the m entries of `index`.

        Args:
            embedded: [n_nodes, d], or node type -> [n_nodes, d]: what the encoder made.
            prepared: what `prepare` gave for the graph, as the engine's arrays.
            index: [m] int nodes or graphs, [m, 2] (sender, receiver) or [m, 3] (head, relation, tail).
            asked: the columns of asked edges, "x" [m, d] and "codes" [m, c], those there are; None for none.
        """
        ...


@dataclass(frozen=True)
class NodeHead:
    """Rows of the embeddings: the encoder's last layer already has the width of the targets."""

    target_type: str = ""

    def params(self) -> dict[str, ParamSpec]:
        return {}

    def prepare(self, graph: Graph | HeteroGraph) -> Mapping[str, Any]:
        return {}

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        return ops.gather(embedded[self.target_type] if self.target_type else embedded, index)


@dataclass(frozen=True)
class NodeMLP:
    """An MLP of the embeddings, where these aren't as wide as the targets: what is embedded and what is said differ."""

    in_dim: int
    out_dim: int
    target_type: str = ""
    dropout: float = 0.0

    @property
    def _mlp(self) -> MLP:
        return MLP((self.in_dim, self.in_dim, self.out_dim))

    def params(self) -> dict[str, ParamSpec]:
        return self._mlp.params()

    def prepare(self, graph: Graph | HeteroGraph) -> Mapping[str, Any]:
        return {}

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        x = ops.gather(embedded[self.target_type] if self.target_type else embedded, index)
        return self._mlp.apply(ops, params, dropout(ops.activate(x, "relu"), self.dropout))


@dataclass(frozen=True)
class ScaledHead:
    """A head whose outputs are deviations from the targets' mean: output times deviation, plus mean.

    Attributes:
        scales: (mean, deviation) of each target.
    """

    head: Head
    scales: tuple[tuple[float, float], ...]

    def params(self) -> dict[str, ParamSpec]:
        return self.head.params()

    def prepare(self, graph: Any) -> Mapping[str, Any]:
        return self.head.prepare(graph)

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        y = self.head.apply(ops, params, embedded, prepared, index, dropout, asked)
        columns = [y[:, at : at + 1] * scale + mean for at, (mean, scale) in enumerate(self.scales)]
        return columns[0] if len(columns) == 1 else ops.xp.concat(columns, axis=-1)


@dataclass(frozen=True)
class GraphHead:
    """MLP of the readout over each graph's nodes: [n_graphs, out_dim], of which the rows of `index` are returned."""

    in_dim: int
    out_dim: int
    readout: str = "sum"
    dropout: float = 0.0

    @property
    def _mlp(self) -> MLP:
        return MLP((self.in_dim, self.in_dim, self.out_dim))

    def params(self) -> dict[str, ParamSpec]:
        return self._mlp.params()

    def prepare(self, graph: Graph) -> Mapping[str, Any]:
        """Return {"graph_ids": [n_nodes], "graphs": zeros of [n_graphs], whose shape is the number of graphs}."""
        n_graphs = len(graph.n_node)
        return {
            "graph_ids": np.repeat(np.arange(n_graphs), graph.n_node),
            "graphs": np.zeros(n_graphs, np.int32),
        }

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        reduce = getattr(ops, f"segment_{self.readout}")
        pooled = reduce(embedded, prepared["graph_ids"], prepared["graphs"].shape[0])
        return ops.gather(self._mlp.apply(ops, params, dropout(pooled, self.dropout)), index)


@dataclass(frozen=True)
class LinkHead:
    """Score of each link: the dot product of its ends, with a diagonal matrix per relation for typed links.

    Source: Kipf & Welling, Variational Graph Auto-Encoders (2016), eq. 2; DistMult (Yang et al. 2015, eq. 2) for
    `n_relations` > 0, with rows (head, relation, tail) in the index. Both ends are of `node_type`, the last one of
    `receiver_type` if that is given; "" for a homogeneous graph.
    """

    dim: int
    n_relations: int = 0
    node_type: str = ""
    receiver_type: str = ""

    def params(self) -> dict[str, ParamSpec]:
        return {"relation": ParamSpec((self.n_relations, self.dim), rows=True)} if self.n_relations else {}

    def prepare(self, graph: Graph | HeteroGraph) -> Mapping[str, Any]:
        return {}

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        x = embedded[self.node_type] if self.node_type else embedded
        y = embedded[self.receiver_type] if self.receiver_type else x
        product = ops.gather(x, index[:, 0]) * ops.gather(y, index[:, -1])
        if self.n_relations:
            product = product * ops.gather(params["relation"], index[:, 1])
        return ops.xp.sum(product, axis=-1)


@dataclass(frozen=True)
class EdgeHead:
    """Classes or values of edges: an MLP of the embeddings of both ends and of the edge's own columns, codes embedded.

    Both ends are of `node_type`, the last one of `receiver_type` if that is given; "" for a homogeneous graph.

    Attributes:
        dim: width of the node embeddings.
        out_dim: classes or values.
        asked_dim: float columns of an edge.
        asked_codes: number of codes of each of its columns of categories.
    """

    dim: int
    out_dim: int
    asked_dim: int = 0
    asked_codes: tuple[int, ...] = ()
    node_type: str = ""
    receiver_type: str = ""
    dropout: float = 0.0

    @property
    def _mlp(self) -> MLP:
        width = 2 * self.dim + self.asked_dim + sum(table_shape(size)[1] for size in self.asked_codes)
        return MLP((width, self.dim, self.out_dim))

    def params(self) -> dict[str, ParamSpec]:
        tables = {
            f"codes.{column}": ParamSpec(table_shape(size), rows=True)
            for column, size in enumerate(self.asked_codes)
        }
        return {**self._mlp.params(), **tables}

    def prepare(self, graph: Graph | HeteroGraph) -> Mapping[str, Any]:
        return {}

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        embedded: Any,
        prepared: Mapping[str, Any],
        index: Array,
        dropout: Dropout = no_dropout,
        asked: Mapping[str, Array] | None = None,
    ) -> Array:
        x = embedded[self.node_type] if self.node_type else embedded
        y = embedded[self.receiver_type] if self.receiver_type else x
        ends = ops.xp.concat([ops.gather(x, index[:, 0]), ops.gather(y, index[:, 1])], axis=-1)
        parts = [dropout(ends, self.dropout)]
        asked = asked or {}
        if self.asked_dim:
            parts.append(asked["x"])
        if self.asked_codes:
            tables = [params[f"codes.{column}"] for column in range(len(self.asked_codes))]
            parts += embed_codes(ops, tables, asked["codes"], self.asked_codes)
        return self._mlp.apply(ops, params, parts[0] if len(parts) == 1 else ops.xp.concat(parts, axis=-1))


def head_for(model_spec: Any, in_dim: int, readout: str = "sum", dropout: float = 0.0) -> Head:
    """Return the head that a `ModelSpec` asks for on embeddings of width `in_dim`."""
    head = _head(model_spec, in_dim, readout, dropout)
    return ScaledHead(head, model_spec.target_scales) if model_spec.target_scales else head


def _head(model_spec: Any, in_dim: int, readout: str, dropout: float) -> Head:
    if model_spec.level == "node" and in_dim != model_spec.out_dim:
        return NodeMLP(in_dim, model_spec.out_dim, model_spec.target_type, dropout)
    if model_spec.level == "node":
        return NodeHead(model_spec.target_type)
    if model_spec.level == "graph":
        return GraphHead(in_dim, model_spec.out_dim, readout, dropout)
    if model_spec.level == "edge":
        return EdgeHead(
            in_dim,
            model_spec.out_dim,
            model_spec.asked_dim,
            model_spec.asked_codes,
            model_spec.target_type,
            model_spec.receiver_type,
            dropout,
        )
    return LinkHead(in_dim, model_spec.n_link_types, model_spec.target_type, model_spec.receiver_type)
