"""graph_network and its cases against algorithm 1 in loops, on pytrees, single graphs and batches."""

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.batch import batch, unbatch
from heddle.graphs.pytree import leaves
from heddle.nn.layers.graph_block import (
    deep_sets,
    graph_network,
    interaction_network,
    relation_network,
    spread,
)

from .dense import CASES, NAMES, OPS, as_graph


def nested(case, seed=0):
    """Return the case with pytrees on nodes {"a" [n, 2], "b" ([n, 1],)}, edges [e, 2] and globals ([1, 2],)."""
    rng = np.random.default_rng([seed, case.n_edges])
    n, e = case.n_senders, case.n_edges
    nodes = {"a": rng.standard_normal((n, 2)), "b": (rng.standard_normal((n, 1)),)}
    return as_graph(case, nodes, rng.standard_normal((e, 2)), (rng.standard_normal((1, 2)),))


def edge_update(edges, sent, received, globals):
    message = edges * sent["a"] - 2 * received["a"] + globals[0]
    return {"m": message, "n": sent["b"][0] * received["b"][0]}


def node_update(nodes, sent, received, globals):
    return {
        "a": nodes["a"] + received["m"] * globals[0] - 0.5 * sent["m"],
        "b": (nodes["b"][0] + received["n"],),
    }


def global_update(nodes, edges, globals):
    return (np.tanh(nodes["a"]) + edges["m"] + globals[0],)


def logit(edges, sent, received, globals):
    return edges["m"][:, 0] + sent["a"][:, 1]


def reduced(edges, weights):
    return {"m": edges["m"] * weights[:, None], "n": edges["n"] * weights[:, None]}


def algorithm_1(graph, attention=False):
    """Return (edges, nodes, globals) of one graph, an edge and a node at a time."""
    n, e = int(graph.n_node[0]), len(graph.senders)
    g = graph.globals
    node = [{"a": graph.nodes["a"][i : i + 1], "b": (graph.nodes["b"][0][i : i + 1],)} for i in range(n)]
    ends = list(zip(graph.senders.tolist(), graph.receivers.tolist()))
    edge = [edge_update(graph.edges[k : k + 1], node[s], node[r], g) for k, (s, r) in enumerate(ends)]
    if attention:
        logits = [logit(edge[k], node[s], node[r], g)[0] for k, (s, r) in enumerate(ends)]
        total = {r: sum(np.exp(v) for v, (_, q) in zip(logits, ends) if q == r) for _, r in ends}
        weights = [np.exp(v) / total[r] for v, (_, r) in zip(logits, ends)]
        edge = [{key: value * w for key, value in one.items()} for one, w in zip(edge, weights)]
    zero = {"m": np.zeros((1, 2)), "n": np.zeros((1, 1))}

    def summed(chosen):
        return {key: sum((one[key] for one in chosen), start=zero[key]) for key in zero}

    node = [
        node_update(
            node[i],
            summed([one for one, (s, _) in zip(edge, ends) if s == i]),
            summed([one for one, (_, r) in zip(edge, ends) if r == i]),
            g,
        )
        for i in range(n)
    ]
    all_nodes = {
        "a": np.concatenate([np.zeros((0, 2)), *(one["a"] for one in node)]),
        "b": (np.concatenate([np.zeros((0, 1)), *(one["b"][0] for one in node)]),),
    }
    all_edges = {key: np.concatenate([zero[key][:0], *(one[key] for one in edge)]) for key in zero}
    assert len(all_edges["m"]) == e
    pooled = {"a": all_nodes["a"].sum(axis=0, keepdims=True)}
    return all_edges, all_nodes, global_update(pooled, {"m": all_edges["m"].sum(axis=0, keepdims=True)}, g)


def assert_same(actual, expected):
    assert len(leaves(actual)) == len(leaves(expected)) > 0
    for one, other in zip(leaves(actual), leaves(expected)):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def adjacency_of(graph):
    n = int(graph.n_node.sum())
    return build_adjacency(graph.senders, graph.receivers, n, n)


@pytest.mark.parametrize("attention", [False, True], ids=["plain", "attention"])
@pytest.mark.parametrize("prepared", [False, True], ids=["caller's order", "sorted"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_one_graph_equals_algorithm_1(case, prepared, attention):
    graph = nested(case)
    options = {"attention_logit": logit, "attention_reduce": reduced} if attention else {}
    adjacency = adjacency_of(graph) if prepared else None
    actual = graph_network(
        OPS,
        graph,
        edge_update,
        node_update,
        global_update,
        adjacency=adjacency,
        aggregate_sent="sum",
        **options,
    )
    edges, nodes, globals_ = algorithm_1(graph, attention)
    assert_same(actual.edges, edges)
    assert_same(actual.nodes, nodes)
    assert_same(actual.globals, globals_)
    np.testing.assert_array_equal(actual.senders, graph.senders)


@pytest.mark.parametrize("prepared", [False, True], ids=["caller's order", "sorted"])
def test_a_batch_equals_its_graphs_one_by_one(prepared):
    together = batch([nested(case) for case in CASES])
    updates = edge_update, node_update, global_update
    adjacency = adjacency_of(together) if prepared else None
    actual = graph_network(OPS, together, *updates, adjacency=adjacency, aggregate_sent="sum")
    for one, case in zip(unbatch(actual), CASES):
        alone = graph_network(OPS, nested(case), *updates, aggregate_sent="sum")
        for field in ("nodes", "edges", "globals"):
            assert_same(getattr(one, field), getattr(alone, field))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_cases_of_the_block(case):
    rng = np.random.default_rng(0)
    n, e = case.n_senders, case.n_edges
    x, w, u = rng.standard_normal((n, 2)), rng.standard_normal((e, 2)), rng.standard_normal((1, 2))
    graph = as_graph(case, x, w, u)
    s, r = case.senders, case.receivers

    actual = interaction_network(OPS, graph, lambda e, s, r: e + s * r, lambda v, got: v - got)
    message, got = w + x[s] * x[r], np.zeros((n, 2))
    np.add.at(got, r, message)
    assert_same((actual.edges, actual.nodes, actual.globals), (message, x - got, u))

    sorted_ = adjacency_of(graph)
    both = interaction_network(
        OPS,
        graph,
        lambda e, s, r: e + s,
        lambda v, sent, got: sent - got,
        adjacency=sorted_,
        include_sent=True,
    )
    out, into = np.zeros((n, 2)), np.zeros((n, 2))
    np.add.at(out, s, w + x[s])
    np.add.at(into, r, w + x[s])
    assert_same(both.nodes, out - into)

    actual = relation_network(OPS, graph, lambda s, r: s - r, lambda edges: 3 * edges)
    assert_same((actual.nodes, actual.globals), (x, 3 * (x[s] - x[r]).sum(axis=0, keepdims=True)))

    actual = deep_sets(OPS, graph, lambda v, g: v * g, lambda nodes: nodes + 1)
    assert_same((actual.edges, actual.nodes), (w, x * u))
    assert_same(actual.globals, (x * u).sum(axis=0, keepdims=True) + 1)


def test_no_update_leaves_the_graph_alone():
    graph = nested(CASES[NAMES.index("odd")])
    actual = graph_network(OPS, graph, adjacency=adjacency_of(graph))
    for one, other in zip(actual, graph):
        assert one is other


def test_what_no_aggregator_is_asked_for_is_none():
    seen = {}

    def node(nodes, sent, received, globals):
        seen.update(sent=sent, received=received)
        return nodes

    def context(nodes, edges, globals):
        seen.update(nodes=nodes, edges=edges)
        return globals

    graph = nested(CASES[NAMES.index("odd")])
    nothing = {"aggregate_received": None, "aggregate_nodes": None, "aggregate_edges": None}
    graph_network(OPS, graph, None, node, context, **nothing)
    assert seen == {"sent": None, "received": None, "nodes": None, "edges": None}


@pytest.mark.parametrize("how", ["mean", "max", "min"])
def test_aggregators_by_name(how):
    graph = as_graph(CASES[NAMES.index("isolated")], edges=np.array([[4.0], [1.0], [7.0], [2.0], [-3.0]]))
    got = []
    graph_network(
        OPS,
        graph._replace(nodes=np.zeros((11, 1))),
        None,
        lambda v, s, r, g: got.append(r),
        aggregate_received=how,
    )
    reduce = getattr(np, how)
    expected = np.zeros((11, 1))
    expected[4], expected[1], expected[9] = reduce([4.0, 1.0, -3.0]), 7.0, 2.0
    np.testing.assert_allclose(got[0], expected)


def test_unknown_aggregator_and_half_an_attention_are_refused():
    graph = nested(CASES[NAMES.index("odd")])
    with pytest.raises(ConfigError, match=r"'summ', expected one of .*did you mean 'sum'"):
        graph_network(OPS, graph, None, lambda v, s, r, g: v, aggregate_received="summ")
    with pytest.raises(ConfigError, match="give both or none"):
        graph_network(OPS, graph, edge_update, attention_logit=logit)


def test_graph_ids_skip_graphs_without_rows():
    counts = np.array([2, 0, 3, 0, 1], np.int32)
    assert OPS.graph_ids(counts, 6).tolist() == [0, 0, 2, 2, 2, 4]
    assert OPS.graph_ids(np.array([0, 0]), 0).tolist() == []
    assert spread(OPS, {"g": np.array([[7.0]])}, np.array([3]), 3)["g"].tolist() == [[7.0]] * 3
