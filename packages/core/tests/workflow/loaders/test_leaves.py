"""Sums of leaves in place of gathered features: the same outputs, and no more is read than the questions may see."""

from dataclasses import replace

import numpy as np
import pytest

from heddle.data.spec import DataSpec
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.nn.heads import head_for
from heddle.nn.layers.base import no_dropout
from heddle.nn.model import Model, ModelSpec
from heddle.nn.models import build, options
from heddle.nn.models.codes import behind_codes
from heddle.nn.params import initialise
from heddle.ops.reference import NumpyOps
from heddle.sampling.parts import Parts
from heddle.sampling.store import store_of
from heddle.workflow.loaders.questions.base import EVALUATION, Asked
from heddle.workflow.loaders.sampled import SampledGraph, batch_of, leaves_of

OF_ONE_TYPE = {
    "sage": (build.sage, options.SageOptions("sage", hidden=5, dropout=0.0)),
    "sage of one layer": (build.sage, options.SageOptions("sage", layers=1, dropout=0.0)),
    "sage, wide to narrow": (build.sage, options.SageOptions("sage", hidden=2, dropout=0.0)),
    "sage, residual": (build.sage, options.SageOptions("sage", hidden=4, residual=True, dropout=0.0)),
    "gin": (build.gin, options.GinOptions("gin", hidden=5, layers=2)),
}
RELATIONAL = {
    "rgcn": (build.rgcn, options.RgcnOptions("rgcn", hidden=3)),
    "rgcn with bases": (build.rgcn, options.RgcnOptions("rgcn", hidden=6, bases=2)),
    "hetero_sage": (build.hetero_sage, options.HeteroSageOptions("hetero_sage", hidden=5)),
}
UNSUITED = {
    "max": (build.sage, options.SageOptions("sage", aggregator="max", dropout=0.0)),
    "gat": (build.gat, options.GatOptions("gat", heads=2, dropout=0.0)),
}
KINDS = {"user": 30, "item": 20, "shop": 6}
RELATIONS = (
    ("item", "in", "shop"),
    ("shop", "sells", "item"),
    ("user", "buys", "item"),
    ("user", "knows", "user"),
)


def one_type(weighted=False, featured=False):
    rng = np.random.default_rng(1)
    n, m = 40, 300
    receivers, senders = np.sort(rng.integers(0, n, m)), rng.integers(0, n, m)
    edges = {"weight": rng.random(m).astype(np.float32)} if weighted else {}
    if featured:
        edges["x"] = rng.standard_normal((m, 2)).astype(np.float32)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return Graph(x, edges or None, senders, receivers, None, np.array([n]), np.array([m]))


def of_relations(weighted=False, codes=False):
    """Return users and items with features, shops without any."""
    rng = np.random.default_rng(2)
    edges = {}
    for source, name, target in RELATIONS:
        m = 120
        receivers, senders = np.sort(rng.integers(0, KINDS[target], m)), rng.integers(0, KINDS[source], m)
        features = {"weight": rng.random(m)} if weighted else None
        edges[source, name, target] = EdgeSet(features, senders, receivers, np.array([m]))
    nodes = {
        "user": rng.standard_normal((30, 4)).astype(np.float32),
        "item": rng.standard_normal((20, 7)),
        "shop": None,
    }
    if codes:
        nodes["user"] = {"x": nodes["user"], "codes": rng.integers(0, 3, (30, 1))}
    return hetero_graph(nodes, edges, {node_type: np.array([n]) for node_type, n in KINDS.items()})


def model_spec(graph, target, codes=False):
    if isinstance(graph, Graph):
        edge_dim = graph.edges["x"].shape[1] if graph.edges and "x" in graph.edges else 0
        return ModelSpec("node", 4, edge_dim, 3, {"": 40})
    widths = {"user": (3,)} if codes else {}
    return ModelSpec("node", {"user": 4, "item": 7, "shop": 0}, {}, 3, KINDS, RELATIONS, target, codes=widths)


def model_of(make, graph, target="item", codes=False):
    said = model_spec(graph, target, codes)
    encoder = behind_codes(lambda spec: make[0](make[1], spec), said)
    return Model(encoder, head_for(said, encoder.out_dim))


def outputs(model, graph, leaves, epoch=EVALUATION, number=0, target="item"):
    """Return a batch's outputs on numpy, and the batch."""
    store = store_of(graph)
    source = SampledGraph(
        Parts(store),
        target,
        3,
        lambda part, index, embedded: batch_of(model, part, index, Parts(store).kernels.adjacency, embedded),
        model.takes_blocks,
        leaves_of(model, store) if leaves else {},
    )
    spec = DataSpec(fanouts=(3, 2)[: len(model.encoder.layers)])
    batch = source.batch(Asked(np.array([5, 2, 4]), np.arange(3)), spec, epoch, number)
    params = initialise(model.params(), 0)
    return model.apply(NumpyOps(), params, batch, no_dropout), batch


@pytest.mark.parametrize("name", OF_ONE_TYPE)
@pytest.mark.parametrize(
    "options", [{}, {"weighted": True}, {"featured": True}, {"weighted": True, "featured": True}]
)
def test_one_type_gives_what_gathered_features_give(name, options):
    graph = one_type(**options)
    model = model_of(OF_ONE_TYPE[name], graph)
    actual, batch = outputs(model, graph, True)
    expected, gathered = outputs(model, graph, False)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert len(batch.graph.nodes) < len(gathered.graph.nodes), "leaves weren't gathered"


@pytest.mark.parametrize("name", RELATIONAL)
@pytest.mark.parametrize("target", ["item", "shop"])
@pytest.mark.parametrize("weighted", [False, True])
def test_relations_give_what_gathered_features_give(name, target, weighted):
    graph = of_relations(weighted)
    model = model_of(RELATIONAL[name], graph, target)
    actual, batch = outputs(model, graph, True, target=target)
    expected, gathered = outputs(model, graph, False, target=target)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert len(batch.graph.nodes["user"]) < len(gathered.graph.nodes["user"])
    assert len(batch.graph.nodes["shop"]) == len(gathered.graph.nodes["shop"]), "a table's rows are entered"


def test_types_behind_embeddings_of_codes_are_gathered():
    graph = of_relations(codes=True)
    model = model_of(RELATIONAL["hetero_sage"], graph, codes=True)
    assert set(leaves_of(model, store_of(graph))) == {"item"}
    actual, _ = outputs(model, graph, True)
    expected, _ = outputs(model, graph, False)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", UNSUITED)
def test_layers_that_need_more_than_sums_gather(name):
    graph = one_type()
    assert leaves_of(model_of(UNSUITED[name], graph), store_of(graph)) == {}


@pytest.mark.parametrize(
    "x",
    [
        None,
        np.ones((40, 4), np.float16),
        np.ones((4, 40), np.float32).T,
        np.ones((40, 4), ">f4"),
        np.ones((4, 40)).T,
        {"x": np.ones((40, 4)), "codes": np.ones((40, 1))},
    ],
)
def test_features_that_are_no_plain_floats_are_gathered(x):
    graph = one_type()
    model = model_of(OF_ONE_TYPE["sage"], graph)
    assert leaves_of(model, store_of(graph._replace(nodes=x))) == {}


@pytest.mark.parametrize(
    "graph, make", [(one_type(), OF_ONE_TYPE["sage"]), (of_relations(), RELATIONAL["rgcn"])]
)
def test_dropout_takes_the_same_of_a_node_wherever_it_is_read_and_nothing_when_predicting(graph, make):
    model = model_of(make, graph)
    dropping = model_of((make[0], replace(make[1], dropout=0.5)), graph)
    plain, batch = outputs(dropping, graph, True)
    expected, _ = outputs(model, graph, True)
    np.testing.assert_array_equal(plain, expected)
    assert "fed" not in batch.prepared
    first, trained = outputs(dropping, graph, True, epoch=2, number=1)
    second, _ = outputs(dropping, graph, True, epoch=2, number=1)
    other, _ = outputs(dropping, graph, True, epoch=2, number=2)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)
    fed, leaves = trained.prepared["fed"], trained.graph.nodes
    if isinstance(graph, Graph):
        fed, leaves = {"": fed}, {"": leaves}
    assert fed
    for node_type, rows in fed.items():
        kept = rows != 0
        np.testing.assert_allclose(rows[kept], 2 * leaves[node_type][kept], rtol=1e-6)
        assert 0.2 < kept.mean() < 0.8
