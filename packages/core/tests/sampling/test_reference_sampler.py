"""The reference sampler against the definition it is, and its parts by hand."""

import numpy as np
import pytest

from heddle.errors import GraphError
from heddle.graphs.adjacency import build_adjacency
from heddle.sampling import ReferenceSampler, blocks, sample_key
from heddle.sampling.stream import Stream, branch
from heddle.sampling.types import Fanout, InEdges, SampleGraph, homogeneous, in_edges
from heddle.testing.cases.samples import star
from heddle.testing.suites.sampler import SamplerSuite
from heddle.testing.suites.sampler_statistics import SamplerStatistics


class TestReferenceSampler(SamplerSuite):
    make = ReferenceSampler


class TestReferenceStatistics(SamplerStatistics):
    make = ReferenceSampler
    rounds = 1000


def path_graph():
    """0 -> 1 -> 2 -> 3, edges given from the end."""
    return build_adjacency(np.array([2, 1, 0]), np.array([3, 2, 1]), 4, 4)


def test_a_path_by_hand():
    adjacency = path_graph()
    graph = homogeneous(in_edges(adjacency), 4)
    actual = ReferenceSampler(graph).sample([3], Fanout((1, 1)))
    assert actual.nodes.tolist() == [3, 2, 1] and actual.nodes.dtype == np.int32
    assert actual.senders.tolist() == [1, 2] and actual.receivers.tolist() == [0, 1]
    assert adjacency.order[actual.edges].tolist() == [0, 1]
    assert (actual.nodes_per_hop, actual.edges_per_hop, actual.tree) == ((1, 1, 1), (1, 1), None)


def test_trees_share_no_node():
    graph = homogeneous(in_edges(path_graph()), 4)
    actual = ReferenceSampler(graph).sample([3, 2], Fanout((1, 1), disjoint=True))
    assert actual.nodes.tolist() == [3, 2, 2, 1, 1, 0]
    assert actual.tree.tolist() == [0, 1, 0, 1, 0, 1]


def test_seeds_of_one_time_share_nodes_and_seeds_of_two_do_not():
    graph = homogeneous(in_edges(path_graph(), time=np.array([5, 5, 5])), 4)
    sampler = ReferenceSampler(graph)
    assert sampler.sample([3, 2], Fanout((1, 1)), seed_time=[7, 7]).tree is None
    actual = sampler.sample([3, 2], Fanout((1, 1)), seed_time=[7, 4])
    assert actual.nodes.tolist() == [3, 2, 2, 1] and actual.tree.tolist() == [0, 1, 0, 0]


def test_the_newest_edges_and_not_the_newer_ones():
    graph = star(6, time=np.array([4, 1, 9, 4, 2, 4]))
    actual = ReferenceSampler(graph).sample([0], Fanout((2,), newest=True), seed_time=[5])
    assert actual.edges.tolist() == [3, 5]


def test_a_heterogeneous_graph_by_hand():
    """Author 1 wrote papers 0 and 1, author 0 paper 1; paper 0 cites 1."""
    graph = SampleGraph(
        {"author": 2, "paper": 2},
        {
            ("author", "writes", "paper"): InEdges(np.array([0, 1, 3]), np.array([1, 0, 1])),
            ("paper", "cites", "paper"): InEdges(np.array([0, 0, 1]), np.array([0])),
        },
    )
    actual = ReferenceSampler(graph).sample({"paper": [1]}, Fanout((-1, -1)))
    assert {node_type: ids.tolist() for node_type, ids in actual.nodes.items()} == {
        "author": [0, 1],
        "paper": [1, 0],
    }
    assert actual.nodes_per_hop == {"author": (0, 2, 0), "paper": (1, 1, 0)}
    assert actual.edges["author", "writes", "paper"].tolist() == [1, 2, 0]
    assert actual.receivers["author", "writes", "paper"].tolist() == [0, 0, 1]
    assert actual.edges_per_hop["paper", "cites", "paper"] == (1, 0)


def test_blocks_are_prefixes_that_end_at_the_seeds():
    rng = np.random.default_rng(0)
    adjacency = build_adjacency(rng.integers(0, 30, 200), rng.integers(0, 30, 200), 30, 30)
    actual = ReferenceSampler(homogeneous(in_edges(adjacency), 30)).sample([1, 2], Fanout((3, 2)))
    first, last = blocks(actual)
    assert (last.n_receivers, last.n_senders) == (2, first.n_receivers) and first.n_senders == len(
        actual.nodes
    )
    assert len(first.edges) == sum(actual.edges_per_hop) and len(last.edges) == actual.edges_per_hop[0]
    for block in (first, last):
        assert block.senders.max() < block.n_senders and block.receivers.max() < block.n_receivers
        assert np.shares_memory(block.senders, actual.senders)
    induced = ReferenceSampler(homogeneous(in_edges(adjacency), 30)).sample([1], Fanout((3,), induced=True))
    with pytest.raises(GraphError, match="blocks: found a sample of induced edges"):
        blocks(induced)


def test_blocks_of_types():
    edges = {
        ("a", "r", "b"): InEdges(np.array([0, 2]), np.array([0, 1])),
        ("b", "s", "a"): InEdges(np.array([0, 1, 1]), np.array([0])),
    }
    actual = ReferenceSampler(SampleGraph({"a": 2, "b": 1}, edges)).sample({"b": [0]}, Fanout((2, 2)))
    first, last = blocks(actual)
    assert last.n_receivers == {"a": 0, "b": 1} and last.n_senders == {"a": 2, "b": 1} == first.n_receivers
    assert last.edges["b", "s", "a"].size == 0 and first.edges["b", "s", "a"].tolist() == [0]


def test_streams_are_the_sequence_of_splitmix64():
    """The first numbers that the published generator gives from state 1234567."""
    stream = Stream(1234567)
    assert [stream.word() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_keys_differ_in_every_argument():
    keys = {
        sample_key(seed, epoch, batch) for seed in range(-3, 9) for epoch in range(9) for batch in range(9)
    }
    assert len(keys) == 12 * 9 * 9
    assert branch(3, 1, 2) != branch(3, 2, 1)
