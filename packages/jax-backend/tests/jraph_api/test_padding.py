"""Padding, its size taken from a graph, and masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle_jax import jraph_api as jraph

from .graphs import batched_graph, pytree_of, random_graph, single_graphs
from .test_batching import assert_equal

SIZES = (
    jraph.get_number_of_padding_with_graphs_graphs,
    jraph.get_number_of_padding_with_graphs_nodes,
    jraph.get_number_of_padding_with_graphs_edges,
)
MASKS = (jraph.get_node_padding_mask, jraph.get_edge_padding_mask, jraph.get_graph_padding_mask)


def test_pad_with_graphs():
    graph = batched_graph()
    padded = jraph.pad_with_graphs(graph, 10, 12, 9)
    assert_equal(padded.nodes["a"], np.concatenate([graph.nodes["a"], np.zeros((3, 2))]))
    assert_equal(padded.edges["b"][0], np.concatenate([np.ones((8, 3)), np.zeros((4, 3))]))
    assert_equal(padded.globals["a"], np.concatenate([graph.globals["a"], np.zeros((2, 2))]))
    assert padded.senders.tolist() == [*graph.senders, 7, 7, 7, 7]
    assert padded.receivers.tolist() == [*graph.receivers, 7, 7, 7, 7]
    assert padded.n_node.tolist() == [*graph.n_node, 3, 0]
    assert padded.n_edge.tolist() == [*graph.n_edge, 4, 0]


@pytest.mark.parametrize("sizes", [(30, 40, 10), (12, 16, 5)], ids=["room", "no_room_for_edges"])
def test_padding_comes_off_again(sizes):
    graph = random_graph()
    padded = jraph.pad_with_graphs(graph, *sizes)
    assert [int(size(padded)) for size in SIZES] == [sizes[2] - 4, sizes[0] - 11, sizes[1] - 16]
    assert_equal(jraph.unpad_with_graphs(padded), graph)


def test_pad_inside_jit():
    """It isn't in Jraph: sizes are static, and counts may be traced."""
    graph = random_graph()
    for one in (graph, graph._replace(nodes=None)):
        padded = jax.jit(lambda graph: jraph.pad_with_graphs(graph, 30, 40, 10))(one)
        assert_equal(padded, jraph.pad_with_graphs(one, 30, 40, 10))


@pytest.mark.parametrize("sizes", [(11, 16, 5), (12, 15, 5), (12, 16, 4)])
@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_a_graph_that_is_too_large(sizes, transform):
    with pytest.raises(RuntimeError, match="raise n_node, n_edge or n_graph"):
        transform(lambda graph: jraph.pad_with_graphs(graph, *sizes))(random_graph())


def test_a_padding_graph_is_always_needed():
    with pytest.raises(ValueError, match="n_graph"):
        jraph.pad_with_graphs(single_graphs()[0], 10, 10, 1)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_sizes_and_masks(transform):
    """The empty graphs at the end, and the last one before them, are taken for padding."""
    graph = batched_graph()
    assert [int(transform(size)(graph)) for size in SIZES] == [3, 2, 1]
    actual = [transform(mask)(graph).tolist() for mask in MASKS]
    assert actual == [[True] * 5 + [False] * 2, [True] * 7 + [False], [True] * 4 + [False] * 3]


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
@pytest.mark.parametrize("n_node, n_edge", [((5,), (6,)), ((), ())])
def test_a_graph_by_itself_holds_no_padding(transform, n_node, n_edge):
    """Jraph takes it for padding."""
    graph = random_graph(n_node, n_edge)
    assert [int(transform(size)(graph)) for size in SIZES] == [0, 0, 0]
    assert all(transform(mask)(graph).all() for mask in MASKS)
    assert_equal(jraph.unpad_with_graphs(graph), graph)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
@pytest.mark.parametrize("n_node, n_edge", [((4, 1, 6), (7, 0, 9)), ((4, 1), (7, 1)), ((4, 1, 1), (7, 1, 0))])
def test_the_last_of_several_graphs_is_padding(transform, n_node, n_edge):
    """Jraph's rule, whatever its edges are: nothing in a batch says that it wasn't padded."""
    graph = random_graph(n_node, n_edge)
    assert [int(transform(size)(graph)) for size in SIZES] == [1, n_node[-1], n_edge[-1]]
    actual = [transform(mask)(graph).tolist() for mask in MASKS]
    sizes = (n_node[-1], sum(n_node)), (n_edge[-1], sum(n_edge)), (1, len(n_node))
    assert actual == [[True] * (whole - cut) + [False] * cut for cut, whole in sizes]
    assert_equal(jraph.unpad_with_graphs(graph), jraph.batch_np(jraph.unbatch_np(graph)[:-1]))


def full_batch():
    """Return two graphs of three nodes in a batch with room for them alone, so that one graph is padding."""
    batches = jraph.dynamically_batch(iter([random_graph((3,), (2,)), random_graph((3,), (2,))]), 9, 8, 3)
    return jax.tree.map(jnp.asarray, next(iter(batches)))


def with_loops(graph):
    """Append a loop to every node, padding included, as tutorials of GAT do."""
    loops = jnp.arange(9, dtype=graph.senders.dtype)
    ends = {field: jnp.concatenate([getattr(graph, field), loops]) for field in ("senders", "receivers")}
    return graph._replace(edges=None, **ends)


EDITS = {
    "loops": with_loops,
    "loops, counted": lambda graph: with_loops(graph)._replace(n_edge=graph.n_edge + graph.n_node),
    "edges reversed": lambda graph: graph._replace(
        senders=graph.senders[::-1], receivers=graph.receivers[::-1]
    ),
    "edges reversed in themselves": lambda graph: graph._replace(
        senders=graph.receivers, receivers=graph.senders
    ),
    "padding edges moved": lambda graph: graph._replace(senders=graph.senders.at[4:].set(8)),
    "written anew": lambda graph: with_loops(jraph.GraphsTuple(*graph)),
    "without edges": lambda graph: graph._replace(senders=graph.senders[:0], receivers=graph.receivers[:0]),
}


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("edit", EDITS)
def test_masks_hold_whatever_becomes_of_edges(transform, edit):
    """Masks of nodes and graphs come from what padding wrote into n_node."""

    def masks(graph):
        edited = EDITS[edit](graph)
        return jraph.get_node_padding_mask(edited), jraph.get_graph_padding_mask(edited)

    nodes, graphs = transform(masks)(full_batch())
    assert nodes.tolist() == [True] * 6 + [False] * 3
    assert graphs.tolist() == [True, True, False]


def test_a_last_graph_of_one_node_is_kept_where_padding_follows():
    graph = random_graph((3, 1), (2, 1))
    padded = jraph.pad_with_graphs(graph, 8, 8, 3)
    assert jraph.get_graph_padding_mask(padded).tolist() == [True, True, False]
    assert_equal(jraph.unpad_with_graphs(padded), graph)


def test_masks_of_a_graph_that_jraph_padded():
    theirs = pytest.importorskip(
        "jraph", reason="jraph isn't installed; pip install jraph to compare with it"
    )
    graph = random_graph((3, 1), (2, 1))
    padded = theirs.pad_with_graphs(theirs.GraphsTuple(**graph._asdict()), 8, 8, 4)
    with jax.numpy_dtype_promotion("standard"):
        for mask in MASKS:
            assert_equal(mask(padded), getattr(theirs, mask.__name__)(padded))


def test_masks_under_vmap():
    graphs = [random_graph((4, 2), (5, 3), seed) for seed in range(3)]
    padded = [jraph.pad_with_graphs(graph, 9 + i, 12, 3) for i, graph in enumerate(graphs)]
    padded = [jraph.pad_with_graphs(graph, 14, 16, 5) for graph in padded]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *padded)
    for mask in MASKS[1:]:
        assert_equal(jax.vmap(mask)(stacked), jnp.stack([mask(graph) for graph in padded]))


def test_a_node_mask_needs_node_features():
    with pytest.raises(ValueError, match="at least one array of node features"):
        jraph.get_node_padding_mask(random_graph()._replace(nodes=None))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("sizes", [(20, 20, 3), (12, 16, 6), (12, 16, 5)])
def test_zero_out_padding(wrapped, sizes):
    """Whatever the padding holds, infinities and NaN included; Jraph multiplies it by 0."""
    graph = random_graph()._replace(nodes=pytree_of(np.ones((11, 2))))
    padded = jraph.pad_with_graphs(graph, *(max(a, b) for a, b in zip(sizes, (12, 16, 5))))
    real = jraph.get_node_padding_mask(padded)
    spoilt = padded._replace(nodes=jax.tree.map(lambda x: jnp.where(real[:, None], x, jnp.inf), padded.nodes))
    if wrapped:
        actual = jraph.with_zero_out_padding_outputs(lambda graph: graph._replace(nodes=spoilt.nodes))(padded)
    else:
        actual = jraph.zero_out_padding(spoilt)
    assert_equal(actual, padded)


def test_zero_out_padding_of_integers_and_nothing():
    padded = jraph.pad_with_graphs(random_graph(), 30, 40, 10)._replace(edges=None, globals={})
    padded = padded._replace(nodes=np.arange(30))
    assert_equal(jraph.zero_out_padding(padded).nodes, np.where(np.arange(30) < 11, np.arange(30), 0))


def test_the_gradient_of_padding_is_zero():
    padded = jraph.pad_with_graphs(random_graph(), 30, 40, 10)

    def total(nodes):
        return jraph.zero_out_padding(padded._replace(nodes=nodes)).nodes.sum()

    grad = jax.grad(total)(jnp.asarray(padded.nodes))
    assert_equal(grad, np.repeat([[1.0], [0.0]], [11, 19], axis=0) * np.ones(4))
