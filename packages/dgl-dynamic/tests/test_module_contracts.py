"""What torch's users do around a DynamicModule: copies, autocast, transformations, signals of any type."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.func import functional_call, jvp

from heddle.errors import GraphError
from heddle.graphs.graph import Graph
from heddle.nn.layers.gcn import GCN
from heddle_dgl import GraphGRU, GraphLSTM, SnapshotStore, integrate, stack_seq_model
from heddle_dgl.module import DynamicModule

CELLS = [GraphGRU, GraphLSTM]
ENGINES = ["naive", "cached", "fused"]
SIGNAL = np.random.default_rng(1).standard_normal((9, 5, 2))


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    weight, (senders, receivers) = rng.uniform(0.5, 2, 9), rng.integers(0, 5, (2, 9))
    return Graph(None, {"weight": weight}, senders, receivers, None, np.array([5]), np.array([9]))


def module_of(cell=GraphGRU, engine="fused", dtype=torch.float64, store=None, kernel="auto"):
    model = stack_seq_model(2, 1, 1, integrate(cell, GCN), hidden=3)
    return DynamicModule(model, 3, 2, engine, store, kernel, dtype=dtype)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_copy_gives_the_same(graph, engine):
    module = module_of(engine=engine, store=SnapshotStore())
    expected = module(graph, SIGNAL, [0, 4])
    copied = copy.deepcopy(module)
    assert torch.equal(copied(graph, SIGNAL, [0, 4]), expected) and copied.store is module.store
    with pytest.raises(TypeError, match=r"found a store to save, .*; set module.store = None before"):
        pickle.dumps(module)
    module.store = None
    assert torch.equal(pickle.loads(pickle.dumps(module))(graph, SIGNAL, [0, 4]), expected)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cell", CELLS)
def test_autocast_gives_nearly_the_same(graph, cell, engine, kernel):
    """Forward, and backward inside of it too, where its products would be made narrower than their buffers."""
    module = module_of(cell, engine, torch.float32, kernel=kernel)
    weights = list(module.parameters())
    expected = module(graph, SIGNAL, [0, 4])
    gradients = torch.autograd.grad(expected.square().sum(), weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = module(graph, SIGNAL, [0, 4])
        actual_gradients = torch.autograd.grad(actual.float().square().sum(), weights)
    torch.testing.assert_close(actual.float(), expected, rtol=0.08, atol=0.08)
    for one, other in zip(actual_gradients, gradients):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.15, atol=0.15 * other.abs().max().item() + 1e-3)


def test_transformations_of_torch_func_are_refused(graph):
    module = module_of()
    weights = {name: tensor.detach() for name, tensor in module.named_parameters()}
    with pytest.raises(GraphError, match=r"found parameters that torch\.func goes over, expected plain ones"):
        jvp(lambda given: functional_call(module, given, (graph, SIGNAL, [0])), (weights,), (weights,))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "uint8", ">f8", ">i4"])
def test_a_signal_of_any_real_type(graph, dtype):
    x = np.abs(SIGNAL * 5).astype(dtype)
    actual, expected = (module_of()(graph, each, [0, 4]) for each in (x, x.astype(np.float64)))
    assert torch.equal(actual, expected)


@pytest.mark.parametrize(
    "x, actual",
    [
        (SIGNAL + 1j, r"complex128 of shape \(9, 5, 2\)"),
        (SIGNAL.astype(str), r"<U32 of shape"),
        (SIGNAL[:, :, 0], r"float64 of shape \(9, 5\)"),
        (SIGNAL > 0, "bool of shape"),
    ],
)
def test_a_signal_that_is_none_is_refused(graph, x, actual):
    with pytest.raises(
        GraphError, match=rf"x: found {actual}.*, expected \[n_times, n_nodes, d\] real numbers"
    ):
        module_of()(graph, x, [0])


def test_no_windows_have_no_predictions(graph):
    module = module_of()
    predictions = module(graph, SIGNAL, [])
    assert predictions.shape == (0, 2, 5, 1)
    predictions.sum().backward()
    assert all(not tensor.grad.any() for tensor in module.parameters())


def test_what_is_fed_is_said_for_each_step(graph):
    with pytest.raises(GraphError, match="fed: found 1 entries, expected one for each of the 2 steps"):
        module_of()(graph, SIGNAL, [0], fed=[True])


def test_a_weight_that_is_not_finite_is_refused(graph):
    weight = np.where(np.arange(9) == 4, np.nan, 1.0)
    with pytest.raises(GraphError, match=r"edges\['weight'\]\[4\]: found nan, expected a finite number"):
        module_of()(graph._replace(edges={"weight": weight}), SIGNAL, [0])
