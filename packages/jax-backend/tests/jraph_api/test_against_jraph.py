"""Jraph itself as the oracle: the same values and gradients, where it still runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle_jax import jraph_api as ours

from .graphs import random_graph

theirs = pytest.importorskip("jraph", reason="jraph isn't installed; pip install jraph to compare with it")

SHAPES = ((16, 3), (15, 6), (14, 5), (3, 1), (4, 6), (12, 6))
EDGE, NODE, GLOBAL, LOGIT, QUERY, PAIR = (
    np.random.default_rng(seed).standard_normal(shape) for seed, shape in enumerate(SHAPES)
)


def perceptron(jraph, weight):
    return jraph.concatenated_args(lambda x: jnp.tanh(x @ weight))


def graph_network(jraph, **options):
    return jraph.GraphNetwork(
        *(perceptron(jraph, weight) for weight in (EDGE, NODE, GLOBAL)),
        attention_logit_fn=lambda edges, *_: edges @ LOGIT,
        attention_reduce_fn=lambda edges, weights: edges * weights,
        **{name: getattr(jraph, value) for name, value in options.items()},
    )


NETWORKS = {
    "graph_network": graph_network,
    "graph_network/mean": lambda jraph: graph_network(jraph, aggregate_edges_for_nodes_fn="segment_mean"),
    "graph_network/max": lambda jraph: graph_network(
        jraph,
        aggregate_nodes_for_globals_fn="segment_max_or_constant",
        aggregate_edges_for_globals_fn="segment_min_or_constant",
    ),
    "graph_network/normalise": lambda jraph: graph_network(jraph, attention_normalize_fn="segment_normalize"),
    "interaction_network": lambda jraph: jraph.InteractionNetwork(
        perceptron(jraph, EDGE[:11]), perceptron(jraph, NODE[:7]), jraph.segment_variance
    ),
    "interaction_network/sent": lambda jraph: jraph.InteractionNetwork(
        perceptron(jraph, EDGE[:11]), perceptron(jraph, NODE[:10]), include_sent_messages_in_node_update=True
    ),
    "relation_network": lambda jraph: jraph.RelationNetwork(
        perceptron(jraph, EDGE[:8]), perceptron(jraph, GLOBAL[:3])
    ),
    "deep_sets": lambda jraph: jraph.DeepSets(perceptron(jraph, NODE[:9]), perceptron(jraph, GLOBAL[:6])),
    "gat": lambda jraph: jraph.GAT(
        lambda nodes: nodes @ QUERY,
        lambda sent, received, edges: jax.nn.leaky_relu(jnp.concatenate([sent, received], axis=-1) @ PAIR),
    ),
    "graph_convolution": lambda jraph: jraph.GraphConvolution(lambda nodes: nodes @ QUERY, add_self_edges=True),
    "graph_convolution/mean": lambda jraph: jraph.GraphConvolution(
        lambda nodes: nodes @ QUERY, jraph.segment_mean, symmetric_normalization=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("sizes", [((4, 1, 0, 6), (7, 0, 0, 9)), ((5,), (9,))], ids=["batch", "single"])
def test_networks(name, sizes):
    """Values, and the gradient of their weighted sum in every feature."""
    graph = random_graph(*sizes)
    actual, expected = (evaluate(NETWORKS[name](jraph), jraph, graph) for jraph in (ours, theirs))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), actual, expected)


def evaluate(network, jraph, graph):
    """Return the features that a network makes, and their gradients."""

    def scalar(*features):
        fields = dict(zip(("nodes", "edges", "globals"), features))
        out = network(jraph.GraphsTuple(**{**graph._asdict(), **fields}))
        made = out.nodes, out.edges, out.globals
        return sum((jnp.cos(jnp.arange(x.size)).reshape(x.shape) * x).sum() for x in made), made

    features = graph.nodes, graph.edges, graph.globals
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.jit(jax.value_and_grad(scalar, argnums=(0, 1, 2), has_aux=True))(*features)


SEGMENT_FUNCTIONS = [name for name in ours.__all__ if name.startswith("segment_")]


@pytest.mark.parametrize("name", SEGMENT_FUNCTIONS)
def test_segment_functions(name):
    """Ids out of range included."""
    rng = np.random.default_rng(5)
    data, ids = jnp.asarray(rng.standard_normal((40, 3))), jnp.asarray(rng.integers(0, 7, 40))
    stray = ids if "softmax" in name or "normalize" in name else ids.at[:3].set(jnp.array([-1, 8, 99]))

    def evaluate(jraph):
        def scalar(data):
            out = getattr(jraph, name)(data, stray, 8)
            known = jnp.where(jnp.isfinite(out), out, jnp.zeros_like(out))
            return (jnp.cos(jnp.arange(out.size)).reshape(out.shape) * known).sum(), out

        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return jax.jit(jax.value_and_grad(scalar, has_aux=True))(data)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), evaluate(ours), evaluate(theirs)
    )


def test_every_public_name_is_here():
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public <= set(ours.__all__)
