"""RelationalStack: layers over the relations of a heterogeneous graph, one after the other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from heddle.errors import GraphError
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Array, EdgeSet, Graph, HeteroGraph
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.base import (
    BundledLayer,
    Dropout,
    HeteroBlockLayer,
    Params,
    SumsInputs,
    no_dropout,
    relation_key,
)
from heddle.nn.model import Prepared, edge_weight
from heddle.nn.models.edge_inputs import EdgeInputs
from heddle.nn.models.stack import features
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec, Received, build_propagation
from heddle.ops.relational.plan import Choice, check_plan, plan_relations
from heddle.options.input_kinds import NODE_FEATURES
from heddle.sampling.blocks import Block
from heddle.sampling.leaves import sums_alone


@dataclass(frozen=True)
class RelationalStack:
    """x -> dropout, layer, activation -> ... -> dropout, layer on every node type, one layer feeding the next.

    A type without features enters as None, which a layer reads as a table of embeddings of its own. The layers
    agree on one PropagationSpec per relation.

    Attributes:
        plan: one of `heddle.ops.relational.ways.PLANS`: how sums over relations are taken. It never changes a result.
        edges: what features of edges bring to every layer; None where they aren't read.
        reads: further kinds of input that the layers read, of `heddle.engines.inputs`.
    """

    layers: tuple[BundledLayer, ...]
    activation: str = "relu"
    dropout: float = 0.0
    plan: str = "loop"
    edges: EdgeInputs | None = None
    reads: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_plan(self.plan)

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        edges = frozenset() if self.edges is None else self.edges.uses
        return frozenset({NODE_FEATURES}) | edges | self.reads

    @property
    def out_dim(self) -> int:
        return self.layers[-1].out_dim

    def params(self) -> dict[str, ParamSpec]:
        named = (prefixed(f"layers.{i}", layer.params()) for i, layer in enumerate(self.layers))
        specs = {name: spec for layer in named for name, spec in layer.items()}
        if self.edges is not None:
            specs |= self.edges.params([layer.out_dim for layer in self.layers])
        return specs

    def with_static_shapes(self) -> "RelationalStack":
        """Return the stack with "static" in place of "auto": graphs of equal sizes are prepared to equal shapes.

        What "auto" counts, nodes that have edges, differs between batches that were padded to one budget, and an engine
        that compiles for shapes would compile each of them.
        """
        return replace(self, plan="static") if self.plan == "auto" else self

    def with_single_sums(self) -> "RelationalStack":
        """Return the stack that sums over one relation after the other: those of a split graph can't be bundled."""
        return self if self.plan == "loop" else replace(self, plan="loop")

    def prepare(self, graph: HeteroGraph) -> Prepared:
        if isinstance(graph, Graph):
            raise GraphError(
                "model: found a homogeneous graph, expected a heterogeneous one; "
                "convert it with heddle.graphs.convert.as_hetero, or choose a model of homogeneous graphs"
            )
        received = {} if self.edges is None else {"edges": self.edges.prepare(graph)}
        if self.plan != "loop":
            return {"relations": prepare_bundles(graph, self.plans(graph)), **received}
        return {"propagations": self._propagations(graph), **received}

    def _propagations(self, graph: HeteroGraph) -> dict[str, Propagation]:
        specs: dict[str, PropagationSpec] = {}
        for layer in self.layers:
            specs |= layer.specs()
        return relation_propagations(graph, specs)

    def takes_blocks(self, count: int) -> bool:
        """Tell whether `prepare_blocks` of so many blocks goes layer by layer."""
        return count == len(self.layers) and self._all_take_blocks

    @cached_property
    def _all_take_blocks(self) -> bool:
        return all(isinstance(layer, HeteroBlockLayer) for layer in self.layers)

    def leaves(self, featured: Collection[str]) -> frozenset[str]:
        """Return the node types of which the first layer takes nothing but sums of features."""
        first = self.layers[0]
        sums = (
            isinstance(first, SumsInputs)
            and first.sums_inputs
            and all(map(sums_alone, first.specs().values()))
        )
        return frozenset(featured) & {source for source, _, _ in first.relations} if sums else frozenset()

    def prepare_blocks(
        self, graph: HeteroGraph, blocks: Sequence[Block], adjacency: Any = build_adjacency
    ) -> Prepared:
        """Return what `apply` needs of a sampled graph, layer by layer where there is one block for each."""
        if not self.takes_blocks(len(blocks)):
            received = {} if self.edges is None else {"edges": self.edges.prepare(graph)}
            return {"propagations": self._propagations(graph), **received}
        prepared, by_layer = [], []
        for layer, block in zip(self.layers, blocks):
            propagations: dict[str, Propagation | Received] = {}
            specs, leaves = layer.specs(), block.leaves
            for key, senders in block.senders.items():
                if relation_key(key) not in specs or not len(senders):
                    continue
                spec, receivers, n_receivers = (
                    specs[relation_key(key)],
                    block.receivers[key],
                    block.n_receivers[key[2]],
                )
                weight = edge_weight(graph.edges[key].features)
                given = None if weight is None else np.asarray(weight)[block.span[key]]
                if leaves is not None and key[0] in leaves.x:
                    propagations[relation_key(key)] = leaves.received(
                        key[0], senders, receivers, n_receivers, spec, given, self.dropout
                    )
                    continue
                edges = adjacency(senders, receivers, block.n_senders[key[0]], n_receivers)
                edge_weights = None if given is None else given[edges.order]
                propagations[relation_key(key)] = build_propagation(edges, spec, edge_weights)
            receivers = {node_type: np.empty((n, 0), np.int8) for node_type, n in block.n_receivers.items()}
            prepared.append({"propagations": propagations, "receivers": receivers})
            if self.edges is not None:
                by_layer.append(self.edges.prepare_block(graph, block, adjacency))
        fed = _fed(blocks[0], self.dropout)
        return {
            "blocks": tuple(prepared),
            **({"edges": tuple(by_layer)} if by_layer else {}),
            **({"fed": fed} if fed else {}),
        }

    def plans(self, graph: HeteroGraph) -> list[tuple[Choice, ...]]:
        """Return each layer's choice for each relation; layers after the first have features on every type."""
        featureless = {node_type for node_type, pytree in graph.nodes.items() if pytree is None}
        return [
            plan_relations(graph, layer.shapes(() if i else featureless), self.plan, inner=i > 0)
            for i, layer in enumerate(self.layers)
        ]

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        graph: HeteroGraph,
        prepared: Prepared,
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        x = {
            node_type: None if pytree is None else features(pytree)
            for node_type, pytree in graph.nodes.items()
        }
        for i, layer in enumerate(self.layers):
            dropped = prepared.get("fed", {}) if i == 0 else {}
            fed = {
                node_type: dropped[node_type]
                if node_type in dropped
                else z
                if _has_no_features(z)
                else dropout(z, self.dropout)
                for node_type, z in x.items()
            }
            layer_params = scoped(f"layers.{i}", params)
            activation = self.activation if i < len(self.layers) - 1 else "none"
            if "blocks" in prepared:
                block = prepared["blocks"][i]
                receiver_x = {
                    node_type: None if z is None else z[: block["receivers"][node_type].shape[0]]
                    for node_type, z in fed.items()
                }
                y = cast(HeteroBlockLayer, layer).apply_block(
                    ops, layer_params, block["propagations"], fed, receiver_x, dropout
                )
            elif "propagations" in prepared:
                y = layer.apply(ops, layer_params, prepared["propagations"], fed, dropout)
            else:
                bundles = bundles_of(prepared["relations"], i)
                if self.edges is None:
                    x = layer.apply_bundles(ops, layer_params, bundles, fed, dropout, activation)
                    continue
                y = layer.apply_bundles(ops, layer_params, bundles, fed, dropout)
            if self.edges is not None:
                received = prepared["edges"][i] if "blocks" in prepared else prepared["edges"]
                for node_type, rows in self.edges.apply(ops, params, i, received).items():
                    y[node_type] = y[node_type] + rows if node_type in y else rows
            x = {node_type: ops.activate(value, activation) for node_type, value in y.items()}
        return x


def _fed(block: Block, rate: float) -> dict[str, np.ndarray]:
    """Return node type -> the features of a sample's own nodes with dropout, of types that have leaves."""
    leaves = block.leaves
    if leaves is None:
        return {}
    dropped = {node_type: leaves.node_features(node_type, rate) for node_type in leaves.x}
    return {node_type: rows for node_type, rows in dropped.items() if rows is not None}


def _has_no_features(x: Array | None) -> bool:
    """Tell whether a type's nodes are all of a table, or ids of its rows."""
    return x is None or x.ndim == 1


def relation_propagations(graph: HeteroGraph, specs: Mapping[str, PropagationSpec]) -> dict[str, Propagation]:
    """Sort each relation's edges once; return its Propagation by `relation_key`, leaving out those without a spec."""

    def propagation(source: str, target: str, edges: EdgeSet, spec: PropagationSpec) -> Propagation:
        n_senders, n_receivers = int(graph.n_node[source].sum()), int(graph.n_node[target].sum())
        adjacency = build_adjacency(edges.senders, edges.receivers, n_senders, n_receivers)
        weight = edge_weight(edges.features)
        return build_propagation(adjacency, spec, None if weight is None else weight[adjacency.order])

    return {
        relation_key(edge_type): propagation(
            edge_type[0], edge_type[2], edges, specs[relation_key(edge_type)]
        )
        for edge_type, edges in graph.edges.items()
        if relation_key(edge_type) in specs
    }
