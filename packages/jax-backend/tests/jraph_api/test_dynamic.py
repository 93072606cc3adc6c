"""dynamically_batch: what a batch holds, and graphs that are too large."""

import numpy as np
import pytest

from heddle.graphs.batch import budget_for
from heddle_jax import jraph_api as jraph

from .graphs import random_graph


def sizes(batch):
    """Return the nodes, edges and graphs of a padded batch that are real."""
    masks = jraph.get_node_padding_mask, jraph.get_edge_padding_mask, jraph.get_graph_padding_mask
    return tuple(int(mask(batch).sum()) for mask in masks)


def stream(*n_node):
    return [random_graph((n,), (2 * n,), seed=n) for n in n_node]


@pytest.mark.parametrize("budget", [(11, 100, 100), (100, 20, 100), (100, 100, 4)])
def test_batches_are_filled_in_order(budget):
    """By whatever runs out first: nodes, edges or graphs."""
    batches = list(jraph.dynamically_batch(iter(stream(3, 3, 4, 5, 2, 3, 1)), *budget))
    assert [sizes(batch) for batch in batches] == [(10, 20, 3), (10, 20, 3), (1, 2, 1)]
    for batch in batches:
        assert (len(batch.nodes), len(batch.senders), len(batch.n_node)) == budget


def test_batches_count_as_the_graphs_they_hold():
    graphs = [random_graph((2, 3), (3, 4), seed=i) for i in range(3)]
    assert [sizes(b) for b in jraph.dynamically_batch(graphs, 100, 100, 5)] == [(10, 14, 4), (5, 7, 2)]


def test_nothing():
    assert list(jraph.dynamically_batch([], 5, 5, 2)) == []


def test_a_graph_that_is_too_large_loses_nothing():
    """Those before it come first, then the error, then the rest of the stream, which Jraph loses."""
    batches = jraph.dynamically_batch(iter(stream(3, 2, 12, 4, 5)), 11, 30, 10)
    assert sizes(next(batches)) == (5, 10, 2)
    with pytest.raises(RuntimeError, match="Found graph bigger than batch size"):
        next(batches)
    assert [sizes(batch) for batch in batches] == [(9, 18, 2)]


@pytest.mark.parametrize("budget", [(11, 30, 10), (30, 11, 10)])
def test_new_shapes(budget):
    """A graph that is too large comes alone, in a shape that others of about its size share."""
    graphs = stream(3, 12, 2, 15, 40, 1)
    batches = list(jraph.dynamically_batch(graphs, *budget, allow_new_shapes=True))
    assert sum(sizes(batch)[2] for batch in batches) == 6
    assert len({len(batch.nodes) for batch in batches}) == 3 if budget[0] == 11 else 4
    total = sum(float(np.sum(graph.nodes)) for graph in graphs)
    assert sum(float(np.sum(batch.nodes)) for batch in batches) == pytest.approx(total)


def test_one_graph_and_one_for_the_padding():
    batches = jraph.dynamically_batch(stream(3), 10, 10, 1)
    with pytest.raises(ValueError, match="The number of graphs"):
        next(batches)


def test_sizes_that_hold_the_largest_graph():
    graphs = stream(3, 12, 2, 15, 40, 1, 2, 2)
    (budget,) = budget_for(graphs, 2, max_shapes=1)
    assert sum(sizes(batch)[2] for batch in jraph.dynamically_batch(graphs, *budget)) == len(graphs)


def test_only_graphs():
    with pytest.raises(ValueError, match="GraphsTuple"):
        next(jraph.dynamically_batch([3], 5, 5, 2))
