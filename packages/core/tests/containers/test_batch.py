"""batch and unbatch."""

import time

import numpy as np
import pytest
from hypothesis import given

from heddle.errors import GraphError
from heddle.graphs.batch import batch, unbatch
from heddle.graphs.graph import Graph
from heddle.graphs.validate import validate
from heddle.testing.cases.graphs import bare_graph, corner_batch, hetero_case

from .pytrees import assert_apart, assert_equal, graph_lists, hetero_lists


@given(graph_lists())
def test_unbatch_undoes_batch(graphs):
    together = batch(graphs)
    validate(together)
    apart = unbatch(together)
    assert len(apart) == len(graphs)
    for actual, graph in zip(apart, graphs):
        assert_equal(actual, graph)
        assert_apart(actual, together)
        assert_apart(together, graph)


@given(hetero_lists())
def test_unbatch_undoes_batch_of_types(graphs):
    together = batch(graphs)
    validate(together)
    apart = unbatch(together)
    assert len(apart) == len(graphs)
    for actual, graph in zip(apart, graphs):
        assert_equal(actual, graph)
        assert_apart(actual, together)


def test_corner_batch_by_hand():
    path, single, empty, no_edges, two = unbatch(corner_batch())
    assert path.senders.tolist() == [2, 0, 1, 1] and path.receivers.tolist() == [2, 1, 2, 0]
    assert single.n_node.tolist() == [1] and single.nodes["x"].tolist() == [[1.5, 1.75]]
    assert empty.nodes["x"].shape == (0, 2) and empty.globals["g"].tolist() == [[2.0]]
    assert no_edges.n_edge.tolist() == [0] and no_edges.nodes["extra"][0].tolist() == [40, 50, 60]
    assert two.senders.tolist() == [1, 1] and two.receivers.tolist() == [0, 0]
    assert_equal(batch([path, single, empty, no_edges, two]), corner_batch())


def test_batches_count_as_the_graphs_they_hold():
    twice = batch([corner_batch(), corner_batch()])
    assert twice.n_node.tolist() == [3, 1, 0, 3, 2] * 2
    assert twice.senders[6:].tolist() == (corner_batch().senders + 9).tolist()
    assert_equal(batch(unbatch(twice)), twice)


def test_batch_of_no_graphs_inside():
    none = Graph(np.zeros((0, 2)), None, *np.zeros((2, 0), int), None, *np.zeros((2, 0), int))
    assert unbatch(none) == []
    assert batch([none, none]).n_node.tolist() == []


def test_ids_that_no_longer_fit_become_int64():
    ids = np.array([0, 99], np.int8)
    graph = Graph(None, None, ids, ids, None, np.array([100]), np.array([2]))
    together = batch([graph, graph])
    assert together.senders.dtype == np.int64 and together.senders.tolist() == [0, 99, 100, 199]


def test_a_thousand_graphs_in_one_go():
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 20, (2, 40))
    graph = Graph({"x": rng.random((20, 8))}, None, *ends, None, np.array([20]), np.array([40]))
    start = time.process_time()  # whatever else the machine does
    assert batch([graph] * 1024).nodes["x"].shape == (20480, 8)
    assert time.process_time() - start < 2  # takes about 20 ms


def features(nodes):
    return bare_graph()._replace(nodes=nodes)


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "batch: found no graphs, expected at least one"),
        ([bare_graph(), hetero_case()], r"graphs\[1\]: found a HeteroGraph, expected graphs of one kind"),
        ([1], r"graphs\[0\]: found a int"),
        (
            [features({"x": np.zeros(3)}), features({"y": np.zeros(3)})],
            r"graphs\[1\].nodes: found a pytree with \['y'\], expected a pytree with \['x'\] as in graphs\[0\]",
        ),
        ([features(np.zeros(3)), bare_graph()], r"graphs\[1\].nodes: found None, expected an array"),
        (
            [features(np.zeros((3, 2))), features(np.zeros((3, 5)))],
            r"graphs\[1\].nodes: found rows of shape \(5,\), expected \(2,\) as in graphs\[0\]",
        ),
    ],
)
def test_graphs_that_dont_match_are_refused(graphs, message):
    with pytest.raises(GraphError, match=message):
        batch(graphs)


def test_types_that_dont_match_are_refused():
    graph = hetero_case()
    fewer = graph._replace(edges={k: v for k, v in graph.edges.items() if k[1] != "cites"})
    with pytest.raises(GraphError, match=r"graphs\[1\].edges: found .*; give each graph every type"):
        batch([graph, fewer])
