"""GraphNetworkStack: rounds of graph networks that carry edges along with nodes."""

from dataclasses import dataclass

from heddle.graphs.graph import Array, Graph
from heddle.nn.layers.base import Dropout, Params, no_dropout
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.model import Prepared
from heddle.nn.models.stack import Stack, features
from heddle.ops.graph_ops import GraphOps
from heddle.options.input_kinds import EDGE_FEATURES, NODE_FEATURES


@dataclass(frozen=True)
class GraphNetworkStack(Stack):
    """A Stack of GraphNetworks in which each round's edges are the next one's, too."""

    layers: tuple[GraphNetwork, ...]

    @property
    def uses(self) -> frozenset[str]:
        """The kinds of input that are read; of edges, each round reads the last one's."""
        return frozenset({NODE_FEATURES} | ({EDGE_FEATURES} if self.layers[0].edge_dim else set()))

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        graph: Graph,
        prepared: Prepared,
        dropout: Dropout = no_dropout,
    ) -> Array:
        (propagation,) = prepared["propagations"].values()
        edges = features(graph.edges) if self.layers[0].edge_dim else None
        graph = graph._replace(nodes=self._inputs(ops, params, graph, prepared), edges=edges, globals=None)
        for i, layer in enumerate(self.layers):
            graph = graph._replace(nodes=dropout(graph.nodes, self.dropout))
            graph = layer.apply_graph(ops, self._scope(params, i), propagation.adjacency, graph)
            if self.activate_last or i < len(self.layers) - 1:
                graph = graph._replace(nodes=ops.activate(graph.nodes, self.activation))
        return graph.nodes
