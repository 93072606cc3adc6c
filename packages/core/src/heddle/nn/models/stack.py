"""Stack: layers one after the other on a homogeneous graph, with dropout and an activation between."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from heddle.errors import GraphError
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Array, Graph, num_nodes
from heddle.nn.layers.base import BlockLayer, Dropout, Layer, Params, SumsInputs, no_dropout
from heddle.nn.model import Prepared, edge_weight, prepare_propagations
from heddle.nn.models.edge_inputs import EdgeInputs
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, Received, build_propagation
from heddle.options.input_kinds import NODE_FEATURES
from heddle.sampling.blocks import Block
from heddle.sampling.leaves import sums_alone


@dataclass(frozen=True)
class Stack:
    """x -> dropout, layer, activation -> ... -> dropout, layer (, activation); one layer feeds the next.

    Attributes:
        activation: between layers, and after the last one if `activate_last`.
        dropout: rate on each layer's input in training.
        jump: "last": the last layer's output; "cat": all layers' outputs side by side (Xu et al. 2018).
        residual: add a layer's input to its output where widths agree.
        embedding: shape (n_nodes, width) of a trained table that stands in for node features; None to read those
            of the graph. Without either, every node is a 1. In a sampled graph nodes without features are the rows of
            the table that are meant.
        edges: what features of edges bring to every layer; None where they aren't read.
        reads: further kinds of input that the layers read, of `heddle.engines.inputs`.
    """

    layers: tuple[Layer, ...]
    activation: str = "relu"
    dropout: float = 0.0
    activate_last: bool = False
    jump: str = "last"
    residual: bool = False
    embedding: tuple[int, int] | None = None
    edges: EdgeInputs | None = None
    reads: frozenset[str] = frozenset()

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        edges = frozenset() if self.edges is None else self.edges.uses
        return frozenset({NODE_FEATURES}) | edges | self.reads

    @property
    def out_dim(self) -> int:
        return sum(layer.out_dim for layer in self.layers) if self.jump == "cat" else self.layers[-1].out_dim

    def params(self) -> dict[str, ParamSpec]:
        named = (prefixed(f"layers.{i}", layer.params()) for i, layer in enumerate(self.layers))
        specs = {name: spec for layer in named for name, spec in layer.items()}
        if self.edges is not None:
            specs |= self.edges.params([layer.out_dim for layer in self.layers])
        return (
            specs if self.embedding is None else {"embedding": ParamSpec(self.embedding, rows=True)} | specs
        )

    def prepare(self, graph: Graph) -> Prepared:
        if not isinstance(graph, Graph):
            raise GraphError(
                "model: found a heterogeneous graph, expected a homogeneous one; choose a relational model"
            )
        specs = dict.fromkeys(spec for layer in self.layers for spec in layer.specs())
        prepared: dict[str, Any] = {"propagations": prepare_propagations(graph, tuple(specs))}
        if graph.nodes is None and self.embedding is None:
            prepared["ones"] = np.ones((num_nodes(graph), 1), np.float32)
        if self.edges is not None:
            prepared["edges"] = self.edges.prepare(graph)
        return prepared

    def takes_blocks(self, count: int) -> bool:
        """Tell whether `prepare_blocks` of so many blocks goes layer by layer."""
        return count == len(self.layers) and self.jump != "cat" and self._all_take_blocks

    @cached_property
    def _all_take_blocks(self) -> bool:
        return all(isinstance(layer, BlockLayer) for layer in self.layers)

    def leaves(self, featured: Collection[str]) -> frozenset[str]:
        """Return the node types, "" or none, of which the first layer takes nothing but sums of features."""
        first = self.layers[0]
        sums = isinstance(first, SumsInputs) and first.sums_inputs and all(map(sums_alone, first.specs()))
        return frozenset(featured) if sums and self.embedding is None else frozenset()

    def prepare_blocks(
        self, graph: Graph, blocks: Sequence[Block], adjacency: Any = build_adjacency
    ) -> Prepared:
        """Return what `apply` needs of a sampled graph, layer by layer where there is one block for each.

        Layers that can't be taken on a block, or another number of hops, are prepared for the whole sample: the
        seeds' embeddings are the same, and those of the other nodes come with them.
        """
        if not self.takes_blocks(len(blocks)):
            return self.prepare(graph)
        weight = edge_weight(graph.edges)
        propagations: list[dict[str, Propagation | Received]] = []
        received = []
        for layer, block in zip(self.layers, blocks):
            given = None if weight is None else np.asarray(weight)[block.span]
            if block.leaves is not None:
                ends = block.senders, block.receivers, block.n_receivers
                propagations.append(
                    {
                        spec.signature: block.leaves.received("", *ends, spec, given, self.dropout)
                        for spec in layer.specs()
                    }
                )
            else:
                edges = adjacency(block.senders, block.receivers, block.n_senders, block.n_receivers)
                edge_weights = None if given is None else given[edges.order]
                propagations.append(
                    {spec.signature: build_propagation(edges, spec, edge_weights) for spec in layer.specs()}
                )
            if self.edges is not None:
                received.append(self.edges.prepare_block(graph, block, adjacency))
        leaves = blocks[0].leaves
        fed = None if leaves is None else leaves.node_features("", self.dropout)
        return {
            "blocks": tuple(propagations),
            **({"edges": tuple(received)} if received else {}),
            **({} if fed is None else {"fed": fed}),
        }

    def apply(
        self, ops: GraphOps, params: Params, graph: Graph, prepared: Prepared, dropout: Dropout = no_dropout
    ) -> Array:
        x, outputs = self._inputs(ops, params, graph, prepared), []
        for i, layer in enumerate(self.layers):
            propagations = prepared["blocks"][i] if "blocks" in prepared else {}
            is_summed = any(isinstance(propagation, Received) for propagation in propagations.values())
            fed, receiver_x = prepared.get("fed", x) if is_summed else dropout(x, self.dropout), x
            if "blocks" in prepared:
                n = x.shape[0] if is_summed else next(iter(propagations.values())).adjacency.n_receivers
                receiver_x = x[:n]
                y = cast(BlockLayer, layer).apply_block(
                    ops, self._scope(params, i), propagations, fed, fed[:n], dropout
                )
            else:
                y = layer.apply(ops, self._scope(params, i), prepared["propagations"], fed, dropout)
            if self.edges is not None:
                received = prepared["edges"][i] if "blocks" in prepared else prepared["edges"]
                y = y + self.edges.apply(ops, params, i, received)[""]
            if self.activate_last or i < len(self.layers) - 1:
                y = ops.activate(y, self.activation)
            x = receiver_x + y if self.residual and receiver_x.shape == y.shape else y
            outputs.append(x)
        return ops.xp.concat(outputs, axis=-1) if self.jump == "cat" else x

    def _scope(self, params: Params, i: int) -> Params:
        return scoped(f"layers.{i}", params)

    def _inputs(self, ops: GraphOps, params: Params, graph: Graph, prepared: Prepared) -> Array:
        if self.embedding is not None:
            table = params["embedding"]
            return table if graph.nodes is None else ops.gather(table, features(graph.nodes))
        return prepared["ones"] if graph.nodes is None else features(graph.nodes)


def features(nodes: Any) -> Array:
    """Return the feature matrix [n, d] of a pytree of nodes: the array itself, or its entry "x"."""
    return nodes["x"] if isinstance(nodes, Mapping) else nodes
