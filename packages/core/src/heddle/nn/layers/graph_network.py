"""GraphNetwork: the block of `graph_block` with MLPs as its update functions, as a portable layer."""

from dataclasses import dataclass

from heddle.errors import GraphError, problem
from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array, Graph
from heddle.nn.layers.base import Dropout, Params, Propagations, along, no_dropout
from heddle.nn.layers.graph_block import pool, spread
from heddle.nn.layers.mlp import MLP
from heddle.nn.params import ParamSpec, prefixed, scoped
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import PropagationSpec

_SUM = PropagationSpec("sum", "none")


@dataclass(frozen=True)
class GraphNetwork:
    """edges' = MLP(edges, sent, received, globals), nodes' = MLP(nodes, sum of edges' received, globals),
    globals' = MLP(sum of nodes', sum of edges', globals).

    Source: Battaglia et al. (2018), algorithm 1, with MLPs on the concatenations. None is ever concatenated: the
    first linear layer is split into its parts, and those of nodes and globals are multiplied before they are taken
    to the edges. As a `Layer`, `apply` sees node features alone; `apply_graph` all three.

    Attributes:
        in_dim, edge_dim, global_dim: widths of nodes, edges and globals; 0 for none (nodes: at least 1).
        out_dim, edge_out, global_out: new widths; `edge_out` 0 means out_dim, `global_out` 0
            leaves globals as they are.
        hidden: width inside the MLPs; 0 means out_dim.
        norm: layer normalisation inside the MLPs.
        sent: whether the nodes' MLP also sees the sum of the edges' that a node sends, as in Jraph; the paper's don't.
    """

    in_dim: int
    out_dim: int
    edge_dim: int = 0
    global_dim: int = 0
    edge_out: int = 0
    global_out: int = 0
    hidden: int = 0
    norm: bool = False
    sent: bool = False

    def params(self) -> dict[str, ParamSpec]:
        specs = prefixed("edge", self._mlp("edge").params()) | prefixed("node", self._mlp("node").params())
        return specs | (prefixed("global", self._mlp("global").params()) if self.global_out else {})

    def specs(self) -> tuple[PropagationSpec, ...]:
        return (_SUM,)

    def apply(
        self,
        ops: GraphOps,
        params: Params,
        propagations: Propagations,
        x: Array,
        dropout: Dropout = no_dropout,
    ) -> Array:
        """Return the new nodes of a graph without other features: [n_nodes, node_in] -> [n_nodes, node_out].

        Args:
            propagations: signature -> Propagation, those that `specs()` asks for.
        """
        adjacency = propagations[_SUM.signature].adjacency
        _, received, sent = self._update_edges(ops, params, adjacency, x)
        return self._update_nodes(ops, params, x, received, sent)

    def apply_graph(self, ops: GraphOps, params: Params, adjacency: Adjacency, graph: Graph) -> Graph:
        """Return the graph with new edges (in the caller's order), nodes and globals; each an array or None.

        Args:
            adjacency: of the graph; `adjacency._replace(order=None)` where the graph's edges lie in its order already,
                which spares two passes over them.

        Raises:
            GraphError: edges or globals missing or unexpected, or of another width.
        """
        for field, dim in (("nodes", self.in_dim), ("edges", self.edge_dim), ("globals", self.global_dim)):
            value = getattr(graph, field)
            actual = 0 if value is None else value.shape[-1]
            if actual != dim:
                raise GraphError(
                    problem(f"GraphNetwork: width of {field}", actual, str(dim), "set it in the layer")
                )
        x, edges, context = graph.nodes, graph.edges, graph.globals
        if self.edge_dim and adjacency.order is not None:
            edges = ops.gather(edges, adjacency.order)
        parts = {}
        if self.global_dim:  # an edge has its receiver's globals
            for name in ("edge", "node"):
                part = context @ self._first(params, name)["globals"]
                parts[name] = spread(ops, part, graph.n_node, adjacency.n_receivers)
        edges, received, sent = self._update_edges(ops, params, adjacency, x, edges, parts.get("edge"))
        nodes = self._update_nodes(ops, params, x, received, sent, parts.get("node"))
        if self.global_out:
            pooled = [pool(ops, "sum", each, graph.n_node) for each in (nodes, received)]
            inputs = ops.xp.concat([*pooled, context] if self.global_dim else pooled, axis=-1)
            context = self._mlp("global").apply(ops, scoped("global", params), inputs)
        if adjacency.order is not None:  # back to the caller's order
            edges = ops.segment_sum(edges, adjacency.order, adjacency.n_edges)
        return graph._replace(nodes=nodes, edges=edges, globals=context)

    def _update_edges(
        self,
        ops: GraphOps,
        params: Params,
        adjacency: Adjacency,
        x: Array,
        edges: Array | None = None,
        context: Array | None = None,
    ) -> tuple[Array, Array, Array | None]:
        """Return edges', their sum by receiver and, if `sent`, by sender; edges in the adjacency's order.

        `context`: what the globals add to the hidden layer, per node.
        """
        first = self._first(params, "edge")
        received, sent = ops.matmul(x, first["received"]), ops.matmul(x, first["sent"])
        received = received + along(ops, params["edge.0.bias"], received)
        received = received if context is None else received + context
        if not self.norm:
            given, weight = (edges, first["edges"]) if self.edge_dim else (None, None)
            last, bias = params["edge.1.weight"], params["edge.1.bias"]
            return ops.edge_mlp(adjacency, given, weight, received, sent, last, bias, self.sent)
        h = ops.sddmm(adjacency, received, sent, "add")
        if self.edge_dim:
            h = h + ops.matmul(edges, first["edges"])
        new = self._mlp("edge").finish(ops, scoped("edge", params), h)
        total = ops.edge_sum(adjacency, new, "receivers")
        return new, total, ops.edge_sum(adjacency, new, "senders") if self.sent else None

    def _update_nodes(
        self,
        ops: GraphOps,
        params: Params,
        x: Array,
        received: Array,
        sent: Array | None,
        context: Array | None = None,
    ) -> Array:
        """Return nodes' from the sums of edges'; `context` as in `_update_edges`."""
        first = self._first(params, "node")
        h = ops.matmul(x, first["nodes"]) + ops.matmul(received, first["received"])
        if sent is not None:
            h = h + ops.matmul(sent, first["sent"])
        h = h + along(ops, params["node.0.bias"], h)
        return self._mlp("node").finish(ops, scoped("node", params), h if context is None else h + context)

    def _first(self, params: Params, name: str) -> dict[str, Array]:
        """Return the first weight of an MLP cut into the rows of each part of its input."""
        weight, start, rows = params[f"{name}.0.weight"], 0, {}
        for part, dim in self._inputs(name).items():
            rows[part] = weight[start : start + dim, ...]
            start += dim
        return rows

    def _inputs(self, name: str) -> dict[str, int]:
        """Return the parts that an MLP's input is the concatenation of, with their widths."""
        edge_out = self.edge_out or self.out_dim
        if name == "edge":
            parts = {"edges": self.edge_dim, "sent": self.in_dim, "received": self.in_dim}
        elif name == "node":
            parts = (
                {"nodes": self.in_dim} | ({"sent": edge_out} if self.sent else {}) | {"received": edge_out}
            )
        else:
            parts = {"nodes": self.out_dim, "edges": edge_out}
        return parts | {"globals": self.global_dim}

    def _mlp(self, name: str) -> MLP:
        out = {"edge": self.edge_out or self.out_dim, "node": self.out_dim, "global": self.global_out}[name]
        return MLP((sum(self._inputs(name).values()), self.hidden or self.out_dim, out), norm=self.norm)
