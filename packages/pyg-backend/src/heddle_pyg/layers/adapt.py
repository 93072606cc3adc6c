"""Layers as encoders, so that one layer alone can be used where a model is expected."""

from dataclasses import dataclass
from typing import Any

from heddle.graphs.graph import Array, Graph, HeteroGraph
from heddle.nn.layers.base import Dropout, HeteroLayer, Layer, Params, no_dropout
from heddle.nn.model import GraphModel, Prepared, prepare_propagations
from heddle.nn.models.relational import relation_propagations
from heddle.nn.models.stack import features
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps


@dataclass(frozen=True)
class LayerEncoder:
    """A Layer as an Encoder, with the same parameter names."""

    layer: Layer

    @property
    def out_dim(self) -> int:
        return self.layer.out_dim

    def params(self) -> dict[str, ParamSpec]:
        return self.layer.params()

    def prepare(self, graph: Graph) -> Prepared:
        return {"propagations": prepare_propagations(graph, self.layer.specs())}

    def apply(
        self, ops: GraphOps, params: Params, graph: Graph, prepared: Prepared, dropout: Dropout = no_dropout
    ) -> Array:
        return self.layer.apply(ops, params, prepared["propagations"], features(graph.nodes), dropout)


@dataclass(frozen=True)
class HeteroLayerEncoder:
    """A HeteroLayer as an Encoder: features of all types -> embeddings by type, with the layer's parameter names."""

    layer: HeteroLayer

    @property
    def out_dim(self) -> int:
        return self.layer.out_dim

    def params(self) -> dict[str, ParamSpec]:
        return self.layer.params()

    def prepare(self, graph: HeteroGraph) -> Prepared:
        return {"propagations": relation_propagations(graph, self.layer.specs())}

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        graph: HeteroGraph,
        prepared: Prepared,
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        x = {
            node_type: features(pytree) if pytree is not None else None
            for node_type, pytree in graph.nodes.items()
        }
        return self.layer.apply(ops, params, prepared["propagations"], x, dropout)


def as_encoder(part: Any) -> Any:
    """Return a Model or an Encoder itself, a Layer or a HeteroLayer as an Encoder."""
    if isinstance(part, GraphModel):
        return part
    return HeteroLayerEncoder(part) if isinstance(part, HeteroLayer) else LayerEncoder(part)
