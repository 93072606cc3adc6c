"""Layers as they are, by every plan, on 1, 2, 4 and 8 devices: outputs and gradients of one device, in float64."""

from functools import cache

import pytest

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
    found = on_many(model, batch_of(model, graph_named(graph)), plan, n_devices, remat)
    assert_equal(f"{name} on {graph}, {plan}, {n_devices} devices", found, expected(name, graph))


@each_plan
@pytest.mark.parametrize("name", ENCODERS)
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


@each_plan
@pytest.mark.parametrize(
    ("name", "graph"), [*(("graph_network", name) for name in ODD), ("gat", "isolated"), ("gat", "empty")]
)
def test_graphs_that_break_implementations(name, plan, graph):
    check(name, graph, plan, 4)


@each_plan
def test_layers_computed_again_on_the_way_back(plan):
    check("gat", "odd", plan, 2, remat=True)
