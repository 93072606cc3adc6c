"""HeteroSAGE and HGT against their formulas, node by node and edge by edge in float64, under every plan."""

from math import erf, exp, sqrt

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.nn.layers.base import relation_key
from heddle.nn.layers.hetero_sage import HeteroSAGE
from heddle.nn.layers.hgt import HGT
from heddle.nn.models.relational import RelationalStack
from heddle.ops.relational.plan import PLANS
from heddle.testing.cases.graphs import HETERO_SIZES, RELATIONS, hetero_case

from .dense import OPS, params_of

FEATURELESS, FEATURED = hetero_case(4), hetero_case(4, featured=True)


def wide(graph):
    """Return the graph in float64, without its edge weights, which neither formula here reads."""
    edges = {key: entry._replace(features=None) for key, entry in graph.edges.items()}
    nodes = {node_type: None if x is None else x.astype(np.float64) for node_type, x in graph.nodes.items()}
    return graph._replace(nodes=nodes, edges=edges)


def own_rows(x, node_type):
    return np.eye(HETERO_SIZES[node_type]) if x[node_type] is None else x[node_type]


def sage_by_node(layer, params, graph):
    targets, y = [target for _, _, target in layer.relations], {}
    for node_type in set(targets):
        x = own_rows(graph.nodes, node_type)
        y[node_type] = np.zeros((len(x), layer.out_dim))
        for relation in layer.relations:
            if relation[2] != node_type:
                continue
            key = relation_key(relation)
            y[node_type] += x @ params[f"root.{key}"] + (params[f"bias.{key}"] if layer.bias else 0)
            edges = graph.edges.get(relation)
            for node in range(len(x)) if edges else ():
                sent = own_rows(graph.nodes, relation[0])[edges.senders[edges.receivers == node]]
                if len(sent):
                    y[node_type][node] += sent.mean(0) @ params[f"weight.{key}"]
        if layer.combine == "mean":
            y[node_type] /= targets.count(node_type)
    return y


def hgt_by_edge(layer, params, graph):
    d, x = layer.out_dim // layer.heads, graph.nodes
    kqv = {
        node_type: (
            own_rows(x, node_type) @ params[f"kqv.{node_type}"] + params[f"kqv_bias.{node_type}"]
        ).reshape(-1, 3, layer.heads, d)
        for node_type in x
    }
    y = {}
    for node_type in {target for _, _, target in layer.relations}:
        summed = np.zeros((HETERO_SIZES[node_type], layer.heads, d))
        for node in range(HETERO_SIZES[node_type]):
            for head in range(layer.heads):
                terms = []
                for i, relation in enumerate(layer.relations):
                    edges = graph.edges.get(relation) if relation[2] == node_type else None
                    for j in edges.senders[edges.receivers == node] if edges else ():
                        k, _, v = kqv[relation[0]][j][:, head]
                        logit = kqv[node_type][node][1, head] @ (k @ params["key"][i, head])
                        scale = params["prior"][i, head] / sqrt(d)
                        terms.append((exp(logit * scale), v @ params["value"][i, head]))
                if terms:
                    total = sum(weight for weight, _ in terms)
                    summed[node, head] = sum(weight / total * message for weight, message in terms)
        rows = summed.reshape(-1, layer.out_dim)
        gelu = rows * (1 + np.vectorize(erf, otypes=[float])(rows / sqrt(2))) / 2
        y[node_type] = gelu @ params[f"out.{node_type}"] + params[f"out_bias.{node_type}"]
        if x[node_type] is not None and f"skip.{node_type}" in params:
            share = 1 / (1 + np.exp(-params[f"skip.{node_type}"]))
            y[node_type] = share * y[node_type] + (1 - share) * x[node_type]
    return y


CASES = {
    "sage": (HeteroSAGE(RELATIONS, 4, 3), sage_by_node),
    "sage mean": (HeteroSAGE(RELATIONS, 4, 6, "mean", bias=False), sage_by_node),
    "hgt": (HGT(RELATIONS, 4, 3), hgt_by_edge),
    "hgt heads and skip": (HGT(RELATIONS, 4, 4, heads=2), hgt_by_edge),
    "hgt wide": (HGT(RELATIONS, 4, 9, heads=3), hgt_by_edge),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("graph", [FEATURELESS, FEATURED], ids=["featureless", "featured"])
@pytest.mark.parametrize("case", CASES)
def test_layer_equals_its_formula_under_every_plan(case, graph, plan):
    layer, formula = CASES[case]
    params, graph = params_of(layer), wide(graph)
    stack = RelationalStack((layer,), plan=plan)
    named = {f"layers.0.{name}": value for name, value in params.items()}
    actual = stack.apply(OPS, named, graph, stack.prepare(graph))
    expected = formula(layer, params, graph)
    assert actual.keys() == expected.keys()
    for node_type, value in expected.items():
        np.testing.assert_allclose(actual[node_type], value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("plan", PLANS)
def test_attention_of_large_logits_stays_finite(plan):
    layer, graph = HGT(RELATIONS, 4, 4, heads=2), wide(FEATURED)
    params = {name: value * (1e3 if name == "prior" else 1) for name, value in params_of(layer).items()}
    stack = RelationalStack((layer,), plan=plan)
    named = {f"layers.0.{name}": value for name, value in params.items()}
    for rows in stack.apply(OPS, named, graph, stack.prepare(graph)).values():
        assert np.isfinite(rows).all()


def test_layers_refuse_what_doesnt_fit():
    with pytest.raises(ConfigError, match=r"HGT: found out_dim 5 with 2 heads, expected a multiple"):
        HGT(RELATIONS, 4, 5, heads=2)
    with pytest.raises(ConfigError, match=r"HeteroSAGE: found combine 'max', expected sum or mean"):
        HeteroSAGE(RELATIONS, 4, 5, "max")
    with pytest.raises(ConfigError, match=r"HGT: in_dim has no width for \['venue'\]"):
        HGT(RELATIONS, {"author": 1, "paper": 1, "topic": 1}, 4)
