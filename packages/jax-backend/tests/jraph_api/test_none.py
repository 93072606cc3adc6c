"""None in any field of a graph, for every function that takes one: right, or refused by a line that names the field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.errors import GraphError
from heddle_jax import jraph_api as ours

from .graphs import random_graph

FIELDS = ours.GraphsTuple._fields
FEATURES = ("nodes", "edges", "globals")


def total(*pytrees):
    """Sum everything that an update function is given, row by row: [n_rows, 1]."""
    rows = [jnp.sum(leaf, axis=-1, keepdims=True) for leaf in jax.tree.leaves(pytrees)]
    return sum(rows[1:], start=rows[0]) if rows else None


def functions(jraph):
    """Return name -> graph -> result, of Jraph or of ours."""
    attention = {"attention_logit_fn": total, "attention_reduce_fn": lambda edges, weights: weights}
    sizes = ("nodes", "edges", "graphs")
    return {
        "GraphNetwork, edges": jraph.GraphNetwork(total, None),
        "GraphNetwork, nodes": jraph.GraphNetwork(None, total),
        "GraphNetwork, globals": jraph.GraphNetwork(None, None, total),
        "GraphNetwork, all": jraph.GraphNetwork(total, total, total),
        "GraphNetwork, none": jraph.GraphNetwork(None, None),
        "GraphNetwork, attention": jraph.GraphNetwork(None, total, **attention),
        "GraphNetGAT": jraph.GraphNetGAT(total, total, total, lambda edges, weights: weights),
        "InteractionNetwork": jraph.InteractionNetwork(total, total),
        "RelationNetwork": jraph.RelationNetwork(total, total),
        "DeepSets": jraph.DeepSets(total, total),
        "GAT": jraph.GAT(lambda nodes: nodes, lambda sent, received, edges: total(sent, received, edges)),
        "GraphConvolution": jraph.GraphConvolution(lambda nodes: nodes),
        "GraphConvolution, loops": jraph.GraphConvolution(lambda nodes: nodes, add_self_edges=True),
        "GraphConvolution, plain": jraph.GraphConvolution(lambda nodes: nodes, symmetric_normalization=False),
        "GraphMapFeatures": jraph.GraphMapFeatures(*3 * [lambda pytree: jax.tree.map(jnp.negative, pytree)]),
        "batch": lambda graph: jraph.batch([graph, graph]),
        "batch_np": lambda graph: jraph.batch_np([graph, graph]),
        "unbatch": jraph.unbatch,
        "unbatch_np": jraph.unbatch_np,
        "dynamically_batch": lambda graph: list(jraph.dynamically_batch(iter([graph, graph]), 9, 9, 4)),
        "pad_with_graphs": lambda graph: jraph.pad_with_graphs(graph, 9, 9, 4),
        "unpad_with_graphs": jraph.unpad_with_graphs,
        "zero_out_padding": jraph.zero_out_padding,
        "with_zero_out_padding_outputs": jraph.with_zero_out_padding_outputs(lambda graph: graph),
        **{f"mask of {what}": getattr(jraph, f"get_{what[:-1]}_padding_mask") for what in sizes},
        **{f"padding {what}": getattr(jraph, f"get_number_of_padding_with_graphs_{what}") for what in sizes},
    }


def of_ours_alone():
    """Return name -> graph -> result, of functions that Jraph doesn't have."""

    def split(graph):
        return ours.graphs_tuple_to_broadcasted_sharded_graphs_tuple(graph, 2)

    return {
        "convolution_propagation": ours.convolution_propagation,
        "batch, jit": jax.jit(lambda graph: ours.batch([graph, graph])),
        "pad_with_graphs, jit": jax.jit(lambda graph: ours.pad_with_graphs(graph, 9, 9, 4)),
        "GraphNetwork, jit": jax.jit(ours.GraphNetwork(total, total, total)),
        "GraphConvolution, loops, jit": jax.jit(
            ours.GraphConvolution(lambda nodes: nodes, add_self_edges=True)
        ),
        "mask of nodes, jit": jax.jit(ours.get_node_padding_mask),
        "split over devices": split,
        "split and joined": lambda graph: ours.broadcasted_sharded_graphs_tuple_to_graphs_tuple(split(graph)),
    }


OURS = {**functions(ours), **of_ours_alone()}


def graph_of(n_node=(3, 2), n_edge=(2, 2)):
    return random_graph(n_node, n_edge)


def run(function, graph):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.tree.map(np.asarray, function(graph))


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_is_none(field, name):
    """Without a field that isn't needed, a result is the same in all that doesn't come from it."""
    graph = graph_of()._replace(**{field: None})
    try:
        actual = run(OURS[name], graph)
    except GraphError as error:
        assert field in str(error)
        assert "\n" not in str(error)
        return
    if field in FEATURES:
        expected = _by_jraph(name, graph)
    else:
        expected = run(OURS[name], graph_of())
        graphs = (part for part in jax.tree.leaves(expected, is_leaf=_is_graph) if _is_graph(part))
        assert all(getattr(part, field) is not None for part in graphs)
        actual, expected = (_without(field, result) for result in (actual, expected))
    if expected is not None:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), actual, expected)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(
    "fields",
    [("n_node", "n_edge"), *(pytest.param((one,), marks=pytest.mark.slow) for one in ("n_node", "n_edge"))],
)
def test_a_count_by_itself_is_that_of_one_graph(fields, name):
    """A result is that of the same count in an array."""
    graph = graph_of((5,), (4,))
    by_itself = graph._replace(**{field: getattr(graph, field)[0] for field in fields})
    actual, expected = (jax.tree.leaves(run(OURS[name], one)) for one in (by_itself, graph))
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected):
        np.testing.assert_allclose(np.reshape(a, np.shape(b)), b, rtol=1e-9)


@pytest.mark.parametrize(
    "name", ["batch", "unbatch", "pad_with_graphs", "unpad_with_graphs", "mask of edges"]
)
def test_counts_of_different_numbers_of_graphs(name):
    with pytest.raises(GraphError, match="n_edge: found counts of 1"):
        run(OURS[name], graph_of()._replace(n_edge=np.array([4])))


def test_globals_of_another_number_of_graphs():
    graph = graph_of()._replace(globals=np.ones((3, 1)))
    with pytest.raises(GraphError, match="globals: rows: found 3, expected 2, one for each graph of n_node"):
        run(OURS["GraphNetwork, nodes"], graph)


def test_which_graph_of_a_batch_it_is():
    with pytest.raises(GraphError, match=r"graphs\[1\].senders: found None, expected \[n_edges\] int"):
        ours.batch([graph_of(), graph_of()._replace(senders=None)])


def test_a_sparse_matrix_without_a_number_of_nodes():
    with pytest.raises(GraphError, match="n_node: found None"):
        ours.sparse_matrix_to_graphs_tuple(np.array([0]), np.array([1]), np.array([1]), None)


def _by_jraph(name, graph):
    """Return Jraph's result, None where it has none."""
    theirs = pytest.importorskip(
        "jraph", reason="jraph isn't installed; pip install jraph to compare with it"
    )
    name = name.removesuffix(", jit")
    if name not in functions(theirs) or name.startswith(
        "unbatch"
    ):  # Jraph's unbatch writes into its argument
        return None
    try:
        result = run(functions(theirs)[name], theirs.GraphsTuple(**graph._asdict()))
    except Exception:
        return None  # Jraph's code stumbles over None; what we make of it has no oracle
    return jax.tree.map(
        lambda part: ours.GraphsTuple(*part) if _is_graph(part) else part, result, is_leaf=_is_graph
    )


def _is_graph(value):
    return hasattr(value, "n_node")


def _without(field, result):
    """Return a result without a field of the graphs in it."""

    def cut(part):
        return part._replace(**{field: None}) if _is_graph(part) and hasattr(part, field) else part

    return jax.tree.map(cut, result, is_leaf=_is_graph)
