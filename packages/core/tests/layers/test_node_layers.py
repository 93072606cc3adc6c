"""GCN, SAGE, GAT, GIN, Chebyshev and diffusion convolution against dense formulas of their papers, in float64."""

import numpy as np
import pytest

from heddle.errors import ConfigError
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.sage import SAGE

from .dense import (
    CASES,
    NAMES,
    OPS,
    below,
    features_of,
    matrix,
    mlp,
    over_rows,
    params_of,
    propagations_of,
    symmetric,
    weights_of,
)

WIDTHS = [(3, 5), (5, 2)]  # a layer aggregates first where it widens, transforms first where it narrows


def dense_gcn(layer, params, case, weight, x):
    a = matrix(case, weight)
    looped = set(case.receivers[case.senders == case.receivers].tolist())
    for i in range(len(a)):
        if i not in looped:
            a[i, i] += 1
    return symmetric(a, a.sum(axis=1)) @ x @ params["weight"] + params["bias"]


def dense_sage(layer, params, case, weight, x):
    if layer.aggregator == "mean":
        gathered = over_rows(matrix(case, weight)) @ x
    else:
        sent = [x[case.senders[case.receivers == i]] for i in range(len(x))]
        gathered = np.array([s.max(axis=0) if len(s) else np.zeros(x.shape[1]) for s in sent]).reshape(
            x.shape
        )
    return x @ params["weight_self"] + gathered @ params["weight_neighbour"] + params["bias"]


def dense_gin(layer, params, case, weight, x):
    return mlp(below("mlp.", params), (1 + params["eps"]) * x + matrix(case, weight) @ x)


def dense_cheb(layer, params, case, weight, x):
    a = matrix(case, weight)
    # lambda_max = 2 makes 2 L / lambda_max - I equal to L - I
    scaled = (np.eye(len(a)) - symmetric(a, a.sum(axis=1))) - np.eye(len(a))
    terms = [np.eye(len(a)), scaled]
    while len(terms) < layer.order:
        terms.append(2 * scaled @ terms[-1] - terms[-2])
    return sum(t @ x @ w for t, w in zip(terms[: layer.order], params["weight"])) + params["bias"]


def dense_diffusion(layer, params, case, weight, x):
    w = matrix(case, weight).T  # w[i, j] is the edge from i to j, as in the paper
    out_walk, in_walk = over_rows(w), over_rows(w.T)
    y = x @ params["weight"][0]
    for k in range(1, layer.steps + 1):
        y = y + np.linalg.matrix_power(out_walk, k) @ x @ params["weight"][k]
        y = y + np.linalg.matrix_power(in_walk, k) @ x @ params["weight"][layer.steps + k]
    return y + params["bias"]


def dense_gat(layer, params, case, weight, x):
    edges = list(zip(case.senders.tolist(), case.receivers.tolist()))
    edges += [(i, i) for i in range(len(x)) if (i, i) not in edges]
    y = np.zeros((len(x), layer.heads, layer.head_dim))
    for head in range(layer.heads):
        part = slice(head * layer.head_dim, (head + 1) * layer.head_dim)
        sent = x @ params["weight"][:, part]
        for i in range(len(x)):
            senders = [s for s, r in edges if r == i]
            logits = [gat_logit(layer, params, head, part, x, sent, s, i) for s in senders]
            exps = np.exp(np.array(logits) - max(logits))
            y[i, head] = (exps / exps.sum()) @ sent[senders]
    y = y.reshape(len(x), layer.out_dim) if layer.concat else y.mean(axis=1)
    return y + params["bias"]


def gat_logit(layer, params, head, part, x, sent, s, i):
    if layer.version == 1:
        value = params["attention_sender"][head] @ sent[s] + params["attention_receiver"][head] @ sent[i]
        return value if value > 0 else 0.2 * value
    both = sent[s] + x[i] @ params["weight_receiver"][:, part]
    return params["attention"][head] @ np.where(both > 0, both, 0.2 * both)


WEIGHTED = [
    (lambda i, o: GCN(i, o), dense_gcn, "gcn"),
    (lambda i, o: SAGE(i, o, "mean"), dense_sage, "sage-mean"),
    (lambda i, o: GIN(i, o), dense_gin, "gin"),
    (lambda i, o: ChebConv(i, o, order=1), dense_cheb, "cheb-1"),
    (lambda i, o: ChebConv(i, o, order=2), dense_cheb, "cheb-2"),
    (lambda i, o: ChebConv(i, o, order=4), dense_cheb, "cheb-4"),
    (lambda i, o: DiffusionConv(i, o, steps=0), dense_diffusion, "diffusion-0"),
    (lambda i, o: DiffusionConv(i, o, steps=1), dense_diffusion, "diffusion-1"),
    (lambda i, o: DiffusionConv(i, o, steps=3), dense_diffusion, "diffusion-3"),
]
UNWEIGHTED = [
    (lambda i, o: SAGE(i, o, "max"), dense_sage, "sage-max"),
    (lambda i, o: GAT(i, 2 * o, heads=2), dense_gat, "gat-1"),
    (lambda i, o: GAT(i, 2 * o, heads=2, version=2), dense_gat, "gat-2"),
    (lambda i, o: GAT(i, o, heads=3, concat=False), dense_gat, "gat-averaged"),
]
LAYERS = [(*entry[:2], True, entry[2]) for entry in WEIGHTED]
LAYERS += [(*entry[:2], False, entry[2]) for entry in WEIGHTED + UNWEIGHTED]
IDS = [f"{name}-{'weighted' if weighted else 'plain'}" for _, _, weighted, name in LAYERS]


@pytest.mark.parametrize(("in_dim", "out_dim"), WIDTHS, ids=["widens", "narrows"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize(("build", "dense", "weighted", "name"), LAYERS, ids=IDS)
def test_layer_equals_its_formula(build, dense, weighted, name, case, in_dim, out_dim):
    layer = build(in_dim, out_dim)
    params, x = params_of(layer), features_of(case, in_dim)
    weight = weights_of(case) if weighted else None
    y = layer.apply(OPS, params, propagations_of(case, layer, weight), x)
    assert y.shape == (case.n_receivers, layer.out_dim)
    # without edge weights the normalisation itself is held in float32
    rtol, atol = (1e-10, 1e-12) if weighted else (1e-5, 1e-6)
    np.testing.assert_allclose(y, dense(layer, params, case, weight, x), rtol=rtol, atol=atol)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize(
    "layer",
    [GCN(5, 2), SAGE(5, 2), SAGE(5, 2, "max"), GIN(5, 2), ChebConv(5, 2, 4), DiffusionConv(5, 2, 3)],
    ids=lambda layer: type(layer).__name__,
)
def test_apply_is_update_of_aggregate(layer, case):
    params, x, propagations = (
        params_of(layer),
        features_of(case, 5),
        propagations_of(case, layer, weights_of(case)),
    )
    split = layer.update(OPS, params, x, layer.aggregate(OPS, propagations, x))
    np.testing.assert_allclose(layer.apply(OPS, params, propagations, x), split, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [ChebConv(3, 2, 3), DiffusionConv(3, 2, 2)], ids=["cheb", "diffusion"])
def test_a_batch_of_signals_is_a_further_axis(layer):
    case = CASES[NAMES.index("odd")]
    params, propagations = params_of(layer), propagations_of(case, layer)
    signals = np.random.default_rng(3).standard_normal((case.n_senders, 4, 3))
    together = layer.apply(OPS, params, propagations, signals)
    apart = [layer.apply(OPS, params, propagations, signals[:, b]) for b in range(4)]
    np.testing.assert_allclose(together, np.stack(apart, axis=1), rtol=1e-12, atol=1e-14)


def test_a_polynomial_without_terms_is_refused():
    with pytest.raises(ConfigError, match="order 0, expected at least 1"):
        ChebConv(3, 2, order=0)
    with pytest.raises(ConfigError, match="steps -1, expected 0 or more"):
        DiffusionConv(3, 2, steps=-1)
