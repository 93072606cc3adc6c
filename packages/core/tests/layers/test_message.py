"""message_passing and hetero_message_passing against loops over edges."""

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.graphs.adjacency import build_adjacency
from heddle.ops.message_passing import hetero_message_passing, message_passing
from heddle.testing.cases.graphs import edge_cases, hetero_case

from .dense import OPS

CASES = edge_cases()  # some with more senders than receivers, and the reverse
NAMES = [case.name for case in CASES]
REDUCE = {
    "sum": lambda rows: rows.sum(axis=0),
    "mean": lambda rows: rows.mean(axis=0),
    "max": lambda rows: rows.max(axis=0),
    "min": lambda rows: rows.min(axis=0),
    "std": lambda rows: np.sqrt(rows.var(axis=0) + 1e-5),
}


def adjacency_of(case):
    return build_adjacency(case.senders, case.receivers, case.n_senders, case.n_receivers)


def looped(case, messages, how):
    """Reduce [n_edges, ...] messages in the caller's order at each receiver."""
    empty = np.full(messages.shape[1:], np.sqrt(1e-5) if how == "std" else 0.0)
    rows = [messages[case.receivers == i] for i in range(case.n_receivers)]
    return np.array([REDUCE[how](values) if len(values) else empty for values in rows]).reshape(
        -1, *messages.shape[1:]
    )


@pytest.mark.parametrize("how", REDUCE)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_aggregators_on_pytrees(case, how):
    rng = np.random.default_rng(0)
    x = {"a": rng.standard_normal((case.n_senders, 3)), "b": (rng.standard_normal((case.n_senders, 2, 2)),)}
    received = rng.standard_normal((case.n_receivers, 3))
    actual = message_passing(OPS, adjacency_of(case), x, aggregate=how, receivers=received)
    np.testing.assert_allclose(actual["a"], looped(case, x["a"][case.senders], how), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        actual["b"][0], looped(case, x["b"][0][case.senders], how), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("how", REDUCE)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_message_and_update_functions(case, how):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((case.n_senders, 3)), rng.standard_normal((case.n_receivers, 3))
    w = rng.standard_normal((case.n_edges, 3))
    adjacency = adjacency_of(case)
    actual = message_passing(
        OPS,
        adjacency,
        x,
        lambda sent, received, edges: {"m": sent * received + edges},
        how,
        lambda values, got: values - got["m"],
        edges=w[adjacency.order],
        receivers=y,
    )
    messages = x[case.senders] * y[case.receivers] + w
    np.testing.assert_allclose(actual, y - looped(case, messages, how), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_softmax_sum_weighs_values_by_logits(case):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((case.n_senders, 2, 3)), rng.standard_normal((case.n_receivers, 2, 3))
    actual = message_passing(
        OPS,
        adjacency_of(case),
        x,
        lambda sent, received, _: ((sent * received).sum(axis=-1), sent),
        "softmax-sum",
        receivers=y,
    )
    expected = np.zeros((case.n_receivers, 2, 3))
    for i in range(case.n_receivers):
        sent = x[case.senders[case.receivers == i]]
        exps = np.exp((sent * y[i]).sum(axis=-1))
        if len(sent):
            expected[i] = ((exps / exps.sum(axis=0))[..., None] * sent).sum(axis=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_a_function_may_aggregate():
    case = CASES[NAMES.index("odd")]
    x = np.random.default_rng(3).standard_normal((case.n_senders, 2))
    actual = message_passing(
        OPS, adjacency_of(case), x, aggregate=lambda d, i, n: 2 * OPS.segment_sum(d, i, n)
    )
    np.testing.assert_allclose(actual, 2 * looped(case, x[case.senders], "sum"), rtol=1e-12)


@pytest.mark.parametrize("across", ["sum", "mean", "max", "min"])
def test_relations_combine_at_each_type(across):
    graph = hetero_case()
    rng = np.random.default_rng(4)
    counts = {node_type: int(n[0]) for node_type, n in graph.n_node.items()}
    x = {node_type: rng.standard_normal((n, 3)) for node_type, n in counts.items()}
    adjacencies = {
        key: build_adjacency(edges.senders, edges.receivers, counts[key[0]], counts[key[2]])
        for key, edges in graph.edges.items()
    }
    doubles = {
        key: (lambda sent, received, _: 2 * sent) if key[1] == "cites" else None for key in adjacencies
    }
    actual = hetero_message_passing(
        OPS, adjacencies, x, doubles, "mean", lambda values, got: values + got, across=across
    )
    for node_type in ("author", "paper", "venue"):
        arrived = []
        for key, edges in graph.edges.items():
            if key[2] == node_type:
                total, degree = np.zeros((counts[node_type], 3)), np.zeros(counts[node_type])
                np.add.at(total, edges.receivers, x[key[0]][edges.senders] * (2 if key[1] == "cites" else 1))
                np.add.at(degree, edges.receivers, 1)
                arrived.append(total / np.maximum(degree, 1)[:, None])
        combined = getattr(np, across)(np.stack(arrived), axis=0)
        np.testing.assert_allclose(actual[node_type], x[node_type] + combined, rtol=1e-12, atol=1e-12)
    assert set(actual) == {"author", "paper", "venue"}  # no relation enters "topic"


def test_wrong_names_are_refused():
    case = CASES[NAMES.index("path")]
    adjacency, x = adjacency_of(case), np.ones((4, 1))
    with pytest.raises(ConfigError, match=r"'men', expected one of .*; did you mean 'mean'"):
        message_passing(OPS, adjacency, x, aggregate="men")
    with pytest.raises(ConfigError, match="'softmax-sum' without a message function"):
        message_passing(OPS, adjacency, x, aggregate="softmax-sum")
    with pytest.raises(ConfigError, match="across: found 'all'"):
        hetero_message_passing(OPS, {("a", "r", "a"): adjacency}, {"a": x}, across="all")
