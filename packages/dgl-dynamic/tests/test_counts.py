"""How often messages are aggregated in one step of time, with all layers warm: the paper's numbers and below."""

import dense_reference as dense
import pytest
from dynamic_cases import CPU, F64, LENGTH, forward, make_graph, make_model, make_params

from heddle.graphs.memo import Memo
from heddle_dgl.reuse.placed_graph import place_graph
from heddle_dgl.reuse.run import Run, engine_named
from heddle_dgl.reuse.step_memo import step
from heddle_dgl.reuse.store import SnapshotStore
from heddle_dgl.reuse.windows import WindowBatch
from heddle_torch.arrays.ops import TorchOps

CASES = [
    ("naive", None, False, {"lstm": 16, "gru": 12, "rnn": 4}),
    ("cached", False, False, {"lstm": 4, "gru": 6, "rnn": 4}),
    ("cached", True, False, {"lstm": 3, "gru": 5, "rnn": 3}),
    ("fused", True, False, {"lstm": 3, "gru": 5, "rnn": 3}),
    ("cached", True, True, {"lstm": 2, "gru": 4, "rnn": 2}),
    ("fused", True, True, {"lstm": 2, "gru": 4, "rnn": 2}),
]


@pytest.mark.parametrize("engine, across, stored, expected", CASES)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_aggregations_of_a_step(cell, engine, across, stored, expected):
    """One more step of input costs so many aggregations in two layers."""
    senders, receivers, weight, a, signal = dense.random_signal()
    model, _, _ = make_model(f"{cell}/gcn", 2, 2)
    params, graph = make_params(model), make_graph(senders, receivers, weight, len(a))
    structure = place_graph(graph, model.specs(), CPU, F64)
    store = SnapshotStore() if stored else None

    def count(length):
        with step(Memo(held=True)) as memo:
            windows = WindowBatch("test", signal, [0, 1], length, 1, [structure], CPU, F64, length)
            run = Run(TorchOps(), engine_named(engine, across), memo, store)
            model.embed(run, params, windows)
            return run.aggregations

    if stored:
        count(LENGTH + 1)
    assert count(LENGTH + 1) - count(LENGTH) == expected[cell]


def test_attention_is_not_cached():
    """A layer whose messages have parameters runs for each gate, whatever the engine, and gives one answer."""
    from dynamic_cases import assert_close, gradients, make_windows

    from heddle.nn.layers.gat import GAT
    from heddle_dgl.cells import GraphGRU
    from heddle_dgl.models.stacking import integrate, stack_seq_model

    senders, receivers, weight, a, signal = dense.random_signal()
    model = stack_seq_model(2, 1, 1, integrate(GraphGRU, lambda i, o: GAT(i, o, 1)), 4)
    params, graph = make_params(model), make_graph(senders, receivers, weight, len(a))
    results = {
        engine: forward(model, params, make_windows(model, [graph], signal, [0, 3]), engine)
        for engine in ("naive", "cached", "fused")
    }
    reference, run = results.pop("naive")
    wanted = gradients(reference, params)
    for outputs, other in results.values():
        assert other.aggregations == run.aggregations
        assert_close(outputs, reference)
        for key, grad in gradients(outputs, params).items():
            assert_close(grad, wanted[key], where=key)
