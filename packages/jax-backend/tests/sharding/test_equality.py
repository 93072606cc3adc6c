"""Layers as they are, by every plan, on 1, 2, 4 and 8 devices: outputs and gradients of one device, in float64."""

from functools import cache

import numpy as np
import pytest

from heddle.data.task import Task
from heddle.engines.inputs import without_inputs
from heddle.errors import ConfigError
from heddle.nn.model import Batch
from heddle.nn.models import build
from heddle.nn.models.options import HgtOptions, RgcnOptions, SageOptions
from heddle.testing.cases.inputs import dataset_of, with_every_input
from heddle.testing.cases.inputs import model_of as with_codes

from .cases import (
    DEVICES,
    ENCODERS,
    PLANS,
    Found,
    assert_equal,
    batch_of,
    graph_named,
    model_of,
    on_many,
    on_one,
    predicted,
)

ODD = ("empty", "one_node", "one_loop", "no_edges", "isolated", "loops_and_repeats", "hub")

each_plan = pytest.mark.parametrize("plan", PLANS)


@cache
def expected(name: str, graph: str) -> Found:
    """Return what one device finds."""
    model = model_of(name)
    return on_one(model, batch_of(model, graph_named(graph)))


def check(name: str, graph: str, plan: str, n_devices: int, remat: bool = False) -> None:
    model = model_of(name)
    actual = on_many(model, batch_of(model, graph_named(graph)), plan, n_devices, remat)
    assert_equal(f"{name} on {graph}, {plan}, {n_devices} devices", actual, expected(name, graph))


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        # Each layer goes by one plan in `make test`, and by all of them in `make test-all`.
        pytest.param(name, plan, marks=[] if number % len(PLANS) == shift else pytest.mark.slow)
        for number, name in enumerate(ENCODERS)
        for shift, plan in enumerate(PLANS)
    ],
)
def test_every_layer(name, plan):
    check(name, "odd", plan, 4)


@each_plan
@pytest.mark.parametrize("name", ["gcn", "sage", "gat", "gin", "graph_network"])
@pytest.mark.parametrize(
    "n_devices",
    [8, *(pytest.param(count, marks=pytest.mark.slow) for count in DEVICES if count not in (4, 8))],
)
def test_every_number_of_devices(name, plan, n_devices):
    check(name, "odd", plan, n_devices)


BREAKING = [*(("graph_network", graph) for graph in ODD), ("gat", "isolated"), ("gat", "empty")]


@pytest.mark.parametrize(
    ("name", "graph", "plan"),
    [
        # Each plan meets every third graph in `make test`, and all of them in `make test-all`.
        pytest.param(*case, plan, marks=[] if number % len(PLANS) == shift else pytest.mark.slow)
        for number, case in enumerate(BREAKING)
        for shift, plan in enumerate(PLANS)
    ],
)
def test_graphs_that_break_implementations(name, plan, graph):
    check(name, graph, plan, 4)


@each_plan
def test_layers_computed_again_on_the_way_back(plan):
    check("gat", "odd", plan, 2, remat=True)


TASK = Task("node_classification", "cross_entropy", ())


@each_plan
@pytest.mark.parametrize("remat", [False, True])
def test_codes_of_nodes(plan, remat):
    """Tables of embeddings lie on every device; codes go where their nodes are."""
    graph = without_inputs(with_every_input(hetero=False), ("edge codes",))
    model = with_codes(build.sage, SageOptions(hidden=4, dropout=0.0), dataset_of(graph), TASK)
    batch = batch_of(model, graph)
    assert np.allclose(predicted(model, batch, plan, remat), predicted(model, batch, None), atol=1e-10)


@pytest.mark.parametrize("remat", [False, True])
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (build.rgcn, RgcnOptions(hidden=4, dropout=0.0, plan="loop")),
        (build.hgt, HgtOptions(hidden=4, heads=2, dropout=0.0, plan="loop")),
    ],
    ids=["rgcn", "hgt"],
)
def test_every_input_of_types(make, options, remat):
    graph = with_every_input(hetero=True)
    model = with_codes(make, options, dataset_of(graph), TASK)
    batch = Batch(graph, model.prepare(graph), np.arange(6))
    assert np.allclose(predicted(model, batch, "edges", remat), predicted(model, batch, None), atol=1e-10)


def test_codes_of_edges_where_nodes_are_split():
    graph = with_every_input(hetero=False)
    model = with_codes(build.sage, SageOptions(hidden=4, dropout=0.0), dataset_of(graph), TASK)
    batch = batch_of(model, graph)
    assert np.allclose(predicted(model, batch, "edges"), predicted(model, batch, None), atol=1e-10)
    with pytest.raises(ConfigError, match="codes of categories on edges"):
        predicted(model, batch, "halo")
