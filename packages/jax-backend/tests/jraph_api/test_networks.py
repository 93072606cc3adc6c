"""Networks against their formulas in numpy, with pytrees of any kind, nothing where there is nothing, inside jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle_jax import jraph_api as jraph

from .graphs import batched_graph, random_graph, single_graphs
from .test_batching import Pair, assert_equal

GRAPH = random_graph()
SENT, RECEIVED = (np.asarray(GRAPH.nodes)[np.asarray(ids)] for ids in (GRAPH.senders, GRAPH.receivers))
NODE_GRAPH = np.repeat(np.arange(4), np.asarray(GRAPH.n_node))
EDGE_GRAPH = np.repeat(np.arange(4), np.asarray(GRAPH.n_edge))


def summed(rows, ids, n):
    """Sum rows by id, in numpy."""
    out = np.zeros((n, *rows.shape[1:]))
    np.add.at(out, np.asarray(ids), rows)
    return out


def joined(*arrays):
    return np.concatenate(arrays, axis=-1)


@jraph.concatenated_args
def same(features):
    return features


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_graph_network(transform):
    actual = transform(jraph.GraphNetwork(same, same, same))(GRAPH)
    globals_ = np.asarray(GRAPH.globals)
    edges = joined(GRAPH.edges, SENT, RECEIVED, globals_[EDGE_GRAPH])
    sent, received = summed(edges, GRAPH.senders, 11), summed(edges, GRAPH.receivers, 11)
    nodes = joined(GRAPH.nodes, sent, received, globals_[NODE_GRAPH])
    expected = GRAPH._replace(
        nodes=nodes,
        edges=edges,
        globals=joined(summed(nodes, NODE_GRAPH, 4), summed(edges, EDGE_GRAPH, 4), globals_),
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), actual, expected)


def test_a_single_graph():
    """Its globals need no ids, and its rows none to be summed."""
    graph = random_graph((5,), (7,))
    actual = jraph.GraphNetwork(same, same, same)(graph)
    edges = joined(
        graph.edges,
        *(np.asarray(graph.nodes)[ids] for ids in (graph.senders, graph.receivers)),
        np.repeat(graph.globals, 7, axis=0),
    )
    np.testing.assert_allclose(actual.edges, edges)
    np.testing.assert_allclose(actual.globals[:, -21:-5], edges.sum(axis=0, keepdims=True))


def test_sent_messages_may_be_left_out():
    seen = []

    def update_node(nodes, sent, received, globals_):
        seen.append(sent)
        return received

    network = jraph.GraphNetwork(None, update_node, include_sent_messages_in_node_update=False)
    actual = network(GRAPH)
    np.testing.assert_allclose(actual.nodes, summed(np.asarray(GRAPH.edges), GRAPH.receivers, 11), rtol=1e-12)
    assert seen == [None]


@pytest.mark.parametrize("include", [False, True])
def test_interaction_network(include):
    actual = jraph.InteractionNetwork(same, same, include_sent_messages_in_node_update=include)(GRAPH)
    edges = joined(GRAPH.edges, SENT, RECEIVED)
    sent, received = summed(edges, GRAPH.senders, 11), summed(edges, GRAPH.receivers, 11)
    nodes = joined(GRAPH.nodes, sent, received) if include else joined(GRAPH.nodes, received)
    np.testing.assert_allclose(actual.edges, edges)
    np.testing.assert_allclose(actual.nodes, nodes, rtol=1e-12)
    assert_equal(actual.globals, GRAPH.globals)


def test_relation_network():
    actual = jraph.RelationNetwork(same, lambda edges: 2 * edges)(GRAPH)
    edges = joined(SENT, RECEIVED)
    np.testing.assert_allclose(actual.edges, edges)
    np.testing.assert_allclose(actual.globals, 2 * summed(edges, EDGE_GRAPH, 4), rtol=1e-12)
    assert_equal(actual.nodes, GRAPH.nodes)


def test_deep_sets():
    actual = jraph.DeepSets(same, lambda nodes: 2 * nodes, jraph.segment_max_or_constant)(GRAPH)
    nodes = joined(GRAPH.nodes, np.asarray(GRAPH.globals)[NODE_GRAPH])
    np.testing.assert_allclose(actual.nodes, nodes)
    expected = [2 * nodes[i == NODE_GRAPH].max(axis=0, initial=-np.inf) for i in range(4)]
    np.testing.assert_allclose(actual.globals, np.where(np.isfinite(expected), expected, 0))
    assert_equal(actual.edges, GRAPH.edges)


def test_attention_sums_to_one():
    network = jraph.GraphNetGAT(
        update_edge_fn=lambda edges, *_: edges,
        update_node_fn=lambda nodes, sent, received, globals_: received,
        attention_logit_fn=lambda edges, sent, received, globals_: edges.sum(axis=-1, keepdims=True),
        attention_reduce_fn=lambda edges, weights: weights,
    )
    actual = network(GRAPH).nodes[:, 0]
    np.testing.assert_allclose(actual, np.isin(np.arange(11), GRAPH.receivers).astype(float))


def test_attention_logits_may_be_scalar():
    network = jraph.GraphNetwork(
        None,
        None,
        attention_logit_fn=lambda *_: jnp.array(1.0),
        attention_reduce_fn=lambda edges, weights: edges * weights[:, None],
    )
    degree = np.bincount(GRAPH.receivers, minlength=11)[np.asarray(GRAPH.receivers)]
    np.testing.assert_allclose(network(GRAPH).edges, np.asarray(GRAPH.edges) / degree[:, None])


@pytest.mark.parametrize("given", ["attention_logit_fn", "attention_reduce_fn"])
def test_attention_needs_both_functions(given):
    with pytest.raises(ValueError, match="attention_logit_fn and attention_reduce_fn must both be supplied"):
        jraph.GraphNetwork(None, None, **{given: lambda *_: None})
    functions = {"attention_logit_fn": None, "attention_reduce_fn": None, given: lambda *_: None}
    with pytest.raises(ValueError, match="None"):
        jraph.GraphNetGAT(None, None, **functions)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
@pytest.mark.parametrize(
    "change", [{}, {"globals": None}, {"globals": []}, {"edges": None}, {"edges": []}], ids=str
)
def test_identities_on_pytrees_change_nothing(change, transform):
    network = jraph.GraphNetwork(lambda e, *_: e, lambda n, *_: n, lambda n, e, g: g)
    graph = batched_graph()._replace(**change)
    assert_equal(transform(network)(graph), graph)


def test_update_functions_see_pytrees_of_any_kind():
    def update_edge(edges, sent, received, globals_):
        assert isinstance(sent, Pair) and isinstance(globals_, dict) and edges is None
        return Pair(sent.left, received.right)

    def update_node(nodes, sent, received, globals_):
        assert isinstance(sent, Pair) and isinstance(received, Pair)
        return (received.left, sent.right["x"])

    graph = GRAPH._replace(
        nodes=Pair(GRAPH.nodes, {"x": GRAPH.nodes}), edges=None, globals={"g": GRAPH.globals}
    )
    actual = jraph.GraphNetwork(update_edge, update_node)(graph)
    assert isinstance(actual.edges, Pair) and isinstance(actual.nodes, tuple)
    np.testing.assert_allclose(actual.nodes[0], summed(SENT, GRAPH.receivers, 11), rtol=1e-12)
    np.testing.assert_allclose(actual.nodes[1], summed(RECEIVED, GRAPH.senders, 11), rtol=1e-12)


def test_graphs_without_edges_or_nodes():
    network = jraph.GraphNetwork(
        lambda e, s, r, g: jnp.concatenate([e["a"], s["a"], r["a"], g["a"]], axis=-1),
        lambda n, s, r, g: jnp.concatenate([n["a"], s, r, g["a"]], axis=-1),
        lambda n, e, g: jnp.concatenate([n, e, g["a"]], axis=-1),
    )
    for graph in single_graphs():
        actual = network(graph)
        assert actual.nodes.shape == (graph.n_node[0], 22) and actual.globals.shape == (1, 33)
        assert np.isfinite(actual.globals).all()


def test_explicit_batches_under_vmap():
    """Padding edges of -1 are dropped, as Jraph's users of vmap rely on."""
    graphs = jraph.GraphsTuple(
        nodes=jnp.arange(12.0).reshape(2, 3, 2),
        edges=None,
        receivers=jnp.array([[2, 2], [0, -1]]),
        senders=jnp.array([[0, 1], [0, -1]]),
        globals=None,
        n_node=jnp.array([[3], [1]]),
        n_edge=jnp.array([[2], [1]]),
    )
    network = jraph.InteractionNetwork(lambda e, s, r: s, lambda n, received: received)
    actual = jax.vmap(network)(graphs).nodes
    assert actual.tolist() == [[[0, 0], [0, 0], [2, 4]], [[6, 7], [0, 0], [0, 0]]]


def test_graph_map_features():
    actual = jraph.GraphMapFeatures(lambda e: 2 * e, None, lambda g: {"g": g})(GRAPH)
    assert_equal(actual, GRAPH._replace(edges=2 * GRAPH.edges, globals={"g": GRAPH.globals}))


def test_node_arrays_of_different_lengths_are_refused():
    graph = GRAPH._replace(nodes=(GRAPH.nodes, GRAPH.nodes[1:]))
    with pytest.raises(ValueError, match="same number of nodes"):
        jraph.GraphNetwork(None, None)(graph)


def test_globals_of_one_graph_compile_quickly():
    """Jraph takes 27 s at this size, most of it in XLA's folding of a cumulative sum."""
    graph = jraph.GraphsTuple(
        nodes=jnp.ones((1000, 1)),
        edges=jnp.ones((500_000, 1)),
        receivers=jnp.zeros(500_000, jnp.int32),
        senders=jnp.zeros(500_000, jnp.int32),
        globals=jnp.ones((1, 1)),
        n_node=np.array([1000]),
        n_edge=np.array([500_000]),
    )
    network = jraph.GraphNetwork(*[jraph.concatenated_args(lambda x: x.sum(axis=-1, keepdims=True))] * 3)
    text = jax.jit(lambda nodes: network(graph._replace(nodes=nodes)).globals).lower(graph.nodes).as_text()
    assert "cumsum" not in text and "reduce_window" not in text
