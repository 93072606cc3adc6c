"""SGC: averages over neighbours, several times, and one linear map; a model that runs on every engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from heddle.errors import ConfigError
from heddle.graphs.graph import Graph
from heddle.nn.layers.base import Dropout, Params, no_dropout
from heddle.nn.model import ModelSpec, Prepared, prepare_propagations
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, PropagationSpec
from heddle.options.input_kinds import EDGE_WEIGHTS, NODE_FEATURES
from loom_numpy.plugin import SgcOptions

_GCN = PropagationSpec("sum", "gcn")


def sgc(options: SgcOptions, model_spec: ModelSpec) -> "SGC":
    """Build the encoder that `model=sgc` describes.

    Raises:
        ConfigError: a heterogeneous graph, or nodes without features.
    """
    if model_spec.relations or not model_spec.in_dim:
        raise ConfigError(
            f"model=sgc: found a {'heterogeneous' if model_spec.relations else 'featureless'} graph, expected a "
            "homogeneous one whose nodes have features; choose another model"
        )
    assert isinstance(model_spec.in_dim, int)
    out_dim = model_spec.out_dim if model_spec.level == "node" else options.hidden
    return SGC(model_spec.in_dim, out_dim, options.hops, options.dropout)


@dataclass(frozen=True)
class SGC:
    """y = S^hops x W + b with GCN's S. Source: Wu et al., Simplifying Graph Convolutional Networks (2019), eq. 8.

    S^hops x has no parameters, so it is computed once, with the graph's structure.
    """

    in_dim: int
    out_dim: int
    hops: int = 2
    dropout: float = 0.0

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read."""
        return frozenset({NODE_FEATURES, EDGE_WEIGHTS})

    def params(self) -> dict[str, ParamSpec]:
        return {"weight": ParamSpec((self.in_dim, self.out_dim)), "bias": ParamSpec((self.out_dim,), "zeros")}

    def prepare(self, graph: Graph) -> Prepared:
        x = np.asarray(graph.nodes["x"] if isinstance(graph.nodes, Mapping) else graph.nodes)
        propagation = prepare_propagations(graph, (_GCN,))[_GCN.signature]
        for _ in range(self.hops):
            x = averaged(propagation, x)
        return {"averaged": x}

    def apply(
        self, ops: GraphOps, params: Params, graph: Graph, prepared: Prepared, dropout: Dropout = no_dropout
    ) -> Any:
        y = dropout(prepared["averaged"], self.dropout) @ params["weight"]
        return y + ops.xp.reshape(params["bias"], (1, -1))


def averaged(propagation: Propagation, x: np.ndarray) -> np.ndarray:
    """Apply a Propagation of numpy arrays: [n_nodes, d] -> [n_nodes, d], without building [n_edges, d]."""
    adjacency, weight, loop = propagation
    assert weight is not None and loop is not None  # what the normalisation "gcn" gives
    y = loop[:, None] * x
    for node, (start, end) in enumerate(zip(adjacency.indptr[:-1], adjacency.indptr[1:])):
        y[node] += weight[start:end] @ x[adjacency.senders[start:end]]
    return y
