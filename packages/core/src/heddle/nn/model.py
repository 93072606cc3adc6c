"""Model: an encoder of nodes and a head that answers what a task asks, as pure functions on any engine's arrays."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Array, EdgeType, Graph, HeteroGraph, num_nodes
from heddle.nn.heads import Head
from heddle.nn.layers.base import Dropout, Params, no_dropout
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec, build_propagation
from heddle.options.input_kinds import NODE_FEATURES

Prepared = Mapping[str, Any]
"""What a model needs of a graph besides its features: propagations by signature, graph ids ... Numpy at first, then the
engine's arrays; a pytree whose shapes follow from the graph's sizes alone."""


class ModelSpec(NamedTuple):
    """What a dataset and a task ask of a model: all that a model builder needs besides its config.

    Attributes:
        level: "node", "edge", "graph", "link", or "step" of a forecast: what a prediction is about.
        in_dim: width of the node features; node type -> width in a heterogeneous graph; 0 where there are none.
        edge_dim: width of the edge features, 0 where there are none; relation -> width in a heterogeneous graph, of
            those that have some.
        out_dim: outputs per prediction: classes, labels or regression targets; 0 for links.
        n_node: node type -> number of nodes; "" in a homogeneous graph. For embeddings of featureless nodes.
        relations: relations of a heterogeneous graph, () in a homogeneous one.
        target_type: node type that is predicted, or of links' and asked edges' first ends; "" in a homogeneous graph.
        n_link_types: relations that a link prediction distinguishes; 0 if links have none.
        window: steps that a forecast reads and predicts (`heddle.graphs.dynamic.signal.Signal`); else (0, 0).
        receiver_type: node type of links' and asked edges' last ends if it isn't `target_type`; else "".
        asked_dim: width of the float columns that each asked edge brings along; 0 for none.
        asked_codes: number of codes of each of its columns of categories.
        codes: node type -> number of codes of each column of categories; "" in a homogeneous graph. Types without any
            are left out.
        edge_codes: relation -> the same for edges; ("", "", "") in a homogeneous graph.
        target_scales: (mean, deviation) of each of a regression's training targets, in which outputs are counted; ()
            for outputs as they are.
    """

    level: str
    in_dim: int | Mapping[str, int]
    edge_dim: int | Mapping[EdgeType, int]
    out_dim: int
    n_node: Mapping[str, int]
    relations: tuple[EdgeType, ...] = ()
    target_type: str = ""
    n_link_types: int = 0
    window: tuple[int, int] = (0, 0)
    receiver_type: str = ""
    asked_dim: int = 0
    asked_codes: tuple[int, ...] = ()
    codes: Mapping[str, tuple[int, ...]] = {}
    edge_codes: Mapping[EdgeType, tuple[int, ...]] = {}
    target_scales: tuple[tuple[float, float], ...] = ()


class Batch(NamedTuple):
    """What one step or one prediction sees.

    Attributes:
        graph: features and edges; for several graphs, a batch of them.
        prepared: `model.prepare(graph)`.
        index: node task: [m] int nodes asked about; graph task: [m] int graphs; link task: [m, 2] (sender, receiver)
            or [m, 3] (head, relation, tail) int.
        targets: [m] int64 classes, [m, t] float labels or values, [m] float 0/1 for links; None when predicting.
        mask: shape of `targets`, bool; False where a target is unknown or padding. None when predicting.
        divisor: scalar float, what the sum of the losses is divided by: the known targets of a step on average over an
            epoch, where batches hold more and less of them; None for those of this batch.
        asked: edge task, whose index is [m, 2] (sender, receiver): what each asked edge itself holds, "x" [m, d]
            float and "codes" [m, c] int, those there are; else None.
        weights: [m] float, by what the loss of each entry is multiplied, of a mean of 1 over training; None for 1.
        groups: ranking: [m] int from 0 to m - 1, the group of each entry; else None.
    """

    graph: Graph | HeteroGraph
    prepared: Prepared
    index: Array
    targets: Array | None = None
    mask: Array | None = None
    divisor: Array | None = None
    asked: Mapping[str, Array] | None = None
    weights: Array | None = None
    groups: Array | None = None


class Encoder(Protocol):
    """Turns a graph into node embeddings; what a third party's model plugin returns."""

    @property
    def out_dim(self) -> int:
        """Width of the embeddings."""
        ...

    def params(self) -> dict[str, ParamSpec]: ...

    def prepare(self, graph: Any) -> Prepared:
        """Build what `apply` needs of the structure of a Graph (or HeteroGraph), in numpy; runs once per graph."""
        ...

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        graph: Any,
        prepared: Prepared,
        dropout: Dropout = no_dropout,
    ) -> Any:
        """Return [n_nodes, out_dim], or node type -> [n_nodes, out_dim] for a heterogeneous graph."""
        ...


@runtime_checkable
class StaticEncoder(Encoder, Protocol):
    """An encoder whose prepared arrays can be made to follow from the sizes of a graph alone."""

    def with_static_shapes(self) -> Encoder:
        """Return the encoder for engines that compile for shapes."""
        ...


@runtime_checkable
class SplitEncoder(Encoder, Protocol):
    """An encoder that may take each sum over edges by itself, as a graph that lies on several devices wants."""

    def with_single_sums(self) -> Encoder:
        """Return the encoder whose prepared arrays are Propagations, one for each set of edges."""
        ...


@runtime_checkable
class BlockEncoder(Encoder, Protocol):
    """An encoder that may compute a sample of a graph layer by layer."""

    def takes_blocks(self, count: int) -> bool:
        """Tell whether it computes a sample of so many hops layer by layer."""
        ...

    def prepare_blocks(self, graph: Any, blocks: Any, adjacency: Any) -> Prepared:
        """Return what is needed of a sampled graph, block by block (`heddle.sampling.blocks`)."""
        ...


@runtime_checkable
class LeafEncoder(BlockEncoder, Protocol):
    """A BlockEncoder whose first layer may take nothing but sums of its senders' features."""

    def leaves(self, featured: Collection[str]) -> frozenset[str]:
        """Return which of some node types, that have features, are read so; "" in a homogeneous graph."""
        ...


@runtime_checkable
class LayeredEncoder(Encoder, Protocol):
    """An encoder of layers one after the other."""

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers, in the order in which they are computed."""
        ...


@runtime_checkable
class StatesInputs(Protocol):
    """An encoder or an engine's own model that says which kinds of input it reads; others read node features alone."""

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read: names of `heddle.engines.inputs`."""
        ...


@runtime_checkable
class PlannedEncoder(Encoder, Protocol):
    """An encoder that chooses, for each relation, how the sum over it is taken."""

    def plans(self, graph: HeteroGraph) -> list[Any]:
        """Return each layer's `heddle.ops.relational.plan.Choice` for each relation."""
        ...


@runtime_checkable
class GraphModel(Protocol):
    """A model that is prepared for a graph, portable or an engine's own; one that reads windows of snapshots isn't."""

    def prepare(self, graph: Any) -> Prepared:
        """Return what `apply` needs of the structure of a graph."""
        ...


@runtime_checkable
class BlockModel(GraphModel, Protocol):
    """A GraphModel that is prepared for a sampled graph hop by hop, where its encoder can be."""

    def takes_blocks(self, count: int) -> bool:
        """Tell whether it computes a sample of so many hops layer by layer."""
        ...

    def prepare_blocks(self, graph: Any, blocks: Any, adjacency: Any = build_adjacency) -> Prepared:
        """Return what is needed of a sampled graph."""
        ...


@runtime_checkable
class LeafModel(BlockModel, Protocol):
    """A BlockModel that may take nothing but sums of the outermost nodes' features."""

    def leaves(self, featured: Collection[str]) -> frozenset[str]:
        """Return of which of some node types, that have features; "" in a homogeneous graph."""
        ...


@dataclass(frozen=True)
class Model:
    """An encoder and a head, trained together; parameters are named "encoder. ..." and "head. ..."."""

    encoder: Encoder
    head: Head

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that the encoder reads."""
        return uses_of(self.encoder)

    @cached_property
    def _by_blocks(self) -> BlockEncoder | None:
        """The encoder, if it may compute a sample layer by layer; asked for every batch."""
        return self.encoder if isinstance(self.encoder, BlockEncoder) else None

    def params(self) -> dict[str, ParamSpec]:
        return prefixed("encoder", self.encoder.params()) | prefixed("head", self.head.params())

    def with_static_shapes(self) -> "Model":
        """Return the model as engines that compile for shapes want it of batches: prepared arrays follow from sizes."""
        if not isinstance(self.encoder, StaticEncoder):
            return self
        return replace(self, encoder=self.encoder.with_static_shapes())

    def with_single_sums(self) -> "Model":
        """Return the model as engines want it of a graph that is split over devices: a Propagation for each sum."""
        if not isinstance(self.encoder, SplitEncoder):
            return self
        return replace(self, encoder=self.encoder.with_single_sums())

    def prepare(self, graph: Graph | HeteroGraph) -> Prepared:
        return {**self.encoder.prepare(graph), **self.head.prepare(graph)}

    def takes_blocks(self, count: int) -> bool:
        """Tell whether the encoder computes a sample of so many hops layer by layer."""
        return self._by_blocks is not None and self._by_blocks.takes_blocks(count)

    def leaves(self, featured: Collection[str]) -> frozenset[str]:
        """Return of which node types the encoder takes nothing but sums of the outermost nodes' features."""
        return self.encoder.leaves(featured) if isinstance(self.encoder, LeafEncoder) else frozenset()

    def prepare_blocks(
        self, graph: Graph | HeteroGraph, blocks: Any, adjacency: Any = build_adjacency
    ) -> Prepared:
        """Return what is needed of a sampled graph, block by block (`heddle.sampling.blocks`) if the encoder can."""
        if self._by_blocks is not None:
            encoder = self._by_blocks.prepare_blocks(graph, blocks, adjacency)
        else:
            encoder = self.encoder.prepare(graph)
        return {**encoder, **self.head.prepare(graph)}

    def embed(self, ops: GraphOps, params: Params, batch: Batch, dropout: Dropout = no_dropout) -> Any:
        """Return the encoder's node embeddings, [n_nodes, d]; of a heterogeneous graph, node type -> [n_nodes, d]."""
        return self.encoder.apply(ops, scoped("encoder", params), batch.graph, batch.prepared, dropout)

    def apply(self, ops: GraphOps, params: Params, batch: Batch, dropout: Dropout = no_dropout) -> Array:
        """Return one row of outputs per entry of `batch.index`: [m, out_dim], or [m] scores of links."""
        embedded = self.embed(ops, params, batch, dropout)
        head_params = scoped("head", params)
        return self.head.apply(ops, head_params, embedded, batch.prepared, batch.index, dropout, batch.asked)


def uses_of(model: Any) -> frozenset[str]:
    """Return the kinds of input that a model or an encoder reads: those it states, else node features alone."""
    return model.uses if isinstance(model, StatesInputs) else frozenset({NODE_FEATURES})


def edge_weight(edges: Any) -> Array | None:
    """Return the weights of edges: a pytree's entry "weight" [n_edges], else None."""
    return edges.get("weight") if isinstance(edges, Mapping) else None


def prepare_propagations(graph: Graph, specs: tuple[PropagationSpec, ...]) -> dict[str, Propagation]:
    """Sort the graph's edges once and return the Propagation of each spec by its signature."""
    n = num_nodes(graph)
    adjacency = build_adjacency(graph.senders, graph.receivers, n, n)
    weight = edge_weight(graph.edges)
    sorted_weight = None if weight is None else np.asarray(weight)[adjacency.order]
    return {spec.signature: build_propagation(adjacency, spec, sorted_weight) for spec in specs}
