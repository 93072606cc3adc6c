"""GraphConvolution against its formula in numpy, with and without a prepared operator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle_jax import jraph_api as jraph

from .graphs import random_graph

GRAPH = random_graph((6, 5), (17, 13), seed=3)


def dense(loops, symmetric):
    """Return the operator as a matrix, receivers by senders."""
    matrix = np.zeros((11, 11))
    np.add.at(matrix, (np.asarray(GRAPH.receivers), np.asarray(GRAPH.senders)), 1)
    matrix += np.eye(11) * loops
    if not symmetric:
        return matrix
    received, sent = (1 / np.sqrt(np.maximum(matrix.sum(axis=axis), 1)) for axis in (1, 0))
    return received[:, None] * matrix * sent


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("prepared", [False, True])
def test_values(loops, symmetric, prepared):
    network = jraph.GraphConvolution(lambda x: 2 * x, add_self_edges=loops, symmetric_normalization=symmetric)
    propagation = jraph.convolution_propagation(GRAPH, loops, symmetric) if prepared else None
    actual = jax.jit(network)(GRAPH, propagation)
    np.testing.assert_allclose(actual.nodes, dense(loops, symmetric) @ (2 * GRAPH.nodes), rtol=1e-9)
    assert actual.edges is not None and actual.senders.shape == GRAPH.senders.shape


@pytest.mark.parametrize("prepared", [False, True])
def test_features_of_any_number_of_axes(prepared):
    """Jraph takes one axis alone."""
    propagation = jraph.convolution_propagation(GRAPH, True) if prepared else None
    nodes = {"heads": GRAPH.nodes.reshape(11, 2, 2), "scalar": GRAPH.nodes[:, 0]}
    actual = jraph.GraphConvolution(lambda x: x, add_self_edges=True)(
        GRAPH._replace(nodes=nodes), propagation
    ).nodes
    expected = dense(True, True) @ GRAPH.nodes
    np.testing.assert_allclose(actual["heads"].reshape(11, 4), expected, rtol=1e-9)
    np.testing.assert_allclose(actual["scalar"], expected[:, 0], rtol=1e-9)


def test_gradients_agree():
    propagation = jraph.convolution_propagation(GRAPH, True)
    network = jraph.GraphConvolution(jnp.tanh, add_self_edges=True)

    def loss(nodes, propagation):
        return (network(GRAPH._replace(nodes=nodes), propagation).nodes ** 2).sum()

    grad = jax.jit(jax.grad(loss))
    np.testing.assert_allclose(grad(GRAPH.nodes, propagation), grad(GRAPH.nodes, None), rtol=1e-9)


def test_other_aggregates():
    actual = jraph.GraphConvolution(
        lambda x: x, aggregate_nodes_fn=jraph.segment_max_or_constant, symmetric_normalization=False
    )(GRAPH)
    sent, receivers = np.asarray(GRAPH.nodes)[np.asarray(GRAPH.senders)], np.asarray(GRAPH.receivers)
    expected = [
        sent[receivers == i].max(axis=0) if (receivers == i).any() else np.zeros(4) for i in range(11)
    ]
    np.testing.assert_array_equal(actual.nodes, expected)


def test_integers_and_single_precision():
    """Under strict promotion, too."""
    graph = GRAPH._replace(nodes=jnp.arange(11)[:, None])
    actual = jraph.GraphConvolution(lambda x: x, add_self_edges=True)(graph).nodes
    np.testing.assert_allclose(actual, dense(True, True) @ np.arange(11.0)[:, None], rtol=1e-6)
    graph = GRAPH._replace(nodes=GRAPH.nodes.astype(jnp.float32))
    propagation = jraph.convolution_propagation(graph)
    assert jraph.GraphConvolution(lambda x: x)(graph, propagation).nodes.dtype == jnp.float32
