"""Formulas of the papers on dense float64 matrices, written apart from the layers they judge."""

import numpy as np

from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Graph
from heddle.nn.params import initialise
from heddle.ops.propagation import build_propagation
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.graphs import square_cases

OPS = NumpyOps()
CASES = square_cases()
NAMES = [case.name for case in CASES]


def propagations_of(case, layer, weight=None):
    adjacency = build_adjacency(case.senders, case.receivers, case.n_senders, case.n_receivers)
    weight = None if weight is None else weight[adjacency.order]
    return {spec.signature: build_propagation(adjacency, spec, weight) for spec in layer.specs()}


def weights_of(case, seed=0):
    return np.random.default_rng([seed, case.n_edges]).uniform(0.5, 2.0, case.n_edges)


def features_of(case, width, seed=0):
    return np.random.default_rng([seed, case.n_senders]).standard_normal((case.n_senders, width))


def params_of(layer, seed=1):
    """Draw parameters, none of them zero, so that biases and eps count."""
    rng = np.random.default_rng(seed)
    drawn = initialise(layer.params(), seed, np.float64)
    return {name: value + 0.1 * rng.standard_normal(value.shape) for name, value in drawn.items()}


def matrix(case, weight=None):
    """Return A with A[r, s] the summed weight of the edges from s to r."""
    a = np.zeros((case.n_receivers, case.n_senders))
    np.add.at(a, (case.receivers, case.senders), 1.0 if weight is None else weight)
    return a


def over_rows(a):
    """Divide each row by its sum; a row of zeros stays."""
    total = a.sum(axis=1, keepdims=True)
    return np.divide(a, total, out=np.zeros_like(a), where=total > 0)


def symmetric(a, degree):
    scale = np.array([d**-0.5 if d > 0 else 0.0 for d in degree])
    return scale[:, None] * a * scale[None, :]


def mlp(params, x, n_layers=2, activation=lambda v: np.maximum(v, 0)):
    for i in range(n_layers):
        x = x @ params[f"{i}.weight"] + params[f"{i}.bias"]
        if i < n_layers - 1:
            if f"{i}.scale" in params:
                x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
                x = x * params[f"{i}.scale"] + params[f"{i}.shift"]
            x = activation(x)
    return x


def below(prefix, params):
    return {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}


def as_graph(case, nodes=None, edges=None, globals=None):
    counts = np.array([case.n_senders]), np.array([case.n_edges])
    return Graph(nodes, edges, case.senders, case.receivers, globals, *counts)
