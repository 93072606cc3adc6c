"""Models over relations on padded batches: compiled once, and equal to the same model on the batch as it was."""

import jax
import numpy as np
import pytest

from heddle.graphs.batch import HeteroBudget, pad
from heddle.graphs.pytree import tree_map
from heddle.nn.layers.hgt import HGT
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.models.relational import RelationalStack
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.graphs import HETERO_SIZES, RELATIONS, hetero_case
from heddle_jax.backend import JaxBackend
from heddle_jax.options import JaxOptions

LAYERS = {
    "rgcn": (RGCN(RELATIONS, 4, 16), RGCN(RELATIONS, 16, 3)),
    "hgt": (HGT(RELATIONS, 4, 8, heads=2), HGT(RELATIONS, 8, 3)),
}


def single(leaf):
    """Place floats as an engine in float32 does."""
    return leaf.astype(np.float32) if leaf.dtype == np.float64 else leaf


@pytest.mark.parametrize("name", LAYERS)
def test_padded_batches_compile_once(name):
    stack = RelationalStack(LAYERS[name], plan="auto").with_static_shapes()
    params = initialise(stack.params(), 0)
    ops, traced = JaxBackend(JaxOptions()).ops(), []
    budget = HeteroBudget(
        {node_type: n + 2 for node_type, n in HETERO_SIZES.items()},
        {relation: 9 for relation in hetero_case().edges},
        2,
    )

    @jax.jit
    def predict(params, graph, prepared):
        traced.append(name)
        return stack.apply(ops, params, graph, prepared)

    for seed in range(3):
        graph = hetero_case(4, featured=True, seed=seed)
        ends = {key: np.roll(entry.senders, seed) for key, entry in graph.edges.items()}
        edges = {key: entry._replace(senders=ends[key]) for key, entry in graph.edges.items()}
        graph = graph._replace(edges=edges)
        padded = pad(graph, budget).graph
        actual = predict(params, *(tree_map(single, pytree) for pytree in (padded, stack.prepare(padded))))
        expected = stack.apply(NumpyOps(), params, graph, stack.prepare(graph))
        for node_type, rows in expected.items():
            np.testing.assert_allclose(actual[node_type][: len(rows)], rows, rtol=2e-5, atol=2e-6)
    assert traced == [name]
