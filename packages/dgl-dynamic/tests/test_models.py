"""Every model equals its published equations, for every engine, in outputs and gradients."""

from importlib.util import find_spec

import dense_reference as dense
import pytest
import torch
from dynamic_cases import (
    HORIZON,
    MODELS,
    assert_close,
    forward,
    gradients,
    make_graph,
    make_model,
    make_params,
    make_windows,
)

from heddle_dgl.cells import base
from heddle_dgl.reuse.store import SnapshotStore

ENGINES = [("naive", None), ("cached", False), ("cached", True), ("fused", False), ("fused", True)]
STARTS = (0, 5, 1, 5)


@pytest.mark.parametrize("layers", (1, 2))
@pytest.mark.parametrize("name", MODELS)
def test_published_equations(name, layers):
    senders, receivers, weight, a, signal = dense.random_signal()
    model, matrices, reference = make_model(name, signal.shape[2], layers)
    params, graph = make_params(model), make_graph(senders, receivers, weight, len(a))
    fed = [True, False, True]
    mats, x = matrices(torch.from_numpy(a)), torch.from_numpy(signal)
    expected = torch.stack([reference(lambda t: mats, params, x, s, fed) for s in STARTS], 2)
    wanted = gradients(expected, params)
    for engine, across in ENGINES:
        windows = make_windows(model, [graph], signal, STARTS)
        outputs, _ = forward(model, params, windows, engine, fed, across)
        assert_close(outputs, expected, where=f"{engine} outputs")
        for key, grad in gradients(outputs, params).items():
            assert_close(grad, wanted[key], where=f"{engine} gradient of {key}")


@pytest.mark.skipif(find_spec("heddle_kernels") is None, reason="heddle-kernels isn't installed")
@pytest.mark.parametrize("many_rows", (1, 10**9), ids=("by step", "in one call"))
@pytest.mark.parametrize("name", MODELS)
def test_native_steps(name, many_rows, monkeypatch):
    """With heddle-kernels the answers are the same, whether inputs are multiplied by step or in one call."""
    monkeypatch.setattr(base, "_MANY_ROWS", many_rows)
    senders, receivers, weight, a, signal = dense.random_signal()
    model, _, _ = make_model(name, signal.shape[2], 2)
    params, graph = make_params(model), make_graph(senders, receivers, weight, len(a))
    fed, store = [True, False, True], SnapshotStore()
    windows = make_windows(model, [graph], signal, STARTS)
    expected, _ = forward(model, params, windows, "naive", fed)
    wanted = gradients(expected, params)
    for _ in range(2):
        windows = make_windows(model, [graph], signal, STARTS)
        outputs, _ = forward(model, params, windows, "fused", fed, None, store, "heddle")
        assert_close(outputs, expected)
        for key, grad in gradients(outputs, params).items():
            assert_close(grad, wanted[key], where=key)


@pytest.mark.parametrize("name", ["lstm/gcn", "gru/diffusion", "tgcn", "a3tgcn", "evolve/O", "evolve/H"])
def test_on_a_changing_graph(name):
    """Each step has its own edges; what is known of one graph is never used for another."""
    parts = [dense.random_signal(seed) for seed in range(4 + HORIZON)]
    signal = parts[0][4]
    model, matrices, reference = make_model(name, signal.shape[2], 2)
    params = make_params(model)
    graphs = [make_graph(*part[:3], len(part[3])) for part in parts]
    mats = [matrices(torch.from_numpy(part[3])) for part in parts]
    expected = reference(lambda t: mats[t], params, torch.from_numpy(signal), 3, None)[:, :, None]
    wanted = gradients(expected, params)
    for engine, across in ENGINES:
        windows = make_windows(model, graphs, signal, [3])
        outputs, _ = forward(model, params, windows, engine, None, across)
        assert_close(outputs, expected, where=f"{engine} outputs")
        for key, grad in gradients(outputs, params).items():
            assert_close(grad, wanted[key], where=f"{engine} gradient of {key}")
