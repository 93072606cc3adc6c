"""Splits drawn from the seed: nothing twice, nothing hidden left in the graph."""

import numpy as np
import pytest

from heddle.data.dataset import Dataset
from heddle.data.drawn_splits import with_splits
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import DataError

from .cases import graph_dataset, link_dataset, node_dataset, triple_dataset


def split(dataset, seed=0, name="auto"):
    return with_splits(dataset, task_for(TaskOptions(name=name), dataset), seed)


def test_given_splits_are_kept_and_missing_ones_empty():
    dataset = node_dataset()
    given = {"train": dataset.splits["train"], "test": dataset.splits["test"]}
    got = split(dataset._replace(splits=given)).splits
    assert np.array_equal(got["train"], given["train"]) and got["valid"].shape == (0,)


def test_drawn_splits_hold_each_known_target_once_in_the_same_shares_of_each_class():
    dataset = graph_dataset(100)
    targets = dataset.targets.copy()
    targets[:10] = -1
    got = split(dataset._replace(targets=targets)).splits
    everyone = np.sort(np.concatenate(list(got.values())))
    assert np.array_equal(everyone, np.arange(10, 100))
    assert {key: len(rows) for key, rows in got.items()} == {"train": 54, "valid": 18, "test": 18}
    share = [targets[rows].mean() for rows in got.values()]
    assert max(share) - min(share) < 0.1
    again, other = split(dataset, 0).splits, split(dataset, 1).splits
    assert np.array_equal(again["train"], split(dataset, 0).splits["train"])
    assert not np.array_equal(again["train"], other["train"])


def test_links_leave_the_graph_in_both_directions():
    dataset = link_dataset()
    graph = dataset.graphs
    got = split(dataset)
    kept = {frozenset(pair) for pair in zip(got.graphs.senders.tolist(), got.graphs.receivers.tolist())}
    parts = {key: [frozenset(row) for row in rows.tolist()] for key, rows in got.splits.items()}
    pairs = {frozenset(p) for p in zip(graph.senders.tolist(), graph.receivers.tolist())}
    links = {pair for pair in pairs if len(pair) == 2}
    assert sorted(map(sorted, [pair for part in parts.values() for pair in part])) == sorted(
        map(sorted, links)
    )
    assert kept == set(parts["train"]) | {frozenset([0]), frozenset([1])}
    assert len(parts["valid"]) == len(links) * 5 // 100 and len(parts["test"]) == len(links) // 10
    assert len(got.graphs.senders) == got.graphs.n_edge.sum() == len(got.graphs.edges["weight"])
    position = {(s, r, i) for i, (s, r) in enumerate(zip(graph.senders, graph.receivers))}
    for s, r, weight in zip(got.graphs.senders, got.graphs.receivers, got.graphs.edges["weight"]):
        assert (s, r, int(weight)) in position


def test_node_splits_are_no_link_splits():
    got = split(node_dataset(), name="link_prediction")
    assert all(rows.shape[1:] == (2,) for rows in got.splits.values())


def test_no_message_runs_along_a_hidden_link_of_given_splits():
    graph = link_dataset().graphs
    pairs = np.unique(np.sort(np.stack([graph.senders, graph.receivers], 1), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    given = {"train": pairs[20:], "valid": pairs[:10], "test": pairs[9:21, ::-1]}
    got = split(link_dataset()._replace(splits=given))
    edges = {frozenset(p) for p in zip(got.graphs.senders.tolist(), got.graphs.receivers.tolist())}
    trained = {frozenset(row) for row in pairs[20:].tolist()}
    assert {pair for pair in edges if len(pair) == 2} == trained
    assert np.array_equal(got.splits["test"], given["test"])


def test_given_triples_are_kept():
    dataset = triple_dataset()
    got = split(dataset._replace(splits={"train": dataset.splits["train"]})).splits
    assert np.array_equal(got["train"], dataset.splits["train"]) and got["test"].shape == (0, 3)


@pytest.mark.parametrize(
    "dataset,message",
    [
        (triple_dataset()._replace(splits={}), "no splits of links on a heterogeneous graph"),
        (node_dataset()._replace(splits={}, targets=None), "found no targets"),
        (
            Dataset(
                "few",
                "link_prediction",
                link_dataset(3).graphs._replace(
                    senders=np.array([0, 1]), receivers=np.array([1, 0]), edges=None, n_edge=np.array([2])
                ),
            ),
            "found 1 linked node pairs",
        ),
    ],
)
def test_nothing_to_split_is_reported(dataset, message):
    with pytest.raises(DataError, match=message):
        split(dataset)
