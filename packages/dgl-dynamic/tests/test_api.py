"""The paper's API: msg_pass, cache and update, integrate and stack_seq_model, as users call them."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

import heddle_dgl
from heddle.errors import GraphError
from heddle.graph import Graph
from heddle.layers.gcn import GCN
from heddle_dgl import (
    GraphGRU,
    GraphLSTM,
    SnapshotStore,
    integrate,
    msg_pass,
    place_structure,
    stack_seq_model,
    update,
)
from heddle_dgl.memo import step
from heddle_dgl.module import DynamicModule

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
    structure = place_structure(graph, layer.specs(), torch.device("cpu"), torch.float64)
    weights = [torch.randn(3, 4, dtype=torch.float64) for _ in range(2)]
    with step() as memo:
        first = msg_pass(structure, x, layer).cache()
        second = msg_pass(structure, x, GCN(3, 9)).cache()
        assert first.value is second.value and memo.hits == 1 and first.cache() is first
        outputs = [update(layer, {"weight": weight}, first) for weight in weights]
    for weight, found in zip(weights, outputs):
        torch.testing.assert_close(found, first.value @ weight)


def test_msg_pass_refuses_what_has_no_messages(graph):
    from heddle.layers.gat import GAT

    structure = place_structure(graph, GCN(1, 1).specs(), torch.device("cpu"), torch.float32)
    with pytest.raises(GraphError, match="attention has parameters"):
        msg_pass(structure, torch.zeros(6, 3), GAT(3, 4))


@needs_dgl
def test_msg_pass_on_a_dgl_graph(graph):
    from heddle_dgl.kernels import import_dgl

    dgl = import_dgl()
    native, x = dgl.graph((graph.senders, graph.receivers), num_nodes=6), torch.randn(6, 3)
    functions = dgl.function.copy_u("h", "m"), dgl.function.sum("m", "out")
    with step() as memo:
        found = msg_pass(native, x, *functions).cache()
        again = msg_pass(native, x, *functions).cache()
        assert again.value is found.value and memo.hits == 1
    expected = torch.zeros(6, 3).index_add_(0, torch.from_numpy(graph.receivers), x[graph.senders])
    torch.testing.assert_close(found.value, expected)


@needs_dgl
def test_kernels_give_one_answer(graph):
    from heddle_dgl.kernels import ops_named

    layer, x = GCN(3, 4), torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    structure = place_structure(graph, layer.specs(), torch.device("cpu"), torch.float64)
    answers = []
    for name in ("torch", "dgl"):
        y = layer.aggregate(ops_named(name, torch.device("cpu")), structure.supports, x)
        answers.append((y, torch.autograd.grad((y**2).sum(), x)[0]))
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-12, atol=1e-12)


@needs_dgl
def test_a_convolution_of_dgl_in_a_cell(graph):
    from heddle_dgl.dgl_conv import dgl_layer
    from heddle_dgl.kernels import import_dgl

    import_dgl()
    from dgl.nn.pytorch import SAGEConv

    model = stack_seq_model(
        2, 1, 1, integrate(GraphGRU, dgl_layer(SAGEConv, aggregator_type="mean")), hidden=4
    )
    x = np.random.default_rng(0).standard_normal((9, 6, 2)).astype(np.float32)
    found = [DynamicModule(model, 3, 2, engine)(graph, x, [0, 4]) for engine in ("naive", "fused")]
    torch.testing.assert_close(found[0], found[1])


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
    figures = module.store.stats()
    assert figures["misses"] == 53 and figures["hits"] == 39 * 53
