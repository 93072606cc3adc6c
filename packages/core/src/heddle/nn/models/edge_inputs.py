"""EdgeInputs: features and codes of edges, summed at their receivers once a graph, as inputs of every layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Array, EdgeType, Graph, HeteroGraph, PyTree, num_nodes
from heddle.nn.codes import check_codes, table_row, table_shape
from heddle.nn.layers.base import Params, relation_key
from heddle.nn.model import ModelSpec, edge_weight
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, aggregate
from heddle.options.input_kinds import EDGE_CODES, EDGE_FEATURES
from heddle.sampling.blocks import Block

_ONLY: EdgeType = ("", "", "")
"""The relation of a homogeneous graph."""


@dataclass(frozen=True)
class EdgeInputs:
    """What edges bring to their receivers, besides messages: for each relation and layer, agg(e) U.

    A message W x[s] + U e has the sum (or mean) W agg(x) + U agg(e), and agg(e) is constant: it is taken once, when a
    graph or a block is prepared, and no step sees an edge's features. Codes are embedded: the mean of the embeddings of
    a receiver's edges is a product of a sparse matrix with the table.

    Parameters, with "<relation_key>" left out in a homogeneous graph: "edges.<layer>.<relation_key>" [columns, out]
    for the features and embeddings side by side; "edges.codes.<relation_key>.<column>" [rows, width] (`table_shape`),
    shared by all layers.

    Attributes:
        relations: (relation, width of its features, number of codes of each column), sorted.
        mean: whether edges are averaged; else summed.
        weighted: whether an edge counts by its weight, as it does for messages; else alike.
    """

    relations: tuple[tuple[EdgeType, int, tuple[int, ...]], ...]
    mean: bool = True
    weighted: bool = True

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        features = {EDGE_FEATURES for _, width, _ in self.relations if width}
        return frozenset(features | {EDGE_CODES for _, _, sizes in self.relations if sizes})

    def params(self, out_dims: list[int]) -> dict[str, ParamSpec]:
        """Describe the parameters of layers of these widths."""
        specs: dict[str, ParamSpec] = {}
        for relation, width, sizes in self.relations:
            shapes = [table_shape(size) for size in sizes]
            specs |= {_table(relation, i): ParamSpec(shape, "normal") for i, shape in enumerate(shapes)}
            columns = width + sum(shape[1] for shape in shapes)
            specs |= {_weight(i, relation): ParamSpec((columns, out)) for i, out in enumerate(out_dims)}
        return specs

    def tables(self, params: Params) -> dict[EdgeType, list[Array]]:
        """Return relation -> the tables [n_rows, width] of embeddings of its columns of codes, in their order."""
        return {
            relation: [params[_table(relation, i)] for i in range(len(sizes))]
            for relation, _, sizes in self.relations
        }

    def weights(self, params: Params, layer: int) -> dict[EdgeType, Array]:
        """Return relation -> [columns, out], what a layer multiplies by the mean of its edges' columns."""
        return {relation: params[_weight(layer, relation)] for relation, _, _ in self.relations}

    def prepare(self, graph: Graph | HeteroGraph) -> dict[str, Any]:
        """Return relation_key -> what `apply` needs of a graph's edges, in numpy."""
        prepared = {}
        for relation, width, sizes in self.relations:
            edges = _edges(graph, relation)
            if edges is not None:
                features, receivers, n_receivers = edges
                prepared[_key(relation)] = self._received(
                    relation, width, sizes, features, receivers, n_receivers, build_adjacency
                )
        return prepared

    def prepare_block(self, graph: Any, block: Block, adjacency: Any = build_adjacency) -> dict[str, Any]:
        """Return relation_key -> what `apply` needs of the edges of one layer of a sampled graph."""
        prepared = {}
        for relation, width, sizes in self.relations:
            if isinstance(graph, Graph):
                pytree, span, receivers, n = graph.edges, block.span, block.receivers, block.n_receivers
            elif relation in block.receivers and len(block.receivers[relation]):
                pytree, span = graph.edges[relation].features, block.span[relation]
                receivers, n = block.receivers[relation], block.n_receivers[relation[2]]
            else:
                continue
            features = None if pytree is None else _cut(pytree, span)
            prepared[_key(relation)] = self._received(
                relation, width, sizes, features, receivers, n, adjacency
            )
        return prepared

    def apply(
        self, ops: GraphOps, params: Params, layer: int, prepared: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Return node type -> [n_nodes, out] of the receivers; a type that no edge with features enters is left out."""
        y: dict[str, Array] = {}
        for relation, _, sizes in self.relations:
            sums = prepared.get(_key(relation))
            if sums is None:
                continue
            parts = [sums["received"]] if "received" in sums else []
            for i in range(len(sizes)):
                parts.append(aggregate(ops, sums["codes"][str(i)], params[_table(relation, i)]))
            columns = parts[0] if len(parts) == 1 else ops.xp.concat(parts, axis=-1)
            rows, target = ops.matmul(columns, params[_weight(layer, relation)]), relation[2]
            y[target] = y[target] + rows if target in y else rows
        return y

    def _received(
        self,
        relation: EdgeType,
        width: int,
        sizes: tuple[int, ...],
        pytree: PyTree,
        receivers: np.ndarray,
        n_receivers: int,
        adjacency: Any,
    ) -> dict[str, Any]:
        features, codes = edge_matrix(pytree), edge_codes(pytree)
        actual = (0 if features is None else features.shape[1], 0 if codes is None else codes.shape[1])
        where = f"edges of {'.'.join(relation)}" if relation != _ONLY else "edges"
        if actual != (width, len(sizes)):
            raise GraphError(
                problem(
                    where,
                    f"{actual[0]} columns of features and {actual[1]} of codes",
                    f"{width} and {len(sizes)}, as the model was made for",
                    "bring the same features",
                )
            )
        weight = edge_weight(pytree) if self.weighted else None
        share = _shares(receivers, n_receivers, weight) if self.mean else weight
        prepared: dict[str, Any] = {}
        if features is not None:
            prepared["received"] = _received(features, receivers, n_receivers, share)
        if codes is not None:
            check_codes(where, codes, sizes)
            prepared["codes"] = {
                str(i): _propagation(codes[:, i], size, receivers, n_receivers, share, adjacency)
                for i, size in enumerate(sizes)
            }
        return prepared


def edge_inputs_of(model_spec: ModelSpec, mean: bool = True, weighted: bool = True) -> EdgeInputs | None:
    """Return the EdgeInputs of a signature's edges; None where they have neither features nor codes."""
    dims = model_spec.edge_dim if isinstance(model_spec.edge_dim, Mapping) else {_ONLY: model_spec.edge_dim}
    relations = sorted({key for key, width in dims.items() if width} | set(model_spec.edge_codes))
    if not relations:
        return None
    described = ((key, dims.get(key, 0), tuple(model_spec.edge_codes.get(key, ()))) for key in relations)
    return EdgeInputs(tuple(described), mean, weighted)


def edge_matrix(pytree: PyTree) -> np.ndarray | None:
    """Return the features of edges [n_edges, d]: the array itself, or the entry "x"; None if there are none."""
    features = pytree.get("x") if isinstance(pytree, Mapping) else pytree
    return None if features is None or np.ndim(features) != 2 else np.asarray(features)


def edge_codes(pytree: PyTree) -> np.ndarray | None:
    """Return the codes of edges [n_edges, columns], the entry "codes"; None if there are none."""
    codes = pytree.get("codes") if isinstance(pytree, Mapping) else None
    return None if codes is None else np.asarray(codes)


def _received(
    features: np.ndarray, receivers: np.ndarray, n_receivers: int, weight: np.ndarray | None
) -> np.ndarray:
    """Return the weighted sum of the features of each receiver's edges, [n_receivers, d], summed in float64."""
    y = np.empty((n_receivers, features.shape[1]), features.dtype)
    for i in range(features.shape[1]):
        column = features[:, i] if weight is None else features[:, i] * weight
        y[:, i] = np.bincount(receivers, column, n_receivers)
    return y


def _shares(receivers: np.ndarray, n_receivers: int, weight: np.ndarray | None) -> np.ndarray:
    """Return each edge's share of its receiver's mean, [n_edges] float64; 0 where weights don't add up to more."""
    total = np.bincount(receivers, weight, n_receivers).astype(np.float64)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)[receivers]
    result: np.ndarray = inverse if weight is None else inverse * weight
    return result


def _propagation(
    codes: np.ndarray,
    n_codes: int,
    receivers: np.ndarray,
    n_receivers: int,
    weight: np.ndarray | None,
    adjacency: Any,
) -> Propagation:
    """Return the operator from the rows of a table of embeddings to receivers."""
    rows = table_shape(n_codes)[0]
    edges = adjacency(table_row(codes, n_codes), np.asarray(receivers), rows, n_receivers)
    return Propagation(edges, None if weight is None else np.asarray(weight)[edges.order])


def _edges(graph: Any, relation: EdgeType) -> tuple[PyTree, np.ndarray, int] | None:
    if isinstance(graph, Graph):
        return graph.edges, np.asarray(graph.receivers), num_nodes(graph)
    edges = graph.edges.get(relation)
    if edges is None:
        return None
    n_receivers = int(np.sum(graph.n_node[relation[2]]))
    return edges.features, np.asarray(edges.receivers), n_receivers


def _cut(pytree: PyTree, span: Any) -> PyTree:
    return (
        {name: value[span] for name, value in pytree.items()} if isinstance(pytree, Mapping) else pytree[span]
    )


def _key(relation: EdgeType) -> str:
    return "" if relation == _ONLY else relation_key(relation)


def _weight(layer: int, relation: EdgeType) -> str:
    return f"edges.{layer}" if relation == _ONLY else f"edges.{layer}.{_key(relation)}"


def _table(relation: EdgeType, column: int) -> str:
    return f"edges.codes.{column}" if relation == _ONLY else f"edges.codes.{_key(relation)}.{column}"
