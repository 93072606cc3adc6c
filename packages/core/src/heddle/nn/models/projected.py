"""ProjectedEncoder: linear layers before and after layers over relations, so that these are all of one width."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from heddle.graphs.graph import Array, HeteroGraph
from heddle.nn.layers.base import Dropout, Params, along, no_dropout, portable_name
from heddle.nn.layers.relations import times
from heddle.nn.model import Prepared
from heddle.nn.models.stack import features
from heddle.nn.models.wrapped import Wrapped
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps


@dataclass(frozen=True)
class ProjectedEncoder(Wrapped):
    """x[t] -> activation of x[t] W_t + b_t -> the encoder inside -> y W + b.

    A type without features has the rows of W_t as its own, b_t added and without the activation, which would keep half
    of what a row is from being learned. Source: Hu et al., Heterogeneous Graph Transformer (2020),
    section 4.1, where every type is brought to one width first, and layers add to what a node is.

    Parameters: those of the encoder; "in.<type>" [in, hidden] and "in_bias.<type>" [hidden]; where `out` isn't 0, "out"
    [hidden, out] and "out_bias" [out].

    Attributes:
        widths: node type -> width of its features, or its number of nodes if it has none; as sorted pairs.
        hidden: width of what the encoder inside sees, of every type.
        out: width of the result; 0 for that of the encoder inside, as it is.
    """

    widths: tuple[tuple[str, int], ...] = ()
    hidden: int = 64
    out: int = 0
    activation: str = "relu"

    @property
    def out_dim(self) -> int:
        return self.out or self.encoder.out_dim

    def params(self) -> dict[str, ParamSpec]:
        specs = dict(self.encoder.params())
        for node_type, width in self.widths:
            specs[f"in.{portable_name(node_type)}"] = ParamSpec((width, self.hidden))
            specs[f"in_bias.{portable_name(node_type)}"] = ParamSpec((self.hidden,), "zeros")
        if self.out:
            specs["out"] = ParamSpec((self.encoder.out_dim, self.out))
            specs["out_bias"] = ParamSpec((self.out,), "zeros")
        return specs

    def seen(self, graph: Any) -> Any:
        """Return a HeteroGraph whose types all have features, as far as shapes are concerned."""
        if not isinstance(graph, HeteroGraph):
            return graph
        rows = {node_type: int(np.sum(count)) for node_type, count in graph.n_node.items()}
        return graph._replace(
            nodes={node_type: np.empty((n, 0), np.float32) for node_type, n in rows.items()}
        )

    def apply(
        self, ops: GraphOps, params: Params, graph: Any, prepared: Prepared, dropout: Dropout = no_dropout
    ) -> dict[str, Array]:
        nodes = {}
        for node_type, _ in self.widths:
            pytree, name = graph.nodes[node_type], portable_name(node_type)
            given = None if pytree is None else features(pytree)
            x = times(ops, given, params[f"in.{name}"])
            x = x + along(ops, params[f"in_bias.{name}"], x)
            is_table = given is None or given.ndim == 1
            nodes[node_type] = x if is_table else ops.activate(x, self.activation)
        y = self.encoder.apply(ops, params, graph._replace(nodes=nodes), prepared, dropout)
        if not self.out:
            result: dict[str, Array] = y
            return result
        return {
            node_type: ops.matmul(rows, params["out"]) + along(ops, params["out_bias"], rows)
            for node_type, rows in y.items()
        }
