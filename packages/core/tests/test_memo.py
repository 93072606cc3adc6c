"""Memo: values by the identity of arrays, as long as these live or until it is cleared."""

import gc
import pickle
import threading

import numpy as np
import pytest

from heddle.errors import HeddleError
from heddle.graphs.memo import Memo


def test_a_value_lives_as_long_as_its_arrays():
    memo, a, b = Memo(), np.ones(2), np.ones(2)
    assert memo.get((a, b), "sum", lambda: 4) == memo.get((a, b), "sum", lambda: 1 / 0) == 4
    assert memo.get((b, a), "sum", lambda: 5) == 5 and memo.find((a,), "sum") is None
    assert memo.hits == 1 and len(memo) == 2
    del a
    gc.collect()
    assert len(memo) == 0


def test_a_memo_of_a_step_holds_its_arrays_until_it_is_cleared():
    memo = Memo(held=True)
    for value in range(20):  # an id that is used again would be taken for its former array
        assert memo.get((np.full(3, value),), None, lambda value=value: value) == value
    assert len(memo) == 20
    memo.clear()
    assert len(memo) == 0


def test_writes_that_no_array_counts_are_found_when_checked():
    memo, array = Memo(checked=True), np.ones(2)
    memo.keep((array,), None, 2.0)
    assert memo.find((array,), None) == 2.0
    array[0] = 5
    with pytest.raises(HeddleError, match=r"found an array of shape \(2,\) that was changed"):
        memo.find((array,), None)


def test_copies_are_empty():
    memo, array = Memo(held=True), np.ones(2)
    memo.keep((array,), None, 1)
    assert len(pickle.loads(pickle.dumps(memo))) == 0


def test_many_threads_compute_once():
    memo, array, made = Memo(), np.ones(2), []
    threads = [
        threading.Thread(target=lambda: memo.get((array,), None, lambda: made.append(1) or len(made)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [1]
