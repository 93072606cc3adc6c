"""Graphs that change by deltas equal the snapshots they were made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.errors import GraphError
from heddle.graphs.dynamic import (
    DeltaGraph,
    EdgeDelta,
    Rows,
    Snapshot,
    apply_delta,
    delta_between,
    delta_graph,
)
from heddle.graphs.graph import Graph
from heddle.graphs.validate import validate

from .pytrees import assert_apart, assert_equal


@st.composite
def histories(draw, min_size=1, max_size=6):
    """Draw snapshots of one graph whose nodes (ids of 0 to 7), edges and features come and go."""
    changes_nodes = draw(st.booleans())
    snapshots = []
    for time in range(draw(st.integers(min_size, max_size))):
        rng = np.random.default_rng(draw(st.integers(0, 9999)))
        ids = rng.permutation(8)[: rng.integers(0, 9)] if changes_nodes else np.arange(5)
        n, e = len(ids), int(rng.integers(0, 12)) if len(ids) else 0
        nodes = {"x": rng.integers(0, 3, (n, 2)).astype(np.float32)}
        edges = (rng.integers(0, 2, e),)
        senders, receivers = rng.integers(0, max(n, 1), (2, e))
        counts = np.array([n]), np.array([e])
        graph = Graph(nodes, edges, senders, receivers, np.ones((1, 2)), *counts)
        snapshots.append(Snapshot(graph, time, ids if changes_nodes else None))
    return snapshots


def canonical(snapshot):
    """Return node id -> features and the sorted edges by ids: what a snapshot says, whatever its order."""
    graph, ids = snapshot.graph, snapshot.ids
    nodes = {int(i): tuple(row) for i, row in zip(ids, graph.nodes["x"].tolist())}
    ends = zip(ids[graph.senders].tolist(), ids[graph.receivers].tolist(), graph.edges[0].tolist())
    return nodes, sorted(ends), graph.globals.tolist()


@given(histories(), st.integers(0, 4))
def test_a_delta_graph_equals_its_snapshots(snapshots, keyframe_every):
    changing = validate(delta_graph(snapshots, keyframe_every))
    assert len(changing) == len(snapshots) and changing.topology == "delta"
    in_order = list(changing)
    for t, expected in enumerate(snapshots):
        validate(changing[t].graph)
        assert changing[t].time == in_order[t].time == t
        assert canonical(changing[t]) == canonical(in_order[t]) == canonical(expected)
        assert_equal(changing[t].graph, in_order[t].graph)
        np.testing.assert_array_equal(changing[t].ids, in_order[t].ids)
        if t:
            rebuilt = apply_delta(changing[t - 1], changing.delta(t))
            assert_equal(rebuilt.graph, changing[t].graph)
    assert changing.delta(0) is None
    if snapshots:
        assert_equal(changing[0].graph, snapshots[0].graph)


@given(histories(min_size=3), st.integers(0, 5), st.integers(0, 7))
def test_a_range_of_times(snapshots, start, stop):
    changing = delta_graph(snapshots, keyframe_every=2)
    actual = [(s.time, canonical(s)) for s in changing.iterate(start, stop)]
    assert actual == [(t, canonical(s)) for t, s in enumerate(snapshots)][start:stop]


@given(histories(min_size=2))
def test_a_reader_may_write_to_what_it_reads(snapshots):
    changing = delta_graph(snapshots, keyframe_every=1)
    before = [canonical(snapshot) for snapshot in changing]
    for snapshot in changing:
        assert_apart(snapshot.graph, changing.base)
        snapshot.graph.nodes["x"][:] = -1
        snapshot.graph.senders[:] = 0
        changing[snapshot.time].graph.edges[0][:] = -1
    assert [canonical(snapshot) for snapshot in changing] == before


@given(histories(min_size=2, max_size=2))
def test_equal_snapshots_differ_by_nothing(snapshots):
    before, _ = snapshots
    delta = delta_between(before, before)
    assert not any(len(ids) for ids in (delta.removed, delta.senders, delta.receivers))
    assert not len(delta.changed_edges.index) and not len(delta.changed_nodes.index)
    assert delta.removed_nodes is None and delta.added_nodes is None


def base():
    """Return 0 -> 1 -> 2 and a repeated 0 -> 1, with features."""
    return Graph(
        np.array([[1.0], [2.0], [3.0]]),
        {"w": np.array([5.0, 6.0, 7.0])},
        np.array([0, 1, 0]),
        np.array([1, 2, 1]),
        None,
        np.array([3]),
        np.array([3]),
    )


def test_one_of_each_change_by_hand():
    removed_and_added = EdgeDelta(
        removed=np.array([0]), senders=np.array([2]), receivers=np.array([0]), edges={"w": np.array([8.0])}
    )
    node_goes = EdgeDelta(removed_nodes=np.array([1]), changed_nodes=Rows(np.array([2]), np.array([[9.0]])))
    node_returns = EdgeDelta(
        added_nodes=Rows(np.array([4, 1]), np.array([[40.0], [10.0]])),
        senders=np.array([1]),
        receivers=np.array([4]),
        edges={"w": np.array([1.5])},
        changed_edges=Rows(np.array([0]), {"w": np.array([0.5])}),
    )
    changing = DeltaGraph(base(), [removed_and_added, node_goes, node_returns])
    first, second, third = changing[1], changing[2], changing[3]
    assert first.graph.senders.tolist() == [1, 0, 2] and first.graph.receivers.tolist() == [2, 1, 0]
    assert first.graph.edges["w"].tolist() == [6.0, 7.0, 8.0] and first.node_ids is None
    assert second.node_ids.tolist() == [0, 2] and second.graph.nodes.tolist() == [[1.0], [9.0]]
    assert second.graph.senders.tolist() == [1] and second.graph.receivers.tolist() == [0]  # 2 -> 0 by rows
    assert third.node_ids.tolist() == [0, 2, 4, 1]
    assert third.graph.senders.tolist() == [1, 3] and third.graph.receivers.tolist() == [0, 2]
    assert third.graph.edges["w"].tolist() == [0.5, 1.5]
    assert third.graph.n_node.tolist() == [4] and third.graph.n_edge.tolist() == [2]


@pytest.mark.parametrize(
    ("delta", "message"),
    [
        (
            EdgeDelta(removed=np.array([1, 3])),
            r"deltas\[1\].removed\[1\]: found 3, expected an edge's position",
        ),
        (EdgeDelta(removed=np.array([1, 1])), r"deltas\[1\].removed\[1\]: found 1 a second time"),
        (EdgeDelta(removed=np.array([-1])), r"removed\[0\]: found -1"),
        (EdgeDelta(removed=np.array([0.5])), "removed: found dtype float64 and shape"),
        (
            EdgeDelta(removed_nodes=np.array([3])),
            r"removed_nodes\[0\]: found 3, expected a node's id, one of 3",
        ),
        (
            EdgeDelta(senders=np.array([0]), receivers=np.array([5])),
            r"receivers\[0\]: found 5, expected a node's id",
        ),
        (
            EdgeDelta(removed_nodes=np.array([2]), senders=np.array([2]), receivers=np.array([0])),
            r"senders\[0\]: found 2, expected a node's id, one of 2",
        ),
        (EdgeDelta(senders=np.array([0])), "receivers: length: found 0, expected 1"),
        (
            EdgeDelta(senders=np.array([0]), receivers=np.array([1])),
            r"edges: found None, expected \[\"\['w'\]\"\]",
        ),
        (
            EdgeDelta(senders=np.array([0]), receivers=np.array([1]), edges={"w": np.ones((1, 2))}),
            r"edges\['w'\]: shape: found \(1, 2\), expected \(1,\)",
        ),
        (
            EdgeDelta(senders=np.array([0]), receivers=np.array([1]), edges={"w": np.array(["a"])}),
            r"edges\['w'\]: dtype: found <U1, expected float64",
        ),
        (
            EdgeDelta(added_nodes=Rows(np.array([3, 1]), np.ones((2, 1)))),
            r"added_nodes.index\[1\]: found 1, expected an id that",
        ),
        (EdgeDelta(added_nodes=Rows(np.array([3, 3]), np.ones((2, 1)))), "found 3 a second time"),
        (EdgeDelta(added_nodes=Rows(np.array([3]))), "added_nodes.features: found None"),
        (EdgeDelta(changed_nodes=Rows(np.array([9]), np.ones((1, 1)))), r"changed_nodes.index\[0\]: found 9"),
        (
            EdgeDelta(changed_edges=Rows(np.array([0]), {"w": np.ones(2)})),
            r"changed_edges.features\['w'\]: shape",
        ),
    ],
)
def test_a_delta_that_doesnt_fit_is_reported(delta, message):
    with pytest.raises(GraphError, match=message):
        DeltaGraph(base(), [EdgeDelta(), delta])


def test_values_that_arent_finite_are_reported_by_validate():
    changing = DeltaGraph(base(), [EdgeDelta(changed_nodes=Rows(np.array([1]), np.array([[np.nan]])))])
    with pytest.raises(GraphError, match=r"snapshot 1: nodes\[1, 0\]: found nan"):
        validate(changing)


def test_times_and_batches_are_checked():
    with pytest.raises(IndexError, match=r"expected one in \[0, 1\)"):
        DeltaGraph(base(), [])[1]
    with pytest.raises(GraphError, match="base: found a batch of 2 graphs"):
        DeltaGraph(base()._replace(n_node=np.array([1, 2]), n_edge=np.array([0, 3])), [])


def test_snapshots_with_other_features_have_no_delta():
    other = base()._replace(edges=None)
    with pytest.raises(GraphError, match="edges after: found None"):
        delta_between(Snapshot(base(), 0), Snapshot(other, 1))


@given(histories(min_size=2, max_size=2))
def test_a_delta_between_snapshots_is_valid_alone(snapshots):
    delta = delta_between(*snapshots)
    assert validate(delta) is delta
    assert validate(snapshots[0]) is snapshots[0]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (EdgeDelta(removed=np.array([2, -1])), r"^removed\[1\]: found -1, expected at least 0"),
        (EdgeDelta(removed=np.array([2, 2])), r"^removed\[1\]: found 2 a second time"),
        (EdgeDelta(removed_nodes=np.array(["a"])), "^removed_nodes: found dtype <U1"),
        (EdgeDelta(removed=np.array([[1]])), r"^removed: found dtype int64 and shape \(1, 1\)"),
        (EdgeDelta(senders=np.array([1])), "^receivers: length: found 0, expected 1"),
        (EdgeDelta(np.array([1]), edges={"w": np.ones(2)}), r"^edges\['w'\]: found 2 rows, expected 0"),
        (
            EdgeDelta(added_nodes=Rows(np.array([1]), np.ones((2, 1)))),
            "^added_nodes.features: found 2 rows, expected 1",
        ),
        (
            EdgeDelta(changed_nodes=Rows(np.array([1]), np.array([np.nan]))),
            r"^changed_nodes.features\[0\]: found nan",
        ),
        (Snapshot(base()._replace(n_node=np.array([4])), 0), r"^snapshot: nodes: found 3 rows, expected 4"),
    ],
)
def test_broken_snapshots_and_deltas_are_reported(broken, message):
    with pytest.raises(GraphError, match=message):
        validate(broken)
