"""Signals on a fixed graph, unrelated snapshots, and windows on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.errors import GraphError
from heddle.graphs.dynamic import EdgeDelta, SnapshotSequence, StaticTopologySignal, windows
from heddle.graphs.graph import Graph
from heddle.graphs.validate import validate
from heddle.testing.cases.graphs import bare_graph, corner_batch

from .pytrees import assert_equal, graph_lists


def signal(n_times=7, graph=None):
    graph = graph or bare_graph()
    x = np.arange(n_times * 3 * 2, dtype=np.float32).reshape(n_times, 3, 2)
    return StaticTopologySignal(graph, x)


def test_snapshots_are_views_of_the_signal():
    moving = signal()
    assert len(moving) == 7 and moving.topology == "static"
    for t, snapshot in enumerate(moving):
        assert snapshot.time == t
        assert np.shares_memory(snapshot.graph.nodes, moving.x)
        np.testing.assert_array_equal(snapshot.graph.nodes, moving.x[t])
        assert snapshot.graph.senders is moving.graph.senders
    assert moving[-1].time == 6
    assert moving[3].ids.tolist() == [0, 1, 2]
    assert moving.delta(0) is None and moving.delta(3) == EdgeDelta()


@given(st.integers(0, 30), st.integers(1, 6), st.integers(0, 4), st.integers(1, 4))
def test_windows_are_views_and_complete(n_times, length, horizon, stride):
    moving = signal(n_times)
    actual = windows(moving, length, horizon, stride)
    starts = [t for t in range(0, n_times, stride) if t + length + horizon <= n_times]
    assert len(actual) == len(starts)
    for start, (inputs, targets) in zip(starts, actual):
        assert (inputs.start, inputs.stop) == (start, start + length)
        assert (targets.start, targets.stop) == (start + length, start + length + horizon)
        part = moving[inputs]
        assert len(part) == length and len(moving[targets]) == horizon
        assert np.shares_memory(part.x, moving.x) and part.x.base is not None
        np.testing.assert_array_equal(part[length - 1].graph.nodes, moving[start + length - 1].graph.nodes)


def test_windows_of_a_long_signal_cost_nothing():
    x = np.broadcast_to(np.zeros((3, 2)), (10**9, 3, 2))  # 48 TB if anything copied it
    actual = windows(StaticTopologySignal(bare_graph(), x), 12, 12)
    assert len(actual) == 10**9 - 23
    training = actual[: int(0.7 * len(actual))]
    assert training[-1].inputs == slice(699999982, 699999994)
    assert len(actual[10**6 : 10**6 + 64]) == 64


def test_a_memory_map_stays_one(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(9, 3, 1))
    moving = StaticTopologySignal(bare_graph(), x)
    assert isinstance(moving[2:5].x, np.memmap) and np.shares_memory(moving[2:5][0].graph.nodes, x)
    validate(moving)


@given(graph_lists())
def test_sequences_give_their_graphs(graphs):
    sequence = SnapshotSequence(graphs)
    validate(sequence)
    assert len(sequence) == len(graphs) and sequence.topology == "independent"
    for t, snapshot in enumerate(sequence):
        assert snapshot.time == t and sequence.delta(t) is None
        assert_equal(snapshot.graph, graphs[t])


@pytest.mark.parametrize(
    "sequence", [signal(3), SnapshotSequence([bare_graph()] * 3)], ids=["static", "sequence"]
)
def test_times_past_the_ends_are_refused(sequence):
    assert sequence[-3].time == 0
    for t in (3, -4):
        with pytest.raises(IndexError, match=r"expected one in \[0, 3\)"):
            sequence[t]


@pytest.mark.parametrize(
    ("moving", "message"),
    [
        (
            StaticTopologySignal(bare_graph(), np.zeros((5, 4, 2))),
            r"x: shape: found \(5, 4, 2\), expected \(n_times, 3,",
        ),
        (StaticTopologySignal(bare_graph(), np.zeros(3)), r"x: shape: found \(3,\)"),
        (StaticTopologySignal(bare_graph(), np.full((2, 3), "a")), "x: found dtype <U1, expected numbers"),
        (StaticTopologySignal(corner_batch(), np.zeros((2, 9))), "graph: found a batch of 5 graphs"),
        (
            StaticTopologySignal(bare_graph()._replace(senders=np.array([0, 7])), np.zeros((2, 3))),
            r"graph: senders\[1\]",
        ),
        (SnapshotSequence([bare_graph(), corner_batch()]), r"graphs\[1\]: found a batch of 5 graphs"),
        (
            SnapshotSequence([bare_graph()], [np.array([1, 1, 2])]),
            r"graphs\[0\]: found node_ids .*3 different ids",
        ),
        (SnapshotSequence([bare_graph()], []), "node_ids: found 0 arrays, expected 1"),
    ],
)
def test_broken_signals_are_reported(moving, message):
    with pytest.raises(GraphError, match=message):
        validate(moving)


def test_a_value_that_isnt_finite_is_named():
    moving = signal()
    moving.x[4, 1, 0] = np.nan
    with pytest.raises(GraphError, match=r"x\[4, 1, 0\]: found nan, expected a finite number"):
        validate(moving)
    assert validate(moving, finite=False) is moving
    sequence = SnapshotSequence(
        [Graph(np.array([np.inf]), None, *np.zeros((2, 0), int), None, np.array([1]), np.array([0]))]
    )
    with pytest.raises(GraphError, match=r"graphs\[0\]: nodes\[0\]: found inf"):
        validate(sequence)


@pytest.mark.parametrize(("length", "horizon", "stride"), [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_windows_without_length_or_stride_are_refused(length, horizon, stride):
    with pytest.raises(GraphError, match="windows: found length"):
        windows(signal(), length, horizon, stride)
