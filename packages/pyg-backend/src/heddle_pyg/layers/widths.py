"""check_features: node features of the width and type that a module's first layer reads, or one sentence."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.model import Model
from heddle.nn.models.relational import RelationalStack
from heddle.nn.models.stack import Stack, features
from heddle_pyg.layers.adapt import HeteroLayerEncoder, LayerEncoder


@runtime_checkable
class OneWidth(Protocol):
    """A layer on nodes of one type that says how wide their features are."""

    in_dim: int


@runtime_checkable
class Widths(Protocol):
    """A layer on nodes of several types that says how wide the features of each are."""

    @property
    def widths(self) -> Mapping[str, int]: ...


def check_features(part: Any, graph: Graph | HeteroGraph) -> None:
    """Check the features of the nodes of a graph, where the part's first layer says what it reads.

    Raises:
        GraphError: features of another width, of another shape than [n_nodes, d], or of whole numbers.
    """
    encoder = part.encoder if isinstance(part, Model) else part
    layer = _first_layer(encoder)
    if isinstance(graph, HeteroGraph):
        if isinstance(layer, Widths):
            for node_type, nodes in graph.nodes.items():
                if nodes is not None and node_type in layer.widths:
                    _check(f"node features of {node_type!r}", features(nodes), layer.widths[node_type], layer)
    elif isinstance(layer, OneWidth) and graph.nodes is not None and isinstance(layer.in_dim, int):
        _check("node features", features(graph.nodes), layer.in_dim, layer)


def _first_layer(encoder: Any) -> Any:
    if isinstance(encoder, LayerEncoder | HeteroLayerEncoder):
        return encoder.layer
    if isinstance(encoder, RelationalStack) or (isinstance(encoder, Stack) and encoder.embedding is None):
        return encoder.layers[0]
    return None


def _check(where: str, x: Any, width: int, layer: Any) -> None:
    name = f"PortableModule: {where}"
    shape = tuple(x.shape)
    if len(shape) != 2 or shape[1] != width:
        expected = f"[n_nodes, {width}], the width that {type(layer).__name__} was made with"
        raise GraphError(
            problem(name, f"shape {shape}", expected, "give these, or make it with another in_dim")
        )
    if isinstance(x, torch.Tensor) and not (x.is_floating_point() or x.is_complex()):
        raise GraphError(problem(name, str(x.dtype), "floats", "call .float()"))
