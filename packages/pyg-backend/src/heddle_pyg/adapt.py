"""Layers as encoders, so that one layer alone can be used where a model is expected."""

from dataclasses import dataclass
from typing import Any

from heddle.graph import Array, Graph, HeteroGraph
from heddle.layers.base import Dropout, HeteroLayer, Layer, Params, no_dropout
from heddle.model import GraphModel, Prepared, prepare_supports
from heddle.models.relational import relation_supports
from heddle.models.stack import features
from heddle.ops import GraphOps
from heddle.params import ParamSpec


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
        return {"supports": prepare_supports(graph, self.layer.specs())}

    def apply(
        self, ops: GraphOps, params: Params, graph: Graph, prepared: Prepared, dropout: Dropout = no_dropout
    ) -> Array:
        return self.layer.apply(ops, params, prepared["supports"], features(graph.nodes), dropout)


@dataclass(frozen=True)
class HeteroLayerEncoder:
    """A HeteroLayer as an Encoder, with the same parameter names."""

    layer: HeteroLayer

    @property
    def out_dim(self) -> int:
        return self.layer.out_dim

    def params(self) -> dict[str, ParamSpec]:
        return self.layer.params()

    def prepare(self, graph: HeteroGraph) -> Prepared:
        return {"supports": relation_supports(graph, self.layer.specs())}

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        graph: HeteroGraph,
        prepared: Prepared,
        dropout: Dropout = no_dropout,
    ) -> dict[str, Array]:
        x = {kind: None if nest is None else features(nest) for kind, nest in graph.nodes.items()}
        return self.layer.apply(ops, params, prepared["supports"], x, dropout)


def as_encoder(part: Any) -> Any:
    """Return a Model or an Encoder itself, a Layer or a HeteroLayer as an Encoder."""
    if isinstance(part, GraphModel):
        return part
    return HeteroLayerEncoder(part) if isinstance(part, HeteroLayer) else LayerEncoder(part)
