"""The planner: the way with the least estimated cost, and what it does at the edges of its range."""

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeSet, hetero_graph
from heddle.graphs.pytree import leaves
from heddle.nn.bundles import prepare_bundles
from heddle.ops.relational.cost import RATES, WAYS, Sizes, computed_rows, seconds
from heddle.ops.relational.plan import PLANS, check_plan, plan_relations, total_seconds

from .graphs import ABSENT, EDGES, relational_graph

DENSE = Sizes(1000, 1000, 10_000, 1000, 1000, 0, 0)


@pytest.mark.parametrize(
    ("in_dim", "out_dim", "expected"),
    [(128, 16, "transform"), (256, 64, "transform"), (16, 128, "aggregate"), (32, 256, "aggregate")],
)
def test_the_narrower_side_travels_along_edges(in_dim, out_dim, expected):
    costs = seconds(DENSE._replace(in_dim=in_dim, out_dim=out_dim))
    assert min(costs, key=costs.__getitem__) == expected


def test_one_receiver_of_many_senders_is_aggregated_first():
    hub = Sizes(100_000, 100_000, 100_000, 100_000, 1, 64, 64)
    costs = seconds(hub)
    assert min(costs, key=costs.__getitem__) == "aggregate"
    turned = seconds(hub._replace(used_senders=1, used_receivers=100_000))
    assert min(turned, key=turned.__getitem__) == "transform"


def test_cost_follows_its_formula():
    sizes, rates = Sizes(10, 20, 30, 4, 19, 64, 32), RATES
    product = 2 * 4 * 64 * 32 / rates.flops + 4 * 4 * (64 + 64) / rates.memory
    along = 30 * (4 * 32 + 4) / rates.cache
    assert seconds(sizes)["transform"] == pytest.approx(3 * product + 2 * along)
    assert seconds(sizes, inner=False)["transform"] == pytest.approx(2 * product + 2 * along)
    product = 2 * 20 * 64 * 32 / rates.flops + 4 * 20 * (64 + 64) / rates.memory
    along = 30 * (4 * 64 + 4) / rates.cache
    assert seconds(sizes)["aggregate"] == pytest.approx(3 * product + 2.5 * along)
    assert seconds(sizes, inner=False)["aggregate"] == pytest.approx(2 * product + 1.5 * along)


def test_cost_of_nothing_is_nothing():
    assert set(seconds(DENSE._replace(n_edges=0, in_dim=8, out_dim=8)).values()) == {0.0}


def test_a_type_without_features_can_only_be_transformed_first():
    costs = seconds(DENSE._replace(out_dim=16))
    assert costs["aggregate"] == costs["edge"] == float("inf") and costs["transform"] < 1e-3


def test_few_rows_are_computed_alone():
    assert computed_rows(49, 100) == 49 and computed_rows(50, 100) == 100 and computed_rows(0, 0) == 0


def test_plan_of_a_graph():
    graph = relational_graph()
    shapes = dict.fromkeys(EDGES, (16, 128)) | {ABSENT: (16, 128), ("venue", "prints", "paper"): (0, 128)}
    choices = plan_relations(graph, shapes)
    assert [choice.relation for choice in choices] == sorted(EDGES)  # without the absent one
    ways = {choice.relation: choice.way for choice in choices}
    assert ways["paper", "near", "paper"] == "aggregate"
    assert ways["venue", "prints", "paper"] == "transform"
    likes = choices[sorted(EDGES).index(("author", "likes", "paper"))]
    assert likes.few_receivers and likes.sizes.used_receivers <= 3
    assert total_seconds(choices) == sum(min(choice.seconds.values()) for choice in choices)
    for way in WAYS:
        forced = plan_relations(graph, shapes, way)
        assert total_seconds(forced) >= total_seconds(choices)
        assert {c.way for c in forced if c.sizes.in_dim} == {way}


def test_a_static_plan_depends_on_sizes_alone():
    shapes = dict.fromkeys(EDGES, (16, 128))
    plans = [plan_relations(relational_graph(seed=seed), shapes, "static") for seed in (0, 1)]
    assert plans[0] == plans[1]
    assert not any(choice.few_senders or choice.few_receivers for choice in plans[0])
    prepared = [
        [leaf.shape for leaf in leaves(prepare_bundles(relational_graph(seed=seed), [plans[0]]))]
        for seed in (0, 1)
    ]
    assert prepared[0] == prepared[1]


def test_rates_decide():
    edges = {
        ("a", "r", "a"): EdgeSet(None, *np.random.default_rng(0).integers(0, 50, (2, 400)), np.array([400]))
    }
    graph = hetero_graph({"a": np.zeros((50, 20))}, edges, {"a": np.array([50])})
    shapes = {("a", "r", "a"): (30, 20)}
    assert plan_relations(graph, shapes, inner=False)[0].way == "transform"
    wide = RATES._replace(
        row_bytes=256
    )  # rows of 20 and of 30 columns cost the same: the shorter way back decides
    assert plan_relations(graph, shapes, rates=wide, inner=False)[0].way == "aggregate"


def test_an_unknown_plan_is_refused():
    assert [check_plan(plan) for plan in PLANS] == list(PLANS)
    with pytest.raises(
        ConfigError, match=r"found 'agregate', expected one of auto, static, .*did you mean 'aggregate'"
    ):
        check_plan("agregate")
