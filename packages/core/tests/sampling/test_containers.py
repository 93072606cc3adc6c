"""Containers to samplers and back."""

import numpy as np
import pytest

from heddle.errors import GraphError
from heddle.sample import Fanout
from heddle.sampling import ReferenceSampler, cut, prepare
from heddle.testing.graphs import corner_batch, graph_of, hetero_case, square_cases
from heddle.validate import validate


@pytest.mark.parametrize("edges", square_cases(), ids=lambda edges: edges.name)
def test_all_edges_of_all_nodes_are_the_graph(edges):
    graph = graph_of(edges)
    prepared = prepare(graph)
    sample = ReferenceSampler(prepared.graph).sample(np.arange(edges.n_senders), Fanout((-1,)))
    part = validate(cut(graph, sample, prepared.order))
    np.testing.assert_array_equal(part.nodes, graph.nodes)
    back = np.argsort(prepared.order["", "", ""][sample.edges])
    for field in ("senders", "receivers"):
        np.testing.assert_array_equal(getattr(part, field)[back], getattr(graph, field))
    np.testing.assert_array_equal(part.edges["weight"][back], graph.edges["weight"])
    np.testing.assert_array_equal(part.globals, graph.globals)


def test_features_follow_their_nodes_and_edges():
    graph = corner_batch()
    prepared = prepare(graph)
    part = validate(
        cut(graph, ReferenceSampler(prepared.graph).sample([7, 2], Fanout((-1,))), prepared.order)
    )
    assert part.nodes["extra"][0].tolist() == [70, 20, 80, 10] and part.globals is None
    assert part.edges[0][:, 0].tolist() == [4.5, 5.5, 0.5, 2.5]


def test_types():
    graph = hetero_case()
    prepared = prepare(graph)
    seeds = {kind: np.arange(int(n[0])) for kind, n in graph.n_node.items()}
    sample = ReferenceSampler(prepared.graph).sample(seeds, Fanout((-1,)))
    part = validate(cut(graph, sample, prepared.order))
    np.testing.assert_array_equal(part.nodes["paper"], graph.nodes["paper"])
    cites = ("paper", "cites", "paper")
    back = np.argsort(prepared.order[cites][sample.edges[cites]])
    np.testing.assert_array_equal(part.edges[cites].senders[back], graph.edges[cites].senders)
    np.testing.assert_array_equal(
        part.edges[cites].features["weight"][back], graph.edges[cites].features["weight"]
    )


def test_a_sample_of_another_kind_is_refused():
    prepared = prepare(corner_batch())
    sample = ReferenceSampler(prepared.graph).sample([0], Fanout((1,)))
    with pytest.raises(GraphError, match="cut: sample: found a Sample, expected a sample of a HeteroGraph"):
        cut(hetero_case(), sample, prepared.order)
