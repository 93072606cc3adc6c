"""Laws every layer keeps: renumbering nodes renumbers the result, padding and batching change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.batch import Budget, HeteroBudget, batch, pad
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.nn.layers.base import relation_key
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.layers.linear import Linear
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.layers.sage import SAGE
from heddle.ops.propagation import build_propagation

from .dense import OPS, params_of

LAYERS = [
    GCN(3, 2),
    SAGE(3, 4),
    SAGE(3, 2, "max"),
    GAT(3, 4, heads=2),
    GAT(3, 4, heads=2, version=2),
    GIN(3, 2),
    ChebConv(3, 2, 3),
    ChebConv(3, 4, 3),
    DiffusionConv(3, 2, 2),
    DiffusionConv(3, 4, 2),
    GraphNetwork(3, 2),
    Linear(3, 2),
]
IDS = [f"{type(layer).__name__} {i}" for i, layer in enumerate(LAYERS)]
BLOCK = GraphNetwork(3, 2, edge_dim=2, global_dim=2, global_out=2)
RELATIONS = (("a", "likes", "b"), ("b", "of", "a"), ("b", "of", "b"))
RGCNS = [
    RGCN(RELATIONS, {"a": 3, "b": 2}, 4),
    RGCN(RELATIONS, {"a": 3, "b": 2}, 1),
    RGCN(RELATIONS, 4, 2, bases=2),
    RGCN(RELATIONS, 4, 6, blocks=2),
]


@st.composite
def graphs(draw, max_nodes=6, max_edges=12):
    """Draw a graph with loops, repeats and isolated nodes: nodes [n, 3], edges [e, 2], globals [1, 2]."""
    n = draw(st.integers(0, max_nodes))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    ends = np.array(draw(st.lists(pairs, max_size=max_edges)) if n else [], np.int64).reshape(-1, 2)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    features = rng.standard_normal((n, 3)), rng.standard_normal((len(ends), 2)), rng.standard_normal((1, 2))
    counts = np.array([n]), np.array([len(ends)])
    return Graph(features[0], features[1], ends[:, 0], ends[:, 1], features[2], *counts)


def apply(layer, graph):
    n = len(graph.nodes)
    adjacency = build_adjacency(graph.senders, graph.receivers, n, n)
    propagations = {spec.signature: build_propagation(adjacency, spec) for spec in layer.specs()}
    return layer.apply(OPS, params_of(layer), propagations, graph.nodes)


def apply_block(graph):
    n = int(graph.n_node.sum())
    adjacency = build_adjacency(graph.senders, graph.receivers, n, n)
    return BLOCK.apply_graph(OPS, params_of(BLOCK), adjacency, graph)


def permuted(graph, seed):
    """Return the graph with nodes and edges renumbered, and the old number of each."""
    rng = np.random.default_rng(seed)
    old_node, old_edge = rng.permutation(len(graph.nodes)), rng.permutation(len(graph.senders))
    new_node = np.argsort(old_node)
    other = graph._replace(
        nodes=graph.nodes[old_node],
        edges=graph.edges[old_edge],
        senders=new_node[graph.senders[old_edge]],
        receivers=new_node[graph.receivers[old_edge]],
    )
    return other, old_node, old_edge


@pytest.mark.parametrize("layer", LAYERS, ids=IDS)
@given(graph=graphs(), seed=st.integers(0, 99))
def test_renumbering_renumbers_the_result(layer, graph, seed):
    other, old_node, _ = permuted(graph, seed)
    np.testing.assert_allclose(apply(layer, other), apply(layer, graph)[old_node], rtol=1e-10, atol=1e-10)


@given(graph=graphs(), seed=st.integers(0, 99))
def test_renumbering_renumbers_edges_and_leaves_globals(graph, seed):
    other, old_node, old_edge = permuted(graph, seed)
    actual, expected = apply_block(other), apply_block(graph)
    np.testing.assert_allclose(actual.nodes, expected.nodes[old_node], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(actual.edges, expected.edges[old_edge], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(actual.globals, expected.globals, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer", LAYERS, ids=IDS)
@given(graph=graphs(), room=st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(1, 3)))
def test_padding_is_inert(layer, graph, room):
    padded = pad(graph, Budget(len(graph.nodes) + room[0], len(graph.senders) + room[1], 1 + room[2]))
    actual = apply(layer, padded.graph)
    assert np.isfinite(actual).all()
    np.testing.assert_allclose(actual[padded.node_mask], apply(layer, graph), rtol=1e-12, atol=1e-12)


@given(graph=graphs(), room=st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(1, 3)))
def test_padding_is_inert_in_edges_and_globals(graph, room):
    padded = pad(graph, Budget(len(graph.nodes) + room[0], len(graph.senders) + room[1], 1 + room[2]))
    actual, expected = apply_block(padded.graph), apply_block(graph)
    for values, mask, real in zip(actual[:2], (padded.node_mask, padded.edge_mask), expected[:2]):
        np.testing.assert_allclose(values[mask], real, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(actual.globals[padded.graph_mask], expected.globals, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS, ids=IDS)
@given(members=st.lists(graphs(max_nodes=4, max_edges=6), min_size=1, max_size=3))
def test_batching_changes_nothing(layer, members):
    apart = np.concatenate([apply(layer, graph) for graph in members])
    np.testing.assert_allclose(apply(layer, batch(members)), apart, rtol=1e-12, atol=1e-12)


@st.composite
def hetero_graphs(draw, widths):
    counts = {node_type: draw(st.integers(0, 5)) for node_type in widths}
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    edges = {}
    for source, relation, target in RELATIONS:
        n_edges = draw(st.integers(0, 8)) if counts[source] and counts[target] else 0
        ends = (
            rng.integers(0, max(counts[source], 1), n_edges),
            rng.integers(0, max(counts[target], 1), n_edges),
        )
        edges[source, relation, target] = EdgeSet(None, *ends, np.array([n_edges]))
    nodes = {
        node_type: rng.standard_normal((counts[node_type], width)) for node_type, width in widths.items()
    }
    return hetero_graph(nodes, edges, {node_type: np.array([n]) for node_type, n in counts.items()})


def apply_hetero(layer, graph):
    propagations = {}
    for key, edges in graph.edges.items():
        sizes = len(graph.nodes[key[0]]), len(graph.nodes[key[2]])
        adjacency = build_adjacency(edges.senders, edges.receivers, *sizes)
        propagations[relation_key(key)] = build_propagation(adjacency, layer.specs()[relation_key(key)])
    return layer.apply(OPS, params_of(layer), propagations, graph.nodes)


@pytest.mark.parametrize("layer", RGCNS, ids=["wide", "narrow", "bases", "blocks"])
@given(data=st.data())
def test_laws_of_relations(layer, data):
    graph = data.draw(hetero_graphs(layer.widths))
    expected = apply_hetero(layer, graph)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    old = {node_type: rng.permutation(len(pytree)) for node_type, pytree in graph.nodes.items()}
    new = {node_type: np.argsort(order) for node_type, order in old.items()}
    other = graph._replace(
        nodes={node_type: pytree[old[node_type]] for node_type, pytree in graph.nodes.items()},
        edges={
            key: edges._replace(senders=new[key[0]][edges.senders], receivers=new[key[2]][edges.receivers])
            for key, edges in graph.edges.items()
        },
    )
    for node_type, value in apply_hetero(layer, other).items():
        np.testing.assert_allclose(value, expected[node_type][old[node_type]], rtol=1e-10, atol=1e-10)
    budget = HeteroBudget(
        {node_type: len(pytree) + 2 for node_type, pytree in graph.nodes.items()},
        {key: len(edges.senders) + 3 for key, edges in graph.edges.items()},
        2,
    )
    padded = pad(graph, budget)
    for node_type, value in apply_hetero(layer, padded.graph).items():
        np.testing.assert_allclose(
            value[padded.node_mask[node_type]], expected[node_type], rtol=1e-12, atol=1e-12
        )
