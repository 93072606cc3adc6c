"""Every plan of an R-GCN layer equals the loop over relations, in float64."""

import numpy as np
import pytest

from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.models.relational import RelationalStack, relation_propagations
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.ops.relational.bundle import AggregateFirst, TransformFirst, extents
from heddle.ops.relational.plan import PLANS, plan_relations

from .graphs import ABSENT, EDGES, SIZES, WIDTHS, empty_graph, relational_graph

OPS = NumpyOps()
RELATIONS = (*EDGES, ABSENT)
EQUAL = dict.fromkeys(WIDTHS, 6)
WAYS = [plan for plan in PLANS if plan != "loop"]
FORMS = {
    "full": (RGCN(RELATIONS, WIDTHS, 3), WIDTHS),
    "widening": (RGCN(RELATIONS, WIDTHS, 20), WIDTHS),
    "stacked": (RGCN(RELATIONS, EQUAL, 5), EQUAL),
    "bases": (RGCN(RELATIONS, WIDTHS, 5, bases=2), WIDTHS),
    "blocks": (RGCN(RELATIONS, WIDTHS, 4, blocks=2), WIDTHS),
    "stacked_blocks": (RGCN(RELATIONS, EQUAL, 4, blocks=2), EQUAL),
    "no_root": (RGCN(RELATIONS, WIDTHS, 3, root=False), WIDTHS),
    "no_bias": (RGCN(RELATIONS, WIDTHS, 3, bias=False), WIDTHS),
    "shared_root": (RGCN(RELATIONS, EQUAL, 3, share_root=True), EQUAL),
}


def random_params(layer, seed=1):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(value.shape) for name, value in initialise(layer.params(), 0).items()}


def looped(layer, params, graph, x=None):
    propagations = relation_propagations(graph, layer.specs())
    return layer.apply(OPS, params, propagations, graph.nodes if x is None else x)


def planned(layer, params, graph, how, x=None):
    featureless = [node_type for node_type, pytree in graph.nodes.items() if pytree is None]
    choices = plan_relations(graph, layer.shapes(featureless), how)
    bundles = bundles_of(prepare_bundles(graph, [choices]), 0)
    return layer.apply_bundles(OPS, params, bundles, graph.nodes if x is None else x)


def assert_equal(actual, expected):
    assert sorted(actual) == sorted(expected)
    for node_type, value in expected.items():
        assert actual[node_type].shape == value.shape
        np.testing.assert_allclose(actual[node_type], value, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("form", FORMS)
def test_every_plan_equals_the_loop(form, how):
    layer, widths = FORMS[form]
    graph = relational_graph(widths)
    params = random_params(layer)
    assert_equal(planned(layer, params, graph, how), looped(layer, params, graph))


@pytest.mark.parametrize("how", WAYS)
def test_types_and_relations_that_are_absent(how):
    layer, widths = FORMS["full"]
    graph = relational_graph(widths)
    params = random_params(layer)
    x = {node_type: value for node_type, value in graph.nodes.items() if node_type != "paper"}
    assert_equal(planned(layer, params, graph, how, x), looped(layer, params, graph, x))
    fewer = graph._replace(edges={key: edges for key, edges in graph.edges.items() if key[0] != "author"})
    assert_equal(planned(layer, params, fewer, how), looped(layer, params, fewer))
    bare = graph._replace(edges={})
    assert_equal(planned(layer, params, bare, how), looped(layer, params, bare))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("form", ["full", "no_root", "blocks"])
def test_empty_graph(form, how):
    layer, _ = FORMS[form]
    params = random_params(layer)
    actual = planned(layer, params, empty_graph(), how)
    assert actual and all(value.shape == (0, layer.out_dim) for value in actual.values())
    assert sorted(actual) == sorted(looped(layer, params, empty_graph()))


def test_the_mean_is_per_relation():
    from heddle.graphs.graph import EdgeSet, hetero_graph

    edges = {
        ("a", "many", "a"): EdgeSet(None, np.array([1, 2, 3]), np.array([0, 0, 0]), np.array([3])),
        ("a", "one", "a"): EdgeSet(None, np.array([1]), np.array([0]), np.array([1])),
    }
    graph = hetero_graph({"a": np.array([[0.0], [2.0], [4.0], [6.0]])}, edges, {"a": np.array([4])})
    layer = RGCN(tuple(edges), 1, 1, root=False, bias=False)
    params = {"weight": np.array([[[1.0]], [[10.0]]])}
    for how in WAYS:
        y = planned(layer, params, graph, how)["a"]
        np.testing.assert_allclose(y, [[4.0 + 20.0], [0.0], [0.0], [0.0]], rtol=1e-6)


def test_bundles_keep_only_rows_with_edges_where_they_are_few():
    graph = relational_graph()
    layer, _ = FORMS["widening"]
    for how, plan_type in (("transform", TransformFirst), ("aggregate", AggregateFirst)):
        choices = plan_relations(graph, layer.shapes(["venue"]), how)
        bundles = [bundle for _, bundle in bundles_of(prepare_bundles(graph, [choices]), 0).parts]
        assert sum(isinstance(bundle, plan_type) for bundle in bundles) > 2
        results = {extent.key: extent for bundle in bundles for extent in extents(bundle)}
        assert len(results) == len(EDGES)
        assert results["author.likes.paper"].rows <= 3 and results["paper.near.paper"].rows == SIZES["paper"]
        if how == "transform":
            assert results["paper.cites.author"].columns <= 3
            assert results["paper.near.paper"].columns == SIZES["paper"]
            assert results["venue.rates.venue"].columns == SIZES["venue"]  # all rows of its table
    edge = plan_relations(graph, layer.shapes(["venue"]), "edge")
    for _, bundle in bundles_of(prepare_bundles(graph, [edge]), 0).parts:
        if bundle.sources is not None:
            assert len(bundle.sources) == bundle.adjacency.n_edges


def test_layers_that_agree_share_their_arrays():
    graph = relational_graph(EQUAL, featureless=())
    layers = [RGCN(RELATIONS, EQUAL, width) for width in (200, 6, 6)]
    stack = RelationalStack(tuple(layers), plan="auto")
    prepared = stack.prepare(graph)["relations"]
    first, second, last = (layer["names"] for layer in prepared["layers"])
    assert second == last and first != last
    assert len(prepared["bundles"]) == len(
        {name for layer in (first, last) for names in layer.values() for name in names}
    )


@pytest.mark.parametrize("how", WAYS)
def test_a_model_gives_the_same_whatever_its_plan(how):
    graph = relational_graph()
    layers = (RGCN(RELATIONS, WIDTHS, 3), RGCN(RELATIONS, dict.fromkeys(WIDTHS, 3), 5))
    loop, plan = RelationalStack(layers), RelationalStack(layers, plan=how)
    params = random_params(loop)
    expected = loop.apply(OPS, params, graph, loop.prepare(graph))
    assert_equal(plan.apply(OPS, params, graph, plan.prepare(graph)), expected)
