"""R-GCN against equation 2 of its paper, written densely over types and relations, in float64."""

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.graphs.adjacency import build_adjacency
from heddle.nn.layers.base import portable_name, relation_key
from heddle.nn.layers.rgcn import RGCN
from heddle.ops.propagation import build_propagation
from heddle.testing.cases.graphs import hetero_case

from .dense import OPS, over_rows, params_of

GRAPH = hetero_case()
COUNTS = {node_type: int(counts[0]) for node_type, counts in GRAPH.n_node.items()}
MIXED = {"author": 2, "paper": 6, "topic": 4, "venue": 4}  # venue: no features, 4 nodes
EQUAL = {"author": 4, "paper": 4, "topic": 4, "venue": 4}


def propagations_of(graph, layer):
    counts = {node_type: int(n.sum()) for node_type, n in graph.n_node.items()}
    return {
        relation_key(key): build_propagation(
            build_adjacency(edges.senders, edges.receivers, counts[key[0]], counts[key[2]]),
            layer.specs()[relation_key(key)],
            np.ones(len(edges.senders)),  # so that the mean is held in float64
        )
        for key, edges in graph.edges.items()
    }


def features_of(widths, featureless=("venue",)):
    rng = np.random.default_rng(0)
    x = {node_type: rng.standard_normal((COUNTS[node_type], width)) for node_type, width in widths.items()}
    return {node_type: None if node_type in featureless else value for node_type, value in x.items()}


def relation_weight(layer, params, position, widths):
    """Return W_r [in, out] from the parameters, by equations 3 and 4."""
    relation = layer.relations[position]
    source, stacked = relation[0], len({widths[s] for s, _, _ in layer.relations}) == 1
    if layer.bases:
        basis = params["basis" if stacked else f"basis.{source}"]
        return sum(c * v for c, v in zip(params["coefficients"][position], basis))
    weight = params["weight"][position] if stacked else params[f"weight.{relation_key(relation)}"]
    if not layer.blocks:
        return weight
    rows, columns = weight.shape[1:]
    dense = np.zeros((layer.blocks * rows, layer.blocks * columns))
    for b, block in enumerate(weight):
        dense[b * rows : (b + 1) * rows, b * columns : (b + 1) * columns] = block
    return dense


def dense_rgcn(layer, params, graph, x, widths):
    one_hot = {
        node_type: np.eye(COUNTS[node_type]) if value is None else value for node_type, value in x.items()
    }
    y = {}
    shared = layer.share_root or len(widths) == 1
    for node_type in widths:
        total = np.zeros((COUNTS[node_type], layer.out_dim))
        entered = layer.root
        if layer.root:
            total += one_hot[node_type] @ params["root" if shared else f"root.{node_type}"]
        for position, (source, _, target) in enumerate(layer.relations):
            if target != node_type:
                continue
            entered = True
            edges = graph.edges[layer.relations[position]]
            a = np.zeros((COUNTS[target], COUNTS[source]))
            np.add.at(a, (edges.receivers, edges.senders), 1.0)
            total += over_rows(a) @ one_hot[source] @ relation_weight(layer, params, position, widths)
        if entered:
            y[node_type] = total + params["bias" if shared else f"bias.{node_type}"]
    return y


def forms(widths, out_dim):
    relations = tuple(GRAPH.edges)
    forms = {
        "full": RGCN(relations, widths, out_dim),
        "bases": RGCN(relations, widths, out_dim, bases=3),
        "blocks": RGCN(relations, widths, out_dim, blocks=2),
        "no root": RGCN(relations, widths, out_dim, root=False),
    }
    if len(set(widths.values())) == 1:
        forms["shared root"] = RGCN(relations, widths, out_dim, share_root=True)
    return forms


CASES = [
    pytest.param(layer, widths, id=f"{form}, {name} widths, out {out_dim}")
    for out_dim in (2, 8)  # narrower and wider than the input: both orders of work
    for name, widths in (("mixed", MIXED), ("equal", EQUAL))
    for form, layer in forms(widths, out_dim).items()
]


@pytest.mark.parametrize(("layer", "widths"), CASES)
def test_rgcn_equals_its_formula(layer, widths):
    params, x = params_of(layer), features_of(widths)
    y = layer.apply(OPS, params, propagations_of(GRAPH, layer), x)
    expected = dense_rgcn(layer, params, GRAPH, x, widths)
    assert y.keys() == expected.keys()
    for node_type, value in expected.items():
        assert y[node_type].shape == (COUNTS[node_type], layer.out_dim)
        np.testing.assert_allclose(y[node_type], value, rtol=1e-10, atol=1e-12)


def test_featureless_type_equals_one_hot_features():
    layer = forms(MIXED, 8)["bases"]
    params, x = params_of(layer), features_of(MIXED)
    y = layer.apply(OPS, params, propagations_of(GRAPH, layer), x)
    hot = layer.apply(OPS, params, propagations_of(GRAPH, layer), x | {"venue": np.eye(4)})
    for node_type in y:
        np.testing.assert_allclose(y[node_type], hot[node_type], rtol=1e-10, atol=1e-12)


def test_mean_is_per_relation():
    relations = (("a", "many", "a"), ("a", "one", "a"))
    layer = RGCN(relations, 1, 1, root=False, bias=False)
    params = {"weight": np.array([[[1.0]], [[10.0]]])}
    many = build_adjacency(np.array([1, 2, 3]), np.array([0, 0, 0]), 4, 4)
    one = build_adjacency(np.array([1]), np.array([0]), 4, 4)
    specs = layer.specs()
    propagations = {
        key: build_propagation(adjacency, specs[key])
        for key, adjacency in ((relation_key(relations[0]), many), (relation_key(relations[1]), one))
    }
    y = layer.apply(OPS, params, propagations, {"a": np.array([[0.0], [2.0], [4.0], [6.0]])})
    assert y["a"][0, 0] == pytest.approx(4.0 + 20.0, rel=1e-6)  # mean of 2, 4, 6, and 10 times the mean of 2


def test_absent_relations_and_types_add_nothing():
    layer = forms(EQUAL, 4)["full"]
    params, x, propagations = (
        params_of(layer),
        features_of(EQUAL),
        propagations_of(GRAPH, forms(EQUAL, 4)["full"]),
    )
    whole = layer.apply(OPS, params, propagations, x)
    empty = [relation_key(key) for key, edges in GRAPH.edges.items() if not len(edges.senders)]
    assert len(empty) == 2
    fewer = layer.apply(OPS, params, {k: v for k, v in propagations.items() if k not in empty}, x)
    for node_type, value in whole.items():
        np.testing.assert_array_equal(fewer[node_type], value)
    without = layer.apply(OPS, params, propagations, {k: v for k, v in x.items() if k != "topic"})
    assert "topic" not in without
    np.testing.assert_array_equal(without["paper"], whole["paper"])


def test_parameter_names_and_shapes():
    relations = (("b", "r/2", "a"), ("a", "r.1", "a"))
    layer = RGCN(relations, {"a": 3, "b": 5}, 4)
    assert layer.relations == (("a", "r.1", "a"), ("b", "r/2", "a"))
    assert {name: spec.shape for name, spec in layer.params().items()} == {
        "weight.a.r-2e-1.a": (3, 4),
        "weight.b.r-2f-2.a": (5, 4),
        "root.a": (3, 4),
        "root.b": (5, 4),
        "bias.a": (4,),
        "bias.b": (4,),
    }
    one_type = RGCN((("n", "r", "n"), ("n", "s", "n")), 6, 4, blocks=2)
    assert {name: spec.shape for name, spec in one_type.params().items()} == {
        "weight": (2, 2, 3, 2),
        "root": (6, 4),
        "bias": (4,),
    }
    bases = RGCN((("n", "r", "n"), ("n", "s", "n")), 6, 4, bases=3, root=False)
    assert bases.params()["basis"].shape == (3, 6, 4) and bases.params()["coefficients"].shape == (2, 3)
    assert hash(layer) == hash(RGCN(reversed(relations), {"b": 5, "a": 3}, 4))


def test_relation_keys_never_collide():
    pairs = [
        (("a.b", "c", "d"), ("a", "b.c", "d")),
        (("a", "", "b"), ("a", "-", "b")),
        (("é", "r", "x"), ("e", "r", "x")),
    ]
    for one, other in pairs:
        assert relation_key(one) != relation_key(other)
    assert relation_key(("paper", "written_by", "author")) == "paper.written_by.author"
    assert portable_name("http://x#is-a") == "http-3a--2f--2f-x-23-is-2d-a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bases": 2, "blocks": 2}, "bases and blocks"),
        ({"blocks": 3}, "width 4 is not a multiple of blocks 3"),
        ({"in_dim": {"author": 4}}, "no width for \\['paper', 'topic', 'venue'\\]"),
        ({"in_dim": MIXED, "share_root": True}, "share_root with widths"),
    ],
)
def test_options_that_dont_fit_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RGCN(**({"relations": tuple(GRAPH.edges), "in_dim": 4, "out_dim": 4} | options))
