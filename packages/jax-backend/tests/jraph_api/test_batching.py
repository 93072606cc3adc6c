"""batch and unbatch, on the host and inside jit."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from heddle.errors import GraphError
from heddle_jax import jraph_api as jraph

from .graphs import batched_graph, random_graph, single_graphs


@jax.tree_util.register_dataclass
@dataclass
class Pair:
    """A container that core knows nothing of."""

    left: Any
    right: Any


def assert_equal(actual, expected):
    """Check two pytrees of arrays, structure included."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_batch():
    batch = jraph.batch(single_graphs())
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(batch))
    assert_equal(batch, batched_graph())
    assert jnp.issubdtype(batch.senders.dtype, jnp.integer)


def test_batch_np():
    batch = jraph.batch_np(single_graphs())
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(batch))
    assert_equal(batch, batched_graph())


@pytest.mark.parametrize("unbatch", [jraph.unbatch, jraph.unbatch_np])
def test_unbatch(unbatch):
    graphs = unbatch(batched_graph())
    assert len(graphs) == 7
    for actual, expected in zip(graphs, single_graphs()):
        assert_equal(actual, expected)


def test_a_batch_of_no_graphs_drops_out():
    nothing = jax.tree.map(lambda leaf: leaf[:0], batched_graph())
    assert_equal(
        jraph.batch([single_graphs()[0], nothing, single_graphs()[4]]), jraph.batch(single_graphs()[:5:4])
    )
    assert jraph.unbatch(nothing) == []


@pytest.mark.parametrize("field", ["nodes", "edges", "globals"])
def test_a_field_may_be_none(field):
    graphs = [graph._replace(**{field: None}) for graph in single_graphs()]
    assert getattr(jraph.batch(graphs), field) is None
    assert getattr(jraph.unbatch(jraph.batch(graphs))[0], field) is None


def test_batch_inside_jit():
    """It isn't in Jraph: all shapes follow from those of the graphs."""
    graphs = [random_graph(seed=0), random_graph((2, 2), (3, 1), seed=1)]
    assert_equal(jax.jit(lambda *graphs: jraph.batch(graphs))(*graphs), jraph.batch(graphs))


def test_batch_inside_jit_without_node_features():
    graphs = [
        random_graph(seed=0)._replace(nodes=None),
        random_graph((2, 2), (3, 1), seed=1)._replace(nodes=None),
    ]
    assert_equal(jax.jit(lambda *graphs: jraph.batch(graphs))(*graphs), jraph.batch(graphs))


def test_unbatch_inside_jit_is_refused():
    with pytest.raises(GraphError, match="unbatch outside jit"):
        jax.jit(jraph.unbatch)(random_graph())


def test_any_pytree_that_jax_knows():
    graphs = [
        graph._replace(nodes=Pair(graph.nodes["a"], (graph.nodes["a"],))) for graph in single_graphs()[:2]
    ]
    batch = jraph.batch(graphs)
    assert isinstance(batch.nodes, Pair) and isinstance(jraph.unbatch(batch)[1].nodes, Pair)
    np.testing.assert_array_equal(batch.nodes.left, np.arange(8.0).reshape(4, 2))


def test_different_pytrees_are_refused():
    one, other = single_graphs()[:2]
    with pytest.raises(GraphError, match=r"graphs\[1\].nodes"):
        jraph.batch([one, other._replace(nodes={"a": other.nodes["a"]})])


def test_float_ids_are_refused():
    graph = single_graphs()[1]
    with pytest.raises(GraphError, match="senders"):
        jraph.batch([graph._replace(senders=graph.senders.astype(float))])


def test_core_graphs_and_back():
    graph = random_graph()
    assert jraph.to_graph(graph).receivers is graph.receivers
    assert jraph.from_graph(jraph.to_graph(graph)) == graph
    assert graph._fields == ("nodes", "edges", "receivers", "senders", "globals", "n_node", "n_edge")
