"""Every portable layer: a table that the suites run through. A new layer is one more line here."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.graphs.graph import Array, Graph, HeteroGraph, num_nodes
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.base import AggregatingLayer, BundledLayer
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.graph_block import deep_sets, interaction_network, relation_network
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.layers.hetero_sage import HeteroSAGE
from heddle.nn.layers.hgt import HGT
from heddle.nn.layers.linear import Linear
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.layers.sage import SAGE
from heddle.nn.model import prepare_propagations
from heddle.nn.models.relational import relation_propagations
from heddle.nn.params import ParamSpec
from heddle.ops.graph_ops import GraphOps
from heddle.ops.relational.plan import plan_relations
from heddle.testing.cases.graphs import HETERO_WIDTHS, OWN_WIDTHS, RELATIONS

Apply = Callable[[GraphOps, Mapping[str, Array], Any, Any], Any]
"""(ops, parameters, prepared, graph) -> new node features: an array, node type -> array, or a Graph."""


class LayerCase(NamedTuple):
    """A layer as the suites see it.

    Attributes:
        name: what the tests are called by.
        params: its parameters; the suites draw all of them at random, biases too.
        prepare: (numpy graph) -> what `apply` needs of its structure, a pytree of numpy arrays.
        apply: see `Apply`; on graphs like those of `graphs.graph_of`, or of `graphs.hetero_case`.
        split: the same by way of `aggregate` and `update`; None for a layer without that split.
        inputs: fields of the graph that the layer reads features from.
        hetero: None for a homogeneous layer; else the width that `graphs.hetero_case` is asked for.
    """

    name: str
    params: Mapping[str, ParamSpec]
    prepare: Callable[[Any], Any]
    apply: Apply
    split: Apply | None = None
    inputs: tuple[str, ...] = ("nodes",)
    hetero: int | None = None


def layer_cases() -> tuple[LayerCase, ...]:
    """Return the whole table: features of width 3 go in, narrower and wider ones come out."""
    return (
        of_layer("linear", Linear(3, 2)),
        of_layer("gcn/narrowing", GCN(3, 2)),
        of_layer("gcn/widening", GCN(3, 4)),
        of_layer("sage_mean/narrowing", SAGE(3, 2)),
        of_layer("sage_mean/widening", SAGE(3, 4, bias=False)),
        of_layer("sage_max", SAGE(3, 2, "max")),
        of_layer("gat/one_head", GAT(3, 2)),
        of_layer("gat/heads_side_by_side", GAT(3, 4, heads=2)),
        of_layer("gat/heads_averaged", GAT(3, 2, heads=3, concat=False, bias=False)),
        of_layer("gatv2/heads_side_by_side", GAT(3, 4, heads=2, version=2)),
        of_layer("gatv2/heads_averaged", GAT(3, 2, heads=3, concat=False, version=2)),
        of_layer("gin", GIN(3, 2, norm=False)),
        of_layer("gin/norm", GIN(3, 2, hidden=5)),
        of_layer("cheb/narrowing", ChebConv(3, 2, order=4)),
        of_layer("cheb/widening", ChebConv(3, 4)),
        of_layer("cheb/no_hop", ChebConv(3, 4, order=1)),
        of_layer("diffusion/narrowing", DiffusionConv(3, 2)),
        of_layer("diffusion/widening", DiffusionConv(3, 4, steps=1)),
        of_layer("graph_network/nodes_only", GraphNetwork(3, 2)),
        _graph_network("graph_network", GraphNetwork(3, 2, 2, 2, edge_out=4, global_out=3)),
        _graph_network("graph_network/norm", GraphNetwork(3, 4, 2, 2, hidden=5, norm=True)),
        _interaction_network(),
        _relation_network(),
        _deep_sets(),
        _relational("rgcn", RGCN(RELATIONS, HETERO_WIDTHS, 3), OWN_WIDTHS),
        _relational("rgcn/no_root", RGCN(RELATIONS, 4, 3, root=False, bias=False), 4),
        _relational("rgcn/shared_root", RGCN(RELATIONS, 4, 5, share_root=True), 4),
        _relational("rgcn/bases", RGCN(RELATIONS, 4, 3, bases=2), 4),
        _relational("rgcn/bases_of_widths", RGCN(RELATIONS, HETERO_WIDTHS, 3, bases=2), OWN_WIDTHS),
        _relational("rgcn/blocks_narrowing", RGCN(RELATIONS, 4, 2, blocks=2), 4),
        _relational("rgcn/blocks_widening", RGCN(RELATIONS, 4, 6, blocks=2), 4),
        _planned("rgcn/plan_auto", RGCN(RELATIONS, HETERO_WIDTHS, 3), OWN_WIDTHS, "auto"),
        _planned("rgcn/plan_transform", RGCN(RELATIONS, HETERO_WIDTHS, 3, bases=2), OWN_WIDTHS, "transform"),
        _planned("rgcn/plan_aggregate", RGCN(RELATIONS, HETERO_WIDTHS, 3), OWN_WIDTHS, "aggregate"),
        _planned("rgcn/plan_edge", RGCN(RELATIONS, 4, 6, blocks=2), 4, "edge"),
        _relational("hetero_sage", HeteroSAGE(RELATIONS, HETERO_WIDTHS, 3), OWN_WIDTHS),
        _relational("hetero_sage/mean", HeteroSAGE(RELATIONS, 4, 3, "mean", bias=False), 4),
        _planned(
            "hetero_sage/plan_auto", HeteroSAGE(RELATIONS, HETERO_WIDTHS, 3, "mean"), OWN_WIDTHS, "auto"
        ),
        _planned("hetero_sage/plan_aggregate", HeteroSAGE(RELATIONS, 4, 3), 4, "aggregate"),
        _relational("hgt", HGT(RELATIONS, HETERO_WIDTHS, 3), OWN_WIDTHS),
        _relational("hgt/heads", HGT(RELATIONS, 4, 4, heads=2), 4),
        _planned("hgt/plan_auto", HGT(RELATIONS, HETERO_WIDTHS, 6, heads=3), OWN_WIDTHS, "auto"),
        _planned("hgt/plan_static", HGT(RELATIONS, 4, 4, heads=2), 4, "static"),
        _planned("hgt/plan_transform", HGT(RELATIONS, 4, 4), 4, "transform"),
        _planned("hgt/plan_aggregate", HGT(RELATIONS, HETERO_WIDTHS, 4, heads=2), OWN_WIDTHS, "aggregate"),
        _planned("hgt/plan_edge", HGT(RELATIONS, 4, 4, heads=2), 4, "edge"),
    )


def of_layer(name: str, layer: Any) -> LayerCase:
    """Return the case of a `heddle.nn.layers.base.Layer`, with its split if it is an AggregatingLayer."""

    def split(ops: GraphOps, params: Mapping[str, Array], propagations: Any, graph: Graph) -> Array:
        return layer.update(ops, params, graph.nodes, layer.aggregate(ops, propagations, graph.nodes))

    return LayerCase(
        name,
        layer.params(),
        lambda graph: prepare_propagations(graph, layer.specs()),
        lambda ops, params, propagations, graph: layer.apply(ops, params, propagations, graph.nodes),
        split if isinstance(layer, AggregatingLayer) else None,
    )


def _relational(name: str, layer: BundledLayer, hetero: int) -> LayerCase:
    def prepare(graph: HeteroGraph) -> Any:
        return relation_propagations(graph, layer.specs())

    def apply(ops: GraphOps, params: Mapping[str, Array], propagations: Any, graph: HeteroGraph) -> Any:
        return layer.apply(ops, params, propagations, graph.nodes)

    return LayerCase(name, layer.params(), prepare, apply, hetero=hetero)


def _planned(name: str, layer: BundledLayer, hetero: int, plan: str) -> LayerCase:
    def prepare(graph: HeteroGraph) -> Any:
        featureless = [node_type for node_type, pytree in graph.nodes.items() if pytree is None]
        return prepare_bundles(graph, [plan_relations(graph, layer.shapes(featureless), plan)])

    def apply(ops: GraphOps, params: Mapping[str, Array], prepared: Any, graph: HeteroGraph) -> Any:
        return layer.apply_bundles(ops, params, bundles_of(prepared, 0), graph.nodes)

    return LayerCase(name, layer.params(), prepare, apply, hetero=hetero)


def _graph_network(name: str, layer: GraphNetwork) -> LayerCase:
    def apply(ops: GraphOps, params: Mapping[str, Array], adjacency: Adjacency, graph: Graph) -> Graph:
        return layer.apply_graph(ops, params, adjacency, graph._replace(edges=graph.edges["x"]))

    return _on_adjacency(name, layer.params(), apply)


def _interaction_network() -> LayerCase:
    params = {"edge": ParamSpec((8, 3)), "node": ParamSpec((9, 2))}

    def apply(ops: GraphOps, params: Mapping[str, Array], adjacency: Adjacency, graph: Graph) -> Graph:
        def update_edge(edges: Any, sent: Array, received: Array) -> Array:
            return ops.activate(ops.xp.concat([edges["x"], sent, received], axis=-1) @ params["edge"], "tanh")

        def update_node(nodes: Array, sent: Array, received: Array) -> Array:
            return ops.xp.concat([nodes, sent, received], axis=-1) @ params["node"]

        return interaction_network(
            ops, graph, update_edge, update_node, adjacency=adjacency, aggregate="mean", include_sent=True
        )

    return _on_adjacency("interaction_network", params, apply)


def _relation_network() -> LayerCase:
    params = {"edge": ParamSpec((6, 3)), "global": ParamSpec((3, 2))}

    def apply(ops: GraphOps, params: Mapping[str, Array], adjacency: Adjacency, graph: Graph) -> Graph:
        def update_edge(sent: Array, received: Array) -> Array:
            return ops.activate(ops.xp.concat([sent, received], axis=-1) @ params["edge"], "elu")

        def update_global(edges: Array) -> Array:
            return edges @ params["global"]

        return relation_network(ops, graph, update_edge, update_global, adjacency=adjacency)

    return _on_adjacency("relation_network", params, apply, ("nodes",))


def _deep_sets() -> LayerCase:
    params = {"node": ParamSpec((5, 4)), "global": ParamSpec((4, 2))}

    def apply(ops: GraphOps, params: Mapping[str, Array], adjacency: Adjacency, graph: Graph) -> Graph:
        def update_node(nodes: Array, context: Array) -> Array:
            return ops.activate(ops.xp.concat([nodes, context], axis=-1) @ params["node"], "sigmoid")

        return deep_sets(ops, graph, update_node, lambda nodes: nodes @ params["global"], aggregate="max")

    return _on_adjacency("deep_sets", params, apply, ("nodes", "globals"))


def _on_adjacency(
    name: str,
    params: Mapping[str, ParamSpec],
    apply: Apply,
    inputs: tuple[str, ...] = ("nodes", "edges", "globals"),
) -> LayerCase:
    def prepare(graph: Graph) -> Adjacency:
        return build_adjacency(graph.senders, graph.receivers, num_nodes(graph), num_nodes(graph))

    return LayerCase(name, params, prepare, apply, inputs=inputs)
