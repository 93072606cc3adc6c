"""Stores and the parts that are cut out of them."""

import numpy as np
import pytest

from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.validate import validate
from heddle.sampling import Parts, store_of
from heddle.sampling.types import ONE_RELATION, Fanout
from heddle.testing.cases.graphs import corner_batch, graph_of, hetero_case, square_cases


def order_of(parts: Parts, key: tuple[str, str, str], taken: np.ndarray) -> np.ndarray:
    """Return the places of sampled edges among the caller's."""
    order = parts.store.order[key]
    return taken if order is None else order[taken]


@pytest.mark.parametrize("edges", square_cases(), ids=lambda edges: edges.name)
def test_all_edges_of_all_nodes_are_the_graph(edges):
    graph = graph_of(edges)
    parts = Parts(store_of(graph))
    actual = parts.around(np.arange(edges.n_senders), Fanout((-1,)), key=0)
    part = validate(actual.graph)
    np.testing.assert_array_equal(part.nodes, graph.nodes)
    back = np.argsort(order_of(parts, ONE_RELATION, actual.sample.edges))
    for field in ("senders", "receivers"):
        np.testing.assert_array_equal(getattr(part, field)[back], getattr(graph, field))
    np.testing.assert_array_equal(part.edges["weight"][back], graph.edges["weight"])
    assert part.globals is None


def test_features_follow_their_nodes_and_edges():
    part = validate(Parts(store_of(corner_batch())).around([7, 2], Fanout((-1,)), key=0).graph)
    assert part.nodes["extra"][0].tolist() == [70, 20, 80, 10]
    assert part.edges[0][:, 0].tolist() == [4.5, 5.5, 0.5, 2.5]


def test_types():
    graph = hetero_case()
    parts = Parts(store_of(graph))
    actual = parts.around(
        {node_type: np.arange(int(n[0])) for node_type, n in graph.n_node.items()}, Fanout((-1,)), key=0
    )
    part, cites = validate(actual.graph), ("paper", "cites", "paper")
    assert isinstance(part, HeteroGraph) and not isinstance(part, Graph)
    np.testing.assert_array_equal(part.nodes["paper"], graph.nodes["paper"])
    back = np.argsort(order_of(parts, cites, actual.sample.edges[cites]))
    np.testing.assert_array_equal(part.edges[cites].senders[back], graph.edges[cites].senders)
    np.testing.assert_array_equal(
        part.edges[cites].features["weight"][back], graph.edges[cites].features["weight"]
    )
