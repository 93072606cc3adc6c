"""More rows, edges or segments than an int32 counts: right, or named. Memory that is never touched isn't taken."""

import numpy as np
import pytest

import heddle_kernels.numpy as kernels
from heddle.errors import GraphError

MANY = 2**31 + 8
FAR = np.iinfo(np.int32).min + 9  # what an id of MANY - 1 has become where someone cut it to int32

REDUCE = {"sum": kernels.segment_sum, "mean": kernels.segment_mean, "max": kernels.segment_max}


@pytest.fixture(scope="module")
def rows():
    """Give MANY rows of float16 of which the last is 3, and their segments of which the last is 1."""
    data, ids = np.zeros((MANY, 1), np.float16), np.zeros(MANY, np.int32)
    data[-1], ids[-1] = 3, 1
    return data, ids


@pytest.mark.parametrize("ids", [np.int32, np.int64])
def test_rows_beyond_an_int32_are_gathered_and_negative_ids_refused(ids):
    x = np.zeros((MANY, 1), np.uint8)
    x[-1], x[2**31 - 1] = 7, 5
    assert kernels.gather(x, np.array([2**31 - 1, 0], ids)).ravel().tolist() == [5, 0]
    if ids is np.int64:
        assert kernels.gather(x, np.array([MANY - 1])).item() == 7
    for wrong in (-1, FAR, np.iinfo(np.int32).min):
        with pytest.raises(GraphError, match=rf"ids\[1\]: found {wrong}, expected an id in \[0, {MANY}\)"):
            kernels.gather(x, np.array([0, wrong], ids))


@pytest.mark.parametrize("ids", [np.int32, np.int64])
def test_segments_beyond_an_int32(ids):
    one = np.ones((1, 0), np.float32)
    for function in (*REDUCE.values(), kernels.segment_softmax):
        with pytest.raises(GraphError, match=rf"\[0\]: found {FAR}, expected an id in \[0, {MANY}\)"):
            function(one, np.array([FAR], ids), MANY)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("reduce", REDUCE)
def test_a_segment_of_more_rows(rows, reduce):
    data, ids = rows
    assert REDUCE[reduce](data, ids, 2).ravel().tolist() == [0, 3]


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_positions_of_more_ids_than_their_type_counts_are_named(rows):
    _, ids = rows
    with pytest.raises(GraphError, match=f"index_sort: found {MANY} ids of int32, expected fewer than 2"):
        kernels.index_sort(ids, 2)
