"""GAT against its formula in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle_jax import jraph_api as jraph

from .graphs import random_graph

GRAPH = random_graph((6, 5), (17, 13), seed=3)
WEIGHT, SENDER, RECEIVER = (
    np.random.default_rng(seed).standard_normal(shape) for seed, shape in enumerate(((4, 2, 3), 3, 3))
)


def leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def attended(logits, queries):
    """Return the sums over the edges that each node receives, in numpy, and 0 for a node without."""
    senders, receivers = np.asarray(GRAPH.senders), np.asarray(GRAPH.receivers)
    out = np.zeros_like(queries)
    for node in range(len(queries)):
        mine = receivers == node
        exps = np.exp(logits[mine] - logits[mine].max(initial=-1e9))
        weights = exps / exps.sum(axis=0, keepdims=True) if mine.any() else exps
        out[node] = (weights * queries[senders[mine]]).sum(axis=0)
    return out


def query(nodes):
    return jnp.einsum("nd,dhk->nhk", nodes, WEIGHT)


def logits_of_edges(sent, received, edges):
    both = (sent * SENDER[None, None, :] + received * RECEIVER[None, None, :]).sum(axis=-1, keepdims=True)
    return jax.nn.leaky_relu(both)


LOGITS_OF_NODES = jraph.NodeLogits(
    lambda queries: (queries * SENDER[None, None, :]).sum(axis=-1, keepdims=True),
    lambda queries: (queries * RECEIVER[None, None, :]).sum(axis=-1, keepdims=True),
)


@pytest.mark.parametrize("logits", [logits_of_edges, LOGITS_OF_NODES], ids=["of_edges", "of_nodes"])
@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_gat(logits, transform):
    actual = transform(jraph.GAT(query, logits))(GRAPH)
    queries = np.asarray(query(GRAPH.nodes))
    both = (queries @ SENDER)[GRAPH.senders] + (queries @ RECEIVER)[GRAPH.receivers]
    expected = leaky(attended(leaky(both)[..., None], queries)).reshape(11, -1)
    np.testing.assert_allclose(actual.nodes, expected, rtol=1e-9, atol=1e-12)
    assert actual.edges is not None and actual.globals is not None


def test_logits_of_nodes_have_the_gradients_of_those_of_edges():
    def loss(nodes, logits):
        return (jraph.GAT(query, logits)(GRAPH._replace(nodes=nodes)).nodes ** 2).sum()

    grad = jax.jit(jax.grad(loss), static_argnums=1)
    by_edge, by_node = grad(GRAPH.nodes, logits_of_edges), grad(GRAPH.nodes, LOGITS_OF_NODES)
    np.testing.assert_allclose(by_node, by_edge, rtol=1e-9, atol=1e-12)


def test_the_update_and_edges():
    """Equal logits average; edge features reach the logit function."""
    seen = []

    def logits(sent, received, edges):
        seen.append(edges.shape)
        return jnp.zeros_like(sent)

    actual = jraph.GAT(lambda nodes: nodes, logits, lambda nodes: nodes)(GRAPH)
    expected = attended(np.zeros((30, 4)), np.asarray(GRAPH.nodes))
    np.testing.assert_allclose(actual.nodes, expected, rtol=1e-9)
    assert seen == [(30, 3)]


def test_node_features_are_needed():
    with pytest.raises(ValueError, match="GAT requires node features"):
        jraph.GAT(lambda nodes: nodes, lambda *_: 0)(GRAPH._replace(nodes=None))
