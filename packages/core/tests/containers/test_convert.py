"""Conversions: what goes out comes back."""

import sys

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from heddle.errors import GraphError, PluginError
from heddle.graphs.convert import (
    as_hetero,
    from_edge_list,
    from_networkx,
    from_scipy,
    to_edge_list,
    to_homogeneous,
    to_networkx,
    to_scipy,
)
from heddle.graphs.graph import Graph
from heddle.graphs.validate import validate
from heddle.testing.cases.graphs import bare_graph, corner_batch, hetero_case

from .pytrees import assert_apart, assert_equal


@st.composite
def featured(draw):
    """Draw a graph with loops, repeats and isolated nodes, features by name."""
    n = draw(st.integers(0, 6))
    e = draw(st.integers(0, 10)) if n else 0
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    return Graph(
        {"x": rng.random((n, 3)), "kind": rng.integers(0, 4, n)} if n else None,
        {"weight": rng.random(e), "y": rng.integers(0, 9, (e, 2))} if e else None,
        rng.integers(0, max(n, 1), e),
        rng.integers(0, max(n, 1), e),
        {"label": np.array([3])},
        np.array([n]),
        np.array([e]),
    )


@given(featured())
def test_edge_lists(graph):
    pairs = to_edge_list(graph)
    assert pairs.shape == (len(graph.senders), 2)
    back = from_edge_list(
        pairs, int(graph.n_node[0]), nodes=graph.nodes, edges=graph.edges, globals=graph.globals
    )
    assert_equal(back, graph)
    assert_apart(back, graph)
    assert_apart(pairs, graph)


def test_edge_lists_count_nodes():
    assert from_edge_list([(0, 3), (3, 1)]).n_node.tolist() == [4]
    assert from_edge_list([(0, 1)], nodes=np.zeros((5, 2))).n_node.tolist() == [5]
    assert from_edge_list([]).n_node.tolist() == [0]
    assert from_edge_list([], 3).n_edge.tolist() == [0]


def test_undirected_edge_lists_gain_the_way_back():
    graph = from_edge_list([(0, 1), (2, 2), (1, 0)], edges=np.array([5, 6, 7]), directed=False)
    assert to_edge_list(graph).tolist() == [[0, 1], [2, 2], [1, 0], [1, 0], [0, 1]]
    assert graph.edges.tolist() == [5, 6, 7, 5, 7]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_edge_list([(0, 5)], 3), r"receivers\[0\]: found 5, expected an id below 3"),
        (lambda: from_edge_list([(0, -1)]), r"receivers\[0\]: found -1"),
        (lambda: from_edge_list([(0.5, 1.0)]), r"edge_list: found dtype float64 and shape \(1, 2\)"),
        (lambda: from_edge_list([(0, 1, 2)]), r"shape \(1, 3\)"),
        (lambda: from_edge_list([(0, 1)], edges=np.ones(2)), "edges: found 2 rows, expected 1"),
        (
            lambda: from_edge_list([(0, 1)], edges=np.ones(2), directed=False),
            "edges: length: found 2, expected 1",
        ),
    ],
)
def test_broken_edge_lists_are_reported(call, message):
    with pytest.raises(GraphError, match=message):
        call()


@given(featured())
def test_scipy(graph):
    matrix = to_scipy(graph)
    n = int(graph.n_node[0])
    assert matrix.shape == (n, n) and matrix.nnz == len(graph.senders)
    dense = np.zeros((n, n))
    np.add.at(dense, (graph.senders, graph.receivers), graph.edges["weight"] if graph.edges else 1.0)
    np.testing.assert_allclose(matrix.toarray(), dense)
    back = from_scipy(matrix, nodes=graph.nodes)
    np.testing.assert_array_equal(to_edge_list(back), to_edge_list(graph))
    if graph.edges:
        np.testing.assert_array_equal(back.edges["weight"], graph.edges["weight"])


@pytest.mark.parametrize("form", [sp.csr_array, sp.csc_array, sp.coo_matrix, sp.lil_array, sp.dok_array])
def test_scipy_forms(form):
    graph = from_scipy(form(np.array([[0, 2.5, 0], [0, 1.0, 0], [0, 0, 0]])))
    assert sorted(zip(*to_edge_list(graph).T.tolist(), graph.edges["weight"].tolist())) == [
        (0, 1, 2.5),
        (1, 1, 1.0),
    ]
    assert graph.n_node.tolist() == [3]


def test_scipy_weights_by_choice():
    graph = from_edge_list([(0, 1)], edges={"a": np.array([2.0]), "b": np.ones((1, 3))})
    assert to_scipy(graph, "a").data.tolist() == [2.0] and to_scipy(graph, None).data.tolist() == [1.0]
    assert to_scipy(graph._replace(edges=np.array([7.0]))).data.tolist() == [7.0]
    for name in ("weight", "b"):
        with pytest.raises(GraphError, match=f"edges: found .*, expected an entry '{name}'"):
            to_scipy(graph, name)
    with pytest.raises(GraphError, match=r"matrix: shape: found \(2, 3\), expected a square one"):
        from_scipy(sp.csr_array((2, 3)))


@given(featured())
def test_networkx(graph):
    made = to_networkx(graph)
    assert isinstance(made, nx.MultiDiGraph) and made.number_of_nodes() == int(graph.n_node[0])
    back = from_networkx(made, globals=["label"])
    # networkx lists edges by sender, those of one sender in the order they first reached each receiver
    order = edge_order(graph)
    pick = {key: value[order] for key, value in graph.edges.items()} if graph.edges else None
    expected = graph._replace(senders=graph.senders[order], receivers=graph.receivers[order], edges=pick)
    assert_equal(back, expected)


def edge_order(graph):
    ends = to_edge_list(graph).tolist()
    first = {}
    for position, end in enumerate(ends):
        first.setdefault(tuple(end), position)
    return np.array(sorted(range(len(ends)), key=lambda i: (ends[i][0], first[tuple(ends[i])], i)), np.int64)


@given(featured())
def test_undirected_networkx(graph):
    doubled = from_edge_list(
        to_edge_list(graph), int(graph.n_node[0]), nodes=graph.nodes, edges=graph.edges, directed=False
    )
    made = to_networkx(doubled, directed=False)
    assert isinstance(made, nx.MultiGraph) and made.number_of_edges() == len(graph.senders)
    back = from_networkx(made)
    names = sorted(doubled.edges) if doubled.edges else []

    def listed(g):
        rows = zip(*to_edge_list(g).T.tolist(), *(g.edges[name].tolist() for name in names))
        return sorted(map(repr, rows))

    assert listed(back) == listed(doubled)
    assert_equal(back.nodes, doubled.nodes)


def test_networkx_by_hand():
    named = nx.Graph()
    named.add_node("b", x=[1.0, 2.0])
    named.add_node("a", x=[3.0, 4.0])
    named.add_node("alone", x=[5.0, 6.0])
    named.add_edge("a", "b", w=1)
    named.add_edge("a", "a", w=2)
    graph = from_networkx(named)
    assert graph.nodes["x"].tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert to_edge_list(graph).tolist() == [[0, 1], [1, 1], [1, 0]]
    assert graph.edges["w"].tolist() == [1, 2, 1]
    assert from_networkx(named, nodes=[], edges=[]).nodes is None
    karate = from_networkx(nx.karate_club_graph(), nodes=[])
    assert karate.n_node.tolist() == [34] and karate.n_edge.tolist() == [156]
    bare = to_networkx(bare_graph()._replace(nodes=np.array([[1.0], [2.0], [3.0]])))
    assert bare.nodes[2]["x"].tolist() == [3.0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda g: g.add_node(2), "node 2: found no attribute 'x', expected one on each"),
        (lambda g: g.add_node(2, x="red"), "attribute 'x': found 0.5 on node 0, expected numbers"),
        (lambda g: g.add_node(2, x=[1.0, 2.0]), "attribute 'x': found values of different shapes"),
        (lambda g: g.add_edge(1, 0, w=1), "edge 0: found no attribute 'w'"),
    ],
)
def test_uneven_attributes_are_reported(build, message):
    made = nx.DiGraph()
    made.add_nodes_from([0, 1], x=0.5)
    made.add_edge(0, 1)
    build(made)
    with pytest.raises(GraphError, match=message):
        from_networkx(made)


@pytest.mark.parametrize(
    ("graph", "directed", "message"),
    [
        (corner_batch(), True, "graph: found a batch of 5, expected a single graph"),
        (bare_graph()._replace(nodes={"x": {"y": np.zeros(3)}}), True, "nodes: found a dict under 'x'"),
        (
            from_edge_list([(0, 1), (1, 0), (2, 1)]),
            False,
            "edges: found 1 -> 2 without|edges: found 2 -> 1 without",
        ),
        (from_edge_list([(0, 1), (0, 1), (1, 0)]), False, "edges: found 0 -> 1 without its way back"),
    ],
)
def test_graphs_that_networkx_cant_hold_are_reported(graph, directed, message):
    with pytest.raises(GraphError, match=message):
        to_networkx(graph, directed=directed)


@pytest.mark.parametrize(("package", "call"), [("networkx", to_networkx), ("scipy", to_scipy)])
def test_a_missing_package_names_its_extra(monkeypatch, package, call):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PluginError, match=rf"{package}: found no such package.*heddle-core\[convert\]"):
        call(bare_graph())


def test_one_type_and_back():
    graph = corner_batch()
    hetero = validate(as_hetero(graph, "atom", "bond"))
    assert list(hetero.edges) == [("atom", "bond", "atom")] and list(hetero.nodes) == ["atom"]
    assert_equal(hetero.nodes["atom"], graph.nodes)
    assert_equal(hetero.edges["atom", "bond", "atom"].senders, graph.senders)
    assert_apart(hetero, graph)


def test_types_become_one():
    hetero = hetero_case()
    graph, node_types, relations = to_homogeneous(hetero)
    validate(graph)
    assert node_types == ("author", "paper", "topic", "venue") and relations == tuple(hetero.edges)
    assert np.bincount(graph.nodes["type"], minlength=4).tolist() == [5, 6, 0, 4]
    first = {"author": 0, "paper": 5, "topic": 11, "venue": 11}
    for position, key in enumerate(relations):
        of_type = graph.edges["type"] == position
        assert (graph.senders[of_type] - first[key[0]]).tolist() == hetero.edges[key].senders.tolist()
        assert (graph.receivers[of_type] - first[key[2]]).tolist() == hetero.edges[key].receivers.tolist()
    with pytest.raises(GraphError, match=r"n_node\['node'\]: found a batch of 5"):
        to_homogeneous(as_hetero(corner_batch()))
