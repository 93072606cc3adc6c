"""pad and unpad."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.errors import BudgetError
from heddle.graphs.batch import Budget, HeteroBudget, batch, pad, unpad
from heddle.graphs.validate import validate
from heddle.testing.cases.graphs import bare_graph, corner_batch, hetero_case

from .pytrees import assert_apart, assert_equal, graph_lists, hetero_lists

rooms = st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(1, 3))


@given(graph_lists(), rooms)
def test_unpad_undoes_pad(graphs, room):
    graph = batch(graphs)
    sizes = int(graph.n_node.sum()), len(graph.senders), len(graph.n_node)
    budget = Budget(*(size + more for size, more in zip(sizes, room)))
    padded = pad(graph, budget)
    validate(padded.graph)
    masks = padded.node_mask, padded.edge_mask, padded.graph_mask
    assert [len(mask) for mask in masks] == list(budget)
    assert [int(mask.sum()) for mask in masks] == list(sizes)
    assert_equal(unpad(padded), graph)
    assert_apart(unpad(padded), padded.graph)
    assert_apart(padded.graph, graph)


@given(hetero_lists(), rooms)
def test_unpad_undoes_pad_of_types(graphs, room):
    graph = batch(graphs)
    n_graphs = len(graphs)
    budget = HeteroBudget(
        {node_type: int(counts.sum()) + room[0] for node_type, counts in graph.n_node.items()},
        {key: len(edges.senders) + room[1] for key, edges in graph.edges.items()},
        n_graphs + room[2],
    )
    padded = pad(graph, budget)
    validate(padded.graph)
    assert {node_type: len(mask) for node_type, mask in padded.node_mask.items()} == budget.n_node
    assert {key: len(mask) for key, mask in padded.edge_mask.items()} == budget.n_edge
    assert_equal(unpad(padded), graph)


def test_padding_by_hand():
    padded = pad(corner_batch(), Budget(12, 9, 8))
    assert padded.graph.n_node.tolist() == [3, 1, 0, 3, 2, 3, 0, 0]
    assert padded.graph.n_edge.tolist() == [4, 0, 0, 0, 2, 3, 0, 0]
    assert padded.graph.senders[6:].tolist() == padded.graph.receivers[6:].tolist() == [9, 9, 9]
    assert not padded.graph.nodes["x"][9:].any() and not padded.graph.globals["g"][5:].any()
    assert padded.node_mask.tolist() == [True] * 9 + [False] * 3
    assert padded.edge_mask.tolist() == [True] * 6 + [False] * 3
    assert padded.graph_mask.tolist() == [True] * 5 + [False] * 3


def test_zeros_at_the_end_are_real_where_the_mask_says_so():
    graph = bare_graph()._replace(nodes=np.zeros((3, 2)))
    padded = pad(graph, Budget(5, 4, 2))
    assert_equal(unpad(padded), graph)


def test_a_full_budget_needs_no_padding():
    padded = pad(corner_batch(), Budget(9, 6, 5))
    assert_equal(padded.graph, corner_batch())
    assert padded.node_mask.all() and padded.edge_mask.all() and padded.graph_mask.all()
    assert pad(corner_batch(), Budget(9, 6, 7)).graph.n_node.tolist() == [3, 1, 0, 3, 2, 0, 0]


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(8, 9, 8), "graph has 9 nodes, budget allows 8; raise budget.n_node or lower batch_size"),
        (Budget(12, 5, 8), "graph has 6 edges, budget allows 5; raise budget.n_edge or lower batch_size"),
        (Budget(12, 9, 4), "graph has 5 graphs, budget allows 4; raise budget.n_graph or lower batch_size"),
        (Budget(9, 8, 8), "a padding node for 2 padding edges to join; raise budget.n_node by 1"),
        (Budget(12, 9, 5), "a graph for the padding; raise budget.n_graph by 1"),
    ],
)
def test_a_graph_that_doesnt_fit_is_refused(budget, message):
    with pytest.raises(BudgetError, match=f"^pad: .*{message}"):
        pad(corner_batch(), budget)


def test_a_type_that_doesnt_fit_is_refused():
    graph = hetero_case()
    n_node = {node_type: int(counts[0]) + 1 for node_type, counts in graph.n_node.items()}
    n_edge = {key: len(edges.senders) + 1 for key, edges in graph.edges.items()}
    with pytest.raises(
        BudgetError, match=r"4 nodes of 'venue', budget allows 3; raise budget.n_node\['venue'\]"
    ):
        pad(graph, HeteroBudget(n_node | {"venue": 3}, n_edge, 2))
    with pytest.raises(BudgetError, match=r"budget\.n_node does not name it"):
        pad(graph, HeteroBudget({"paper": 9}, n_edge, 2))
    with pytest.raises(BudgetError, match="4 nodes, budget allows 4 with a padding node for 1 padding edges"):
        pad(graph, HeteroBudget(n_node | {"venue": 4}, n_edge, 2))
    with pytest.raises(BudgetError, match="1 graphs, budget allows 1 with a graph for the padding"):
        pad(graph, HeteroBudget(n_node, n_edge, 1))
