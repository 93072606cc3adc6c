"""Sums of rows where they lie, against loops; the same elements of a row are dropped wherever it is read."""

import numpy as np
import pytest

from heddle.errors import GraphError
from heddle.sampling.rows import drop_at, sum_rows
from heddle.sampling.stream import Stream, branch


def naive(x, index, indptr, weight, drop):
    """Return what `sum_rows` returns, element by element."""
    out = np.zeros((len(indptr) - 1, x.shape[1]))
    for row in range(len(out)):
        for j in range(indptr[row], indptr[row + 1]):
            stream = Stream(branch(0 if drop is None else drop.key, int(index[j])))
            numbers = [stream.word() for _ in range((x.shape[1] + 3) // 4)]
            for c in range(x.shape[1]):
                drawn = numbers[c // 4] >> (16 * (c % 4)) & 0xFFFF
                scale = 1.0 if drop is None else 65536 / (65536 - drop.dropped) * (drawn >= drop.dropped)
                out[row, c] += x[index[j], c] * scale * (1.0 if weight is None else weight[j])
    return out


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("width", [1, 3, 6])
def test_sums_are_those_of_loops(monkeypatch, rate, weighted, width):
    monkeypatch.setattr("heddle.sampling.rows._AT_ONCE", 7 * width)  # so that there is more than one piece
    rng = np.random.default_rng(width)
    x, index = rng.standard_normal((9, width)).astype(np.float32), rng.integers(0, 9, 30)
    indptr = np.array([0, 0, 4, 5, 5, 29, 30, 30])
    weight = rng.standard_normal(30) if weighted else None
    drop = drop_at(rate, 12345)
    actual = sum_rows(x, index, indptr, weight, drop)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, naive(x, index, indptr, weight, drop), rtol=1e-5, atol=1e-6)


def test_nothing_gives_nothing():
    x = np.ones((3, 2), np.float32)
    assert sum_rows(x, np.zeros(0, int), np.zeros(1, int)).shape == (0, 2)
    assert sum_rows(x, np.zeros(0, int), np.zeros(5, int)).tolist() == [[0, 0]] * 4
    assert drop_at(0.0, 1) is None


@pytest.mark.parametrize("bad", [-1, 3])
def test_ids_out_of_range_are_named(bad):
    with pytest.raises(GraphError, match=rf"sum_rows: ids\[1\]: found {bad}, expected an id in \[0, 3\)"):
        sum_rows(np.ones((3, 2)), np.array([0, bad]), np.array([0, 2]))


def test_a_share_of_the_elements_is_dropped_and_the_mean_stays():
    x = np.ones((4000, 10), np.float32)
    read = sum_rows(x, np.arange(4000), np.arange(4001), None, drop_at(0.25, 7))
    assert abs((read == 0).mean() - 0.25) < 0.01 and abs(read.mean() - 1) < 0.01
    again = sum_rows(x, np.array([5, 5]), np.array([0, 1, 2]), None, drop_at(0.25, 7))
    assert again.tolist() == [read[5].tolist()] * 2
    other = sum_rows(x, np.arange(4000), np.arange(4001), None, drop_at(0.25, 8))
    assert abs(((read == 0) & (other == 0)).mean() - 0.0625) < 0.01
