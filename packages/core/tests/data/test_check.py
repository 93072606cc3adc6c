"""check_dataset: targets and splits that fit their graphs."""

import numpy as np
import pytest

from heddle.data.check import check_dataset
from heddle.data.dataset import Series
from heddle.data.generators.karate import karate
from heddle.data.generators.mag import mag
from heddle.data.readers.traffic.read import traffic
from heddle.errors import DataError, GraphError

CLUB = karate()


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "guessing"}, "karate: task: found 'guessing'"),
        ({"targets": CLUB.targets[:-1]}, "karate: targets: found 33 rows, expected 34"),
        ({"num_classes": 1}, "karate: targets: found class 1, expected classes from -1"),
        ({"targets": CLUB.targets - 2}, "karate: targets: found class -2"),
        (
            {"splits": {"train": ints(0, 34)}},
            "split 'train': found position 34, expected positions from 0 to 33",
        ),
        ({"splits": {"test": ints(-1)}}, "karate: split 'test': found position -1"),
        ({"splits": {"test": ints(1, 1)}}, "karate: split 'test': found a position twice"),
        ({"splits": {"train": ints(1), "test": ints(1)}}, "karate: splits: found a position in two of them"),
        (
            {"splits": {"train": np.array([1.0])}},
            "karate: split 'train': found dtype float64, expected int64",
        ),
        (
            {"task": "link_prediction", "splits": {"train": ints(1)}},
            r"karate: split 'train': found shape \(1,\)",
        ),
        ({"task": "link_prediction", "splits": {"train": ints([1, 34])}}, "found position 34"),
        ({"task": "link_prediction", "splits": {"train": ints([-1, 0, 3])}}, "found position -1"),
    ],
)
def test_broken(changes, message):
    with pytest.raises(DataError, match=message) as error:
        check_dataset(CLUB._replace(**changes))
    assert "expected" in str(error.value) and ";" in str(error.value)


def test_a_broken_graph():
    with pytest.raises(GraphError, match="senders"):
        check_dataset(CLUB._replace(graphs=CLUB.graphs._replace(senders=CLUB.graphs.senders - 1)))


def test_the_labelled_type():
    with pytest.raises(DataError, match="target_type: found 'venue', expected a node type of"):
        check_dataset(mag()._replace(target_type="venue"))


def test_valid():
    assert check_dataset(CLUB) is CLUB
    assert check_dataset(CLUB._replace(targets=None, splits={})).targets is None
    links = {"task": "link_prediction", "targets": None, "splits": {"train": ints([0, 1], [0, 1])}}
    assert check_dataset(CLUB._replace(**links)).splits["train"].shape == (2, 2)


def test_names_are_one_for_each():
    with pytest.raises(DataError, match="karate: class_names: found 1 names, expected one for each of 2"):
        check_dataset(CLUB._replace(class_names=["left"]))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"node_names": ["a", "b"]}, "found 2 node_names, expected one for each of 6 nodes"),
        ({"series": Series(np.zeros((4, 6)))}, r"found values of shape \(4, 6\) with 1 targets"),
        ({"series": Series(np.zeros((4, 6, 2)), n_targets=3)}, "with 3 targets, expected"),
    ],
)
def test_a_series_is_checked(change, message):
    with pytest.raises(DataError, match=message):
        check_dataset(traffic(sensors=6, days=1)._replace(splits={}, **change))
