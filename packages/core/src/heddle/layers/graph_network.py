"""GraphNetwork: the block of `graph_block` with MLPs as its update functions, as a portable layer."""

from dataclasses import dataclass

from heddle.adjacency import Adjacency
from heddle.errors import GraphError, problem
from heddle.graph import Array, Graph
from heddle.layers.base import Dropout, Params, Supports, along, no_dropout
from heddle.layers.graph_block import pool, spread
from heddle.layers.mlp import MLP
from heddle.ops import GraphOps
from heddle.params import ParamSpec, prefixed, scoped
from heddle.support import AggregateSpec

_SUM = AggregateSpec("sum", "none")


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

    def specs(self) -> tuple[AggregateSpec, ...]:
        return (_SUM,)

    def apply(
        self, ops: GraphOps, params: Params, supports: Supports, x: Array, dropout: Dropout = no_dropout
    ) -> Array:
        """Return the new nodes of a graph that has features on its nodes only."""
        adjacency = supports[_SUM.signature].adjacency
        edges = self._update_edges(ops, params, adjacency, x)
        return self._update_nodes(ops, params, adjacency, x, edges)

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
            found = 0 if value is None else value.shape[-1]
            if found != dim:
                raise GraphError(
                    problem(f"GraphNetwork: width of {field}", found, str(dim), "set it in the layer")
                )
        x, context = graph.nodes, graph.globals
        from_edges, to_edges, to_nodes = None, None, None
        if self.edge_dim:
            from_edges = ops.matmul(graph.edges, self._first(params, "edge")["edges"])
            if adjacency.order is not None:
                from_edges = ops.gather(from_edges, adjacency.order)
        if self.global_dim:
            to_edges = context @ self._first(params, "edge")["globals"]
            to_edges = spread(ops, to_edges, graph.n_edge, adjacency.n_edges)
            to_nodes = context @ self._first(params, "node")["globals"]
            to_nodes = spread(ops, to_nodes, graph.n_node, adjacency.n_receivers)
        edges = self._update_edges(ops, params, adjacency, x, from_edges, to_edges)
        nodes = self._update_nodes(ops, params, adjacency, x, edges, to_nodes)
        if self.global_out:
            pooled = [pool(ops, "sum", nodes, graph.n_node), pool(ops, "sum", edges, graph.n_edge)]
            inputs = ops.xp.concat([*pooled, context] if self.global_dim else pooled, axis=-1)
            context = self._mlp("global").apply(ops, scoped("global", params), inputs)
        if adjacency.order is not None:  # back to the caller's order
            edges = ops.segment_sum(edges, adjacency.order, adjacency.n_edges)
        return graph._replace(nodes=nodes, edges=edges, globals=context)

    def _update_edges(
        self, ops: GraphOps, params: Params, adjacency: Adjacency, x: Array, *more: Array | None
    ) -> Array:
        """Return edges' in the adjacency's order; `more` are further parts of the first product, per edge."""
        first = self._first(params, "edge")
        h = ops.sddmm(adjacency, ops.matmul(x, first["received"]), ops.matmul(x, first["sent"]), "add")
        return self._finish(ops, params, "edge", h, more)

    def _update_nodes(
        self, ops: GraphOps, params: Params, adjacency: Adjacency, x: Array, edges: Array, *more: Array | None
    ) -> Array:
        """Return nodes' from edges' in the adjacency's order; `more` as in `_update_edges`, per node."""
        first = self._first(params, "node")
        received = ops.edge_sum(adjacency, edges, "receivers")
        h = ops.matmul(x, first["nodes"]) + ops.matmul(received, first["received"])
        if self.sent:
            sent = ops.edge_sum(adjacency, edges, "senders")
            h = h + ops.matmul(sent, first["sent"])
        return self._finish(ops, params, "node", h, more)

    def _finish(
        self, ops: GraphOps, params: Params, name: str, h: Array, more: tuple[Array | None, ...]
    ) -> Array:
        for part in more:
            h = h if part is None else h + part
        return self._mlp(name).finish(ops, scoped(name, params), h + along(ops, params[f"{name}.0.bias"], h))

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
