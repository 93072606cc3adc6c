"""The GraphNetwork layer against MLPs on concatenations, in float64."""

import numpy as np
import pytest

from heddle.errors import GraphError
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.batch import batch, unbatch
from heddle.nn.layers.graph_network import GraphNetwork

from .dense import CASES, NAMES, OPS, as_graph, below, features_of, mlp, params_of, propagations_of

LAYERS = {
    "all": GraphNetwork(3, 4, edge_dim=2, global_dim=1, edge_out=5, global_out=2, hidden=6),
    "nodes": GraphNetwork(3, 4),
    "edges, norm": GraphNetwork(3, 4, edge_dim=2, norm=True),
    "globals only out": GraphNetwork(3, 2, global_out=3),
    "globals only in": GraphNetwork(3, 2, global_dim=2),
}


def graph_for(layer, case):
    rng = np.random.default_rng([1, case.n_edges])
    edges = rng.standard_normal((case.n_edges, layer.edge_dim)) if layer.edge_dim else None
    globals_ = rng.standard_normal((1, layer.global_dim)) if layer.global_dim else None
    return as_graph(case, features_of(case, layer.in_dim), edges, globals_)


def on_concatenations(params, graph):
    """Return (nodes, edges, globals) of one graph by algorithm 1."""
    x, w, u = graph.nodes, graph.edges, graph.globals
    e, n = len(graph.senders), len(x)
    parts = [x[graph.senders], x[graph.receivers]]
    parts = parts if w is None else [w, *parts]
    edges = mlp(
        below("edge.", params), np.concatenate(parts if u is None else [*parts, np.repeat(u, e, 0)], axis=1)
    )
    received = np.zeros((n, edges.shape[1]))
    np.add.at(received, graph.receivers, edges)
    parts = [x, received]
    nodes = mlp(
        below("node.", params), np.concatenate(parts if u is None else [*parts, np.repeat(u, n, 0)], axis=1)
    )
    if "global.0.weight" not in params:
        return nodes, edges, u
    parts = [nodes.sum(0, keepdims=True), edges.sum(0, keepdims=True)]
    return (
        nodes,
        edges,
        mlp(below("global.", params), np.concatenate(parts if u is None else [*parts, u], axis=1)),
    )


def adjacency_of(graph):
    n = int(graph.n_node.sum())
    return build_adjacency(graph.senders, graph.receivers, n, n)


def assert_same(graph, expected):
    for actual, value in zip((graph.nodes, graph.edges, graph.globals), expected):
        assert (actual is None) == (value is None)
        if value is not None:
            np.testing.assert_allclose(actual, value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layer_equals_mlps_on_concatenations(layer, case):
    graph, params = graph_for(layer, case), params_of(layer)
    actual = layer.apply_graph(OPS, params, adjacency_of(graph), graph)
    assert_same(actual, on_concatenations(params, graph))


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_batch_equals_its_graphs_one_by_one(layer):
    graphs, params = [graph_for(layer, case) for case in CASES], params_of(layer)
    together = batch(graphs)
    actual = layer.apply_graph(OPS, params, adjacency_of(together), together)
    for one, graph in zip(unbatch(actual), graphs):
        assert_same(one, on_concatenations(params, graph))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_as_a_layer_it_sees_nodes_alone(case):
    layer = LAYERS["nodes"]
    graph, params = graph_for(layer, case), params_of(layer)
    y = layer.apply(OPS, params, propagations_of(case, layer), graph.nodes)
    np.testing.assert_allclose(y, on_concatenations(params, graph)[0], rtol=1e-10, atol=1e-12)


def test_features_of_another_width_are_refused():
    layer = LAYERS["all"]
    graph = graph_for(layer, CASES[NAMES.index("odd")])
    with pytest.raises(GraphError, match="width of edges: found 0, expected 2"):
        layer.apply_graph(OPS, params_of(layer), adjacency_of(graph), graph._replace(edges=None))
    with pytest.raises(GraphError, match="width of nodes: found 7, expected 3"):
        layer.apply_graph(OPS, params_of(layer), adjacency_of(graph), graph._replace(nodes=np.zeros((17, 7))))
