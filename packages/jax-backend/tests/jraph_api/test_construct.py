"""Graphs from a matrix, fully connected ones, and functions of concatenated arguments."""

import jax
import numpy as np
import pytest

from heddle_jax import jraph_api as jraph


@pytest.mark.parametrize(
    "senders, receivers, values, n_node, expected",
    [
        ([0], [0], [2], [1], ([0, 0], [0, 0], [1], [2])),
        ([0, 0, 1, 2, 2], [0, 1, 2, 0, 1], [1] * 5, 3, ([0, 0, 1, 2, 2], [0, 1, 2, 0, 1], [3], [5])),
        ([], [], [], 1, ([], [], [1], [0])),
        ([], [], [], 0, ([], [], [0], [0])),
        ([1], [0], [1], 2, ([1], [0], [2], [1])),
    ],
)
def test_sparse_matrix_to_graphs_tuple(senders, receivers, values, n_node, expected):
    arrays = (np.array(value) for value in (senders, receivers, values, n_node))
    graph = jraph.sparse_matrix_to_graphs_tuple(*arrays)
    actual = graph.senders, graph.receivers, graph.n_node, graph.n_edge
    assert tuple(array.tolist() for array in actual) == expected
    assert graph.nodes is None and graph.edges is None and graph.globals is None
    assert all(np.issubdtype(array.dtype, np.integer) for array in actual)


@pytest.mark.parametrize("value", [0.5, -1])
def test_values_that_count_no_edges(value):
    with pytest.raises(ValueError, match=r"values\[1\]"):
        jraph.sparse_matrix_to_graphs_tuple(
            np.array([0, 1]), np.array([1, 0]), np.array([1, value]), np.array(2)
        )


@pytest.mark.parametrize("n_node, n_graph", [(1, 1), (5, 5), (0, 1), (1, 0)])
@pytest.mark.parametrize("loops", [True, False])
def test_fully_connected(n_node, n_graph, loops):
    graph = jraph.get_fully_connected_graph(n_node, n_graph, add_self_edges=loops)
    assert graph.n_node.tolist() == [n_node] * n_graph
    for one in jraph.unbatch(graph):
        pairs = list(zip(one.senders.tolist(), one.receivers.tolist()))
        wanted = {(s, r) for s in range(n_node) for r in range(n_node) if loops or s != r}
        assert len(pairs) == len(wanted) == one.n_edge[0] and set(pairs) == wanted


def test_the_order_of_edges():
    graph = jraph.get_fully_connected_graph(3, 1)
    assert (graph.senders.tolist(), graph.receivers.tolist()) == ([0, 1, 2] * 3, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    graph = jraph.get_fully_connected_graph(3, 1, add_self_edges=False)
    assert (graph.senders.tolist(), graph.receivers.tolist()) == ([1, 2, 2, 0, 0, 1], [0, 0, 1, 1, 2, 2])


def test_features_inside_jit():
    """Broken in Jraph on today's JAX."""
    build = jax.jit(jraph.get_fully_connected_graph, static_argnums=(0, 1))
    graph = build(2, 3, {"x": np.ones((6, 4))}, np.ones((3, 1)))
    assert graph.nodes["x"].shape == (6, 4) and graph.globals.shape == (3, 1)


@pytest.mark.parametrize(
    "features", [{"node_features": np.ones((5, 1))}, {"global_features": np.ones((2, 1))}]
)
def test_features_with_another_number_of_rows(features):
    with pytest.raises(ValueError, match="rows"):
        jraph.get_fully_connected_graph(2, 3, **features)


def test_concatenated_args():
    a, b, c = np.ones((2, 1)), np.zeros((2, 3)), np.full((2, 2), 2.0)

    @jraph.concatenated_args
    def update(features):
        """Return features."""
        return features

    expected = np.concatenate([a, b, c], axis=1)
    np.testing.assert_array_equal(update(a, {"x": b, "y": None}, last=c), expected)
    assert (update.__name__, update.__doc__) == ("update", "Return features.")
    by_row = jraph.concatenated_args(axis=0)(lambda features: features)
    np.testing.assert_array_equal(by_row(a.T, last={"z": a.T}), np.ones((2, 2)))
