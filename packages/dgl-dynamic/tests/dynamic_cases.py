"""What tests share: models by name on a small random graph, run by any engine, and the reference's answer."""

from dataclasses import fields
from itertools import pairwise
from typing import get_type_hints

import dense_reference as dense
import numpy as np
import torch

from heddle.graphs.graph import Graph
from heddle.graphs.memo import Memo
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gcn import GCN
from heddle.nn.params import initialise
from heddle_dgl.cells import GraphGRU, GraphLSTM, GraphRNN
from heddle_dgl.cells.tgcn import TGCN
from heddle_dgl.kernels import ops_named, steps_named
from heddle_dgl.models import A3TGCN, EvolveGCN, Recurrent
from heddle_dgl.models.evolve import EvolveLayer
from heddle_dgl.models.stacking import integrate, stack_cells, stack_seq_model
from heddle_dgl.reuse.placed_graph import place_graph
from heddle_dgl.reuse.run import Run, engine_named
from heddle_dgl.reuse.step_memo import step
from heddle_dgl.reuse.windows import WindowBatch

HIDDEN, LENGTH, HORIZON = 4, 4, 3
CPU, F64 = torch.device("cpu"), torch.float64

LAYERS = {
    "gcn": (GCN, lambda a: [dense.gcn_matrix(a)]),
    "cheb": (lambda i, o: ChebConv(i, o, 3, bias=False), lambda a: dense.cheb_matrices(a, 3)),
    "diffusion": (lambda i, o: DiffusionConv(i, o, 2, bias=False), lambda a: dense.diffusion_matrices(a, 2)),
}
CELLS = {
    "lstm": (GraphLSTM, {}),
    "lstm_plain": (GraphLSTM, {"peephole": False}),
    "gru": (GraphGRU, {}),
    "rnn": (GraphRNN, {}),
}


def make_model(name, features, layers):
    """Return (model, matrices of a dense adjacency, reference) of "gru/diffusion", "tgcn", "evolve/O" ..."""
    cell_name, _, second = name.partition("/")
    if cell_name in CELLS:
        make, matrices = LAYERS[second]
        cell, options = CELLS[cell_name]
        model = stack_seq_model(features, 1, layers, integrate(cell, make, **options), HIDDEN)

        def reference(at, p, signal, start, fed):
            return dense.seq2seq(cell_name, at, p, signal, start, LENGTH, HORIZON, layers, HIDDEN, 1, fed)

        return model, matrices, reference
    matrices = LAYERS["gcn"][1]
    if cell_name == "tgcn":
        model = Recurrent(stack_cells(TGCN, features, HIDDEN, layers), HORIZON)

        def reference(at, p, signal, start, fed):
            tops, _ = dense.encode("tgcn", at, p, signal[start : start + LENGTH], layers, HIDDEN)
            return dense.head(p, tops[-1], HORIZON, 1)

    elif cell_name == "a3tgcn":
        model = A3TGCN(TGCN(features, HIDDEN), HORIZON)

        def reference(at, p, signal, start, fed):
            return dense.a3tgcn(at, p, signal, start, LENGTH, HORIZON, HIDDEN, 1)

    else:
        widths = [features, *[HIDDEN] * layers]
        pairs = pairwise(widths)
        model = EvolveGCN(tuple(EvolveLayer(i, o, second) for i, o in pairs), HORIZON)

        def reference(at, p, signal, start, fed):
            return dense.evolve(second, at, p, signal, start, LENGTH, HORIZON, layers, 1)

    return model, matrices, reference


MODELS = [
    *(f"{cell}/{layer}" for cell in CELLS for layer in LAYERS),
    "tgcn",
    "a3tgcn",
    "evolve/O",
    "evolve/H",
]


def make_graph(senders, receivers, weight, n):
    return Graph(None, {"weight": weight}, senders, receivers, None, np.array([n]), np.array([len(senders)]))


def make_params(model, seed=0):
    """Return random parameters, biases too, as float64 leaves."""
    rng = np.random.default_rng(seed)
    drawn = initialise(model.params(), seed, np.float64)
    return {
        k: torch.from_numpy(v + 0.1 * rng.standard_normal(v.shape)).requires_grad_() for k, v in drawn.items()
    }


def make_windows(model, graphs, signal, starts, horizon=HORIZON, known=None):
    structures = [place_graph(graph, model.specs(), CPU, F64) for graph in graphs]
    return WindowBatch("test", signal, np.asarray(starts), LENGTH, horizon, structures, CPU, F64, known)


def forward(model, params, windows, engine, fed=None, cross_layer=None, store=None, kernel="torch"):
    """Return (outputs, the Run) of an engine."""
    with step(Memo(held=True, checked=True)) as memo:
        ops, steps = ops_named(kernel, CPU), steps_named(kernel, CPU, F64)
        run = Run(ops, engine_named(engine, cross_layer), memo, store, steps)
        return model.forecast(run, params, windows, fed), run


def gradients(outputs, params, seed=1):
    """Return the gradient in each parameter of a random projection of outputs."""
    weights = torch.from_numpy(np.random.default_rng(seed).standard_normal(outputs.shape))
    grads = torch.autograd.grad((outputs * weights).sum(), list(params.values()), materialize_grads=True)
    return dict(zip(params, grads))


def assert_close(actual, expected, tolerance=1e-10, where=""):
    worst = float((actual - expected).detach().abs().max()) if actual.numel() else 0.0
    assert actual.shape == expected.shape and worst <= tolerance, f"{where}: off by {worst}"


def options_for(build, **values):
    """Return the options that a builder takes, with those of `values` that it knows."""
    cls = get_type_hints(build)["options"]
    return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})
