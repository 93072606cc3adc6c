"""Graphs to PyG's containers and back, and PyG's own containers as graphs."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data, HeteroData

from heddle.errors import GraphError
from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.graphs.pytree import leaves_with_paths
from heddle.testing.examples import examples
from heddle_pyg.native import from_native, to_native


class Pair(NamedTuple):
    left: np.ndarray
    right: np.ndarray


def assert_same(actual, expected) -> None:
    """Check structure, dtypes and values."""
    assert type(actual) is type(expected)
    ours, theirs = list(leaves_with_paths(actual)), list(leaves_with_paths(expected))
    assert [path for path, _ in ours] == [path for path, _ in theirs]
    for (path, x), (_, y) in zip(ours, theirs):
        assert (
            x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == np.ascontiguousarray(y).tobytes()
        ), path


def rows(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, *shape)).astype(np.float32)


def graph(nodes=None, edges=None, globals_=None, n_node=(3, 0, 2), n_edge=(2, 0, 1), dtype=np.int32) -> Graph:
    senders, receivers = np.array([2, 0, 4], dtype), np.array([1, 1, 4], dtype)
    return Graph(nodes, edges, senders, receivers, globals_, np.array(n_node, dtype), np.array(n_edge, dtype))


NESTS = {
    "nothing": lambda n: None,
    "array": lambda n: rows(n, 4),
    "dict": lambda n: {"x": rows(n, 4), "pos": rows(n, 3), "weight": rows(n), "y": np.arange(n)},
    "awkward_keys": lambda n: {
        "index": np.arange(n),
        "edge_index": rows(n),
        "num_nodes": rows(n),
        7: rows(n),
    },
    "nested": lambda n: {"deep": {"x": (rows(n, 2), [rows(n), None])}, "pair": Pair(rows(n), rows(n, 1, 2))},
    "tuple": lambda n: (rows(n), np.arange(n) > 1),
    "empty_dict": lambda n: {},
    "float64": lambda n: rows(n, 2).astype(np.float64)[::-1],
}


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("nodes", NESTS)
@pytest.mark.parametrize("others", NESTS)
def test_round_trip_of_batches_with_any_pytrees(nodes, others, dtype):
    original = graph(NESTS[nodes](5), NESTS[others](3), NESTS[others](3), dtype=dtype)
    assert_same(from_native(to_native(original)), original)


def test_round_trip_without_edges_nodes_or_graphs():
    none = np.zeros(0, np.int64)
    for n_node, n_edge in ([4], [0]), ([0], [0]), ([], []), ([0, 0], [0, 0]):
        n = sum(n_node)
        original = Graph(None, None, none, none, None, np.array(n_node, int), np.array(n_edge, int))
        assert_same(from_native(to_native(original)), original)
        assert_same(
            from_native(to_native(original._replace(nodes=rows(n, 2)))), original._replace(nodes=rows(n, 2))
        )


def test_native_names_are_those_that_pyg_users_know():
    data = to_native(graph(rows(5, 4), {"x": rows(3, 2), "weight": rows(3)}, rows(1, 6), (5,), (3,)))
    assert data.x.shape == (5, 4) and data.edge_attr.shape == (3, 2) and data.edge_weight.shape == (3,)
    assert data.u.shape == (1, 6) and data.edge_index.tolist() == [[2, 0, 4], [1, 1, 4]]
    assert data.edge_index.dtype == torch.int64 and data.num_nodes == 5 and "batch" not in data
    data.validate()


def test_batches_have_batch_and_ptr():
    data = to_native(graph(rows(5, 4)))
    assert data.batch.tolist() == [0, 0, 0, 2, 2] and data.ptr.tolist() == [0, 3, 3, 5]


def test_round_trip_survives_pygs_own_batching_and_moves():
    one = graph({"deep": (rows(5, 4),)}, rows(3, 2), rows(1, 6), (5,), (3,))
    batch = Batch.from_data_list([to_native(one), to_native(one)]).clone().to("cpu")
    both = from_native(batch)
    assert both.n_node.tolist() == [5, 5] and both.n_edge.tolist() == [3, 3]
    assert both.senders.tolist() == [2, 0, 4, 7, 5, 9]
    np.testing.assert_array_equal(both.nodes["deep"][0], np.tile(one.nodes["deep"][0], (2, 1)))
    np.testing.assert_array_equal(both.globals, np.tile(one.globals, (2, 1)))


def test_round_trip_of_hetero_graphs():
    ids = np.array([0, 1, 2], np.int32)
    original = hetero_graph(
        {"paper": {"x": rows(3, 2), "deep": [rows(3)]}, "author": rows(4, 5)},
        {
            ("author", "to", "paper"): EdgeSet(rows(3, 2), ids + 1, ids, np.array([2, 1])),
            ("paper", "cites", "paper"): EdgeSet(None, ids[:0], ids[:0], np.array([0, 0])),
            ("venue", "of", "paper"): EdgeSet({"weight": rows(3)}, ids * 0, ids, np.array([3, 0])),
        },
        {"paper": np.array([3, 0]), "author": np.array([3, 1]), "venue": np.array([1, 5], np.int32)},
    )
    broken = original.edges["author", "to", "paper"]
    original.edges["author", "to", "paper"] = broken._replace(
        receivers=ids, n_edge=np.array([3, 0]), senders=ids
    )
    data = to_native(original)
    assert data["venue"].num_nodes == 6 and data["venue"].batch.tolist() == [0, 1, 1, 1, 1, 1]
    assert_same(from_native(data), original)
    single = original._replace(
        edges={k: e._replace(n_edge=np.array([len(e.senders)])) for k, e in original.edges.items()},
        n_node={k: np.array([n.sum()]) for k, n in original.n_node.items()},
    )
    assert "batch" not in to_native(single)["paper"]
    assert_same(from_native(to_native(single)), single)


def test_pygs_own_data_becomes_a_graph():
    edge_index = torch.tensor([[0, 1], [1, 2]])
    data = Data(x=torch.ones(3, 2), edge_index=edge_index, edge_attr=torch.ones(2, 4))
    read = from_native(data)
    assert read.nodes.shape == (3, 2) and read.edges.shape == (2, 4) and read.n_node.tolist() == [3]
    data.y, data.train_mask, data.edge_weight, data.u = (
        torch.arange(3),
        torch.ones(3).bool(),
        torch.ones(2),
        torch.ones(1, 5),
    )
    data.name, data.threshold = "text", torch.tensor(3.0)
    read = from_native(data)
    assert set(read.nodes) == {"x", "y", "train_mask"} and set(read.edges) == {"x", "weight"}
    assert read.globals.shape == (1, 5)
    assert_same(from_native(to_native(read)), read)


def test_pygs_own_batch_and_hetero_data_become_graphs():
    parts = [
        Data(x=torch.ones(n, 2), edge_index=torch.tensor([[0], [n - 1]]), y=torch.tensor([n])) for n in (2, 3)
    ]
    read = from_native(Batch.from_data_list(parts))
    assert read.n_node.tolist() == [2, 3] and read.n_edge.tolist() == [1, 1]
    assert read.globals["y"].tolist() == [2, 3] and read.receivers.tolist() == [1, 4]
    data = HeteroData()
    data["a"].x, data["b"].num_nodes = torch.ones(2, 3), 4
    data["b", "to", "a"].edge_index = torch.tensor([[3], [1]])
    read = from_native(data)
    assert read.nodes["b"] is None and read.n_node["b"].tolist() == [4] and read.nodes["a"].shape == (2, 3)
    assert read.edges["b", "to", "a"].senders.tolist() == [3]


def test_what_cannot_be_read_is_named():
    index = torch.tensor([[0, 5], [1, 1]])
    for broken, message in (
        (Data(x=torch.ones(3, 2)), r"data.edge_index: found NoneType, expected a tensor \[2, num_edges\]"),
        (Data(x=torch.ones(3, 2), edge_index=index), r"senders\[1\]: found 5, expected an id below 3"),
        (
            Data(x=torch.ones(3, 2), edge_index=index[:, :1], batch=torch.tensor([0, 1, 0])),
            r"data.batch\[2\]",
        ),
        (np.ones(3), "found a ndarray, expected Data or HeteroData"),
    ):
        with pytest.raises(GraphError, match=message):
            from_native(broken)
    data = to_native(graph(rows(5, 2)))
    del data.x
    with pytest.raises(GraphError, match="found no attribute 'x'"):
        from_native(data)
    with pytest.raises(GraphError, match=r"senders\[2\]"):
        to_native(graph(n_node=(1, 1, 1)))


def test_memory_is_shared_only_when_asked():
    x = rows(5, 2)
    original = x.copy()
    data = to_native(graph(x))
    data.x.zero_()
    assert np.array_equal(x, original)
    shared = to_native(graph(x), copy=False)
    shared.x.zero_()
    assert not x.any()
    read = from_native(shared)
    read.nodes[:] = 1
    assert not shared.x.any()


@settings(max_examples=examples(40))
@given(st.data())
def test_round_trip_property(data):
    n_node = data.draw(st.lists(st.integers(0, 4), max_size=4))
    ends = []
    start = 0
    n_edge = []
    for n in n_node:
        edge = (
            st.tuples(st.integers(start, start + n - 1), st.integers(start, start + n - 1))
            if n
            else st.nothing()
        )
        drawn = data.draw(st.lists(edge, max_size=5)) if n else []
        ends += drawn
        n_edge.append(len(drawn))
        start += n
    senders, receivers = np.array(ends, np.int64).reshape(-1, 2).T
    pytree = st.sampled_from(sorted(NESTS))
    original = Graph(
        NESTS[data.draw(pytree)](start),
        NESTS[data.draw(pytree)](len(ends)),
        senders,
        receivers,
        NESTS[data.draw(pytree)](len(n_node)),
        np.array(n_node, np.int64),
        np.array(n_edge, np.int64),
    )
    assert_same(from_native(to_native(original)), original)
