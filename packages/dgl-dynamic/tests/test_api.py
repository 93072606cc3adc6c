"""The paper's API: msg_pass, cache and update, integrate and stack_seq_model, as users call them."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

import heddle_dgl
from heddle.errors import GraphError
from heddle.graphs.graph import Graph
from heddle.nn.layers.gcn import GCN
from heddle_dgl import (
    GraphGRU,
    GraphLSTM,
    SnapshotStore,
    integrate,
    msg_pass,
    place_graph,
    stack_seq_model,
    update,
)
from heddle_dgl.module import DynamicModule
from heddle_dgl.reuse.step_memo import step

needs_dgl = pytest.mark.skipif(find_spec("dgl") is None, reason="DGL isn't installed")


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    senders, receivers = rng.integers(0, 6, (2, 14))
    return Graph(
        None, {"weight": rng.uniform(0.5, 1, 14)}, senders, receivers, None, np.array([6]), np.array([14])
    )


def test_every_public_name_is_there():
    for name in heddle_dgl.__all__:
        assert callable(getattr(heddle_dgl, name)), name


def test_msg_pass_once_for_all_gates(graph):
    layer, x = GCN(3, 4, bias=False), torch.randn(6, 3, dtype=torch.float64)
    structure = place_graph(graph, layer.specs(), torch.device("cpu"), torch.float64)
    weights = [torch.randn(3, 4, dtype=torch.float64) for _ in range(2)]
    with step() as memo:
        first = msg_pass(structure, x, layer).cache()
        second = msg_pass(structure, x, GCN(3, 9)).cache()
        assert first.value is second.value and memo.hits == 1 and first.cache() is first
        outputs = [update(layer, {"weight": weight}, first) for weight in weights]
    for weight, actual in zip(weights, outputs):
        torch.testing.assert_close(actual, first.value @ weight)


def test_msg_pass_refuses_what_has_no_messages(graph):
    from heddle.nn.layers.gat import GAT

    structure = place_graph(graph, GCN(1, 1).specs(), torch.device("cpu"), torch.float32)
    with pytest.raises(GraphError, match="attention has parameters"):
        msg_pass(structure, torch.zeros(6, 3), GAT(3, 4))


@needs_dgl
def test_msg_pass_on_a_dgl_graph(graph):
    from heddle_dgl.kernels import import_dgl

    dgl = import_dgl()
    native, x = dgl.graph((graph.senders, graph.receivers), num_nodes=6), torch.randn(6, 3)
    functions = dgl.function.copy_u("h", "m"), dgl.function.sum("m", "out")
    with step() as memo:
        actual = msg_pass(native, x, *functions).cache()
        again = msg_pass(native, x, *functions).cache()
        assert again.value is actual.value and memo.hits == 1
    expected = torch.zeros(6, 3).index_add_(0, torch.from_numpy(graph.receivers), x[graph.senders])
    torch.testing.assert_close(actual.value, expected)


@needs_dgl
def test_kernels_give_one_answer(graph):
    from heddle_dgl.kernels import ops_named

    layer, x = GCN(3, 4), torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    structure = place_graph(graph, layer.specs(), torch.device("cpu"), torch.float64)
    answers = []
    for name in ("torch", "dgl"):
        y = layer.aggregate(ops_named(name, torch.device("cpu")), structure.propagations, x)
        answers.append((y, torch.autograd.grad((y**2).sum(), x)[0]))
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-12, atol=1e-12)


@needs_dgl
def test_a_convolution_of_dgl_in_a_cell(graph):
    from heddle_dgl.cells.dgl_conv import dgl_layer
    from heddle_dgl.kernels import import_dgl

    import_dgl()
    from dgl.nn.pytorch import SAGEConv

    model = stack_seq_model(
        2, 1, 1, integrate(GraphGRU, dgl_layer(SAGEConv, aggregator_type="mean")), hidden=4
    )
    x = np.random.default_rng(0).standard_normal((9, 6, 2)).astype(np.float32)
    actual = [DynamicModule(model, 3, 2, engine)(graph, x, [0, 4]) for engine in ("naive", "fused")]
    torch.testing.assert_close(actual[0], actual[1])


@pytest.mark.parametrize("cell", [GraphGRU, GraphLSTM])
def test_a_module_learns(graph, cell):
    model = stack_seq_model(1, 1, 1, integrate(cell, GCN), hidden=8, tau=0)
    clock = np.arange(60)[:, None] * 0.4 + np.arange(6)[None, :]
    x = np.sin(clock)[..., None].astype(np.float32)
    module = DynamicModule(model, 4, 2, store=SnapshotStore())
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    starts = np.arange(50)
    target = torch.from_numpy(x[starts[:, None] + 4 + np.arange(2)])
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = torch.mean((module(graph, x, starts) - target) ** 2)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    statistics = module.store.stats()
    assert statistics["misses"] == 53 and statistics["hits"] == 39 * 53


@pytest.fixture(scope="module")
def module():
    return DynamicModule(stack_seq_model(1, 1, 1, integrate(GraphGRU, GCN), hidden=4), 3, 2)


@pytest.mark.parametrize(
    "starts, error",
    [
        ([-3], r"starts\[0\]: found -3, expected a step in \[0, 6\]"),
        (
            [0, 7],
            r"starts\[1\]: found 7, expected a step in \[0, 6\], whose window of 3 steps lies in the 9 of x",
        ),
        ([0.0], r"starts: found float64 of shape \(1,\), expected \[n_windows\] int"),
        (4, r"starts: found int64 of shape \(\)"),
    ],
)
def test_a_window_that_is_not_in_the_signal(graph, module, starts, error):
    with pytest.raises(GraphError, match=error):
        module(graph, np.zeros((9, 6, 1), np.float32), starts)


def test_the_last_window_is_in_the_signal(graph, module):
    x = np.random.default_rng(0).standard_normal((9, 6, 1)).astype(np.float32)
    assert module(graph, x, [0, 6]).shape == (2, 2, 6, 1)
    with pytest.raises(GraphError, match=r"found 6, expected a step in \[0, 4\]"):
        module(graph, x, [6], fed=[True, True])  # which reads the truth of the horizon, too


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_signal_that_is_not_finite(graph, module, value):
    """Only the windows are read, and looked at."""
    x = np.zeros((9, 6, 1), np.float32)
    x[5, 2, 0] = value
    assert torch.isfinite(module(graph, x, [0, 2, 6])).all()
    with pytest.raises(GraphError, match=rf"x\[5, 2, 0\]: found {value}, expected a finite number"):
        module(graph, x, [0, 3])


def test_a_graph_for_each_step_is_of_one_window(graph, module):
    x = np.random.default_rng(0).standard_normal((9, 6, 1)).astype(np.float32)
    assert module([graph] * 3, x, [2]).shape == module([graph] * 5, x, [2]).shape == (1, 2, 6, 1)
    with pytest.raises(
        GraphError, match="graph: found 3 graphs for 2 windows, expected a graph for each step"
    ):
        module([graph] * 3, x, [0, 2])
    with pytest.raises(
        GraphError, match="graph: found 2 graphs, expected one, or one for each of 3 to 5 steps"
    ):
        module([graph] * 2, x, [2])
