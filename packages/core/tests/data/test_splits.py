"""Splits: every position once, classes in their shares, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.data.splits import fold_split, random_split
from heddle.errors import DataError


@given(st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_every_position_once(size, seed):
    split = random_split(size, seed)
    assert np.concatenate(list(split.values())).tolist() != [] or size == 0
    assert sorted(np.concatenate(list(split.values()))) == list(range(size))
    assert len(split["train"]) == round(size * 0.8)
    again = random_split(size, seed)
    assert all((split[part] == again[part]).all() for part in split)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=300), st.integers(0, 100))
def test_classes_keep_their_shares(classes, seed):
    classes = np.array(classes)
    split = random_split(len(classes), seed, classes=classes)
    assert sorted(np.concatenate(list(split.values()))) == list(range(len(classes)))
    for name, count in zip(*np.unique(classes, return_counts=True)):
        for part, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
            # Each class is dealt evenly, to within one for each class.
            assert abs((classes[split[part]] == name).sum() - share * count) <= 3


@given(st.lists(st.integers(0, 3), min_size=10, max_size=200), st.integers(2, 10), st.integers(0, 100))
def test_folds(classes, folds, seed):
    classes = np.array(classes)
    splits = [fold_split(classes, folds, fold, seed) for fold in range(folds)]
    assert sorted(np.concatenate([split["test"] for split in splits])) == list(range(len(classes)))
    for split in splits:
        assert sorted(np.concatenate(list(split.values()))) == list(range(len(classes)))
        for name in np.unique(classes):
            assert abs((classes[split["test"]] == name).sum() - (classes == name).sum() / folds) <= 1
        assert len(split["valid"]) == len(classes) - len(split["test"]) - round(
            (len(classes) - len(split["test"])) * 0.9
        )


def test_seeds_differ():
    classes = np.arange(100) % 2
    assert (random_split(100, 0)["test"] != random_split(100, 1)["test"]).any()
    assert (fold_split(classes, 10, 0, 0)["test"] != fold_split(classes, 10, 0, 1)["test"]).any()


@pytest.mark.parametrize(("folds", "fold"), [(1, 0), (101, 0), (10, 10), (10, -1)])
def test_no_such_fold(folds, fold):
    with pytest.raises(DataError, match=r"data\.folds?: found"):
        fold_split(np.zeros(100, int), folds, fold, 0)
