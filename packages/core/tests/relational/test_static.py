"""plan="static": batches padded to one budget are prepared to arrays of one shape, as engines that compile want."""

import numpy as np
import pytest

from heddle.graphs.batch import HeteroBudget, pad
from heddle.graphs.graph import EdgeSet, HeteroGraph, hetero_graph
from heddle.graphs.pytree import leaves_with_paths
from heddle.nn.heads import NodeHead
from heddle.nn.layers.hetero_sage import HeteroSAGE
from heddle.nn.layers.hgt import HGT
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.model import Model
from heddle.nn.models.relational import RelationalStack

RELATIONS = (("a", "one", "b"), ("a", "two", "a"), ("b", "back", "a"))
LAYERS = {
    "rgcn": (RGCN(RELATIONS, 4, 16), RGCN(RELATIONS, 16, 3)),
    "hetero_sage": (HeteroSAGE(RELATIONS, 4, 16), HeteroSAGE(RELATIONS, 16, 3)),
    "hgt": (HGT(RELATIONS, 4, 16, heads=2), HGT(RELATIONS, 16, 3)),
}
BUDGET = HeteroBudget({"a": 40, "b": 30}, dict.fromkeys(RELATIONS, 60), 2)


def graph(seed: int) -> HeteroGraph:
    """Return a graph of other sizes for each seed, with relations of which few nodes have edges."""
    rng = np.random.default_rng(seed)
    n = {"a": 20 + seed, "b": 10 + 2 * seed}

    def edges(source: str, target: str, count: int) -> EdgeSet:
        used = 3 if seed % 2 else n[source]
        return EdgeSet(
            None, rng.integers(0, used, count), rng.integers(0, n[target], count), np.array([count])
        )

    sets = {key: edges(key[0], key[2], 5 + 7 * seed) for key in RELATIONS}
    x = {node_type: rng.standard_normal((count, 4)) for node_type, count in n.items()}
    return hetero_graph(x, sets, {node_type: np.array([count]) for node_type, count in n.items()})


def shapes(pytree) -> list:
    return [(path, leaf.shape, leaf.dtype) for path, leaf in leaves_with_paths(pytree)]


@pytest.mark.parametrize("name", LAYERS)
def test_padded_batches_are_prepared_to_one_shape(name):
    model = Model(RelationalStack(LAYERS[name], plan="auto"), NodeHead()).with_static_shapes()
    assert model.encoder.plan == "static"
    padded = [pad(graph(seed), BUDGET).graph for seed in range(5)]
    prepared = [shapes(model.prepare(each)) for each in padded]
    assert all(each == prepared[0] for each in prepared[1:])


def test_counting_rows_would_not():
    stack = RelationalStack(LAYERS["rgcn"], plan="auto")
    first, second = (shapes(stack.prepare(pad(graph(seed), BUDGET).graph)) for seed in (0, 1))
    assert first != second


def test_a_plan_that_was_asked_for_stays():
    stack = RelationalStack(LAYERS["rgcn"], plan="transform")
    assert stack.with_static_shapes() is stack
