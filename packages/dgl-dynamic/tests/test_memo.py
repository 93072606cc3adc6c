"""The step memo: what is reused, and every way in which a stale value could have been."""

import threading

import pytest
import torch

from heddle.errors import HeddleError
from heddle.graphs.memo import Memo
from heddle_dgl.reuse.message import cache
from heddle_dgl.reuse.step_memo import active_memo, step


def double(x):
    return 2 * x


def test_once_in_a_step_with_its_gradient():
    twice, x = cache(double), torch.ones(3, requires_grad=True)
    with step() as memo:
        (twice(x) + twice(x)).sum().backward()
        assert memo.hits == 1 and len(memo) == 1
    assert x.grad.tolist() == [4, 4, 4]


def test_two_steps_never_share():
    """What broke in naive caches: a second backward through a graph that is gone."""
    twice, x = cache(double), torch.ones(3, requires_grad=True)
    for _ in range(2):
        with step() as memo:
            twice(x).sum().backward()
            assert memo.hits == 0
    assert x.grad.tolist() == [4, 4, 4]


def test_an_exception_clears_it():
    memo = Memo(held=True)
    with pytest.raises(ZeroDivisionError), step(memo):
        memo.get((torch.ones(1),), "key", lambda: 1 / 0 if len(memo) else 1)
        memo.get((torch.ones(1),), "key", lambda: 1 / 0)
    assert len(memo) == 0 and active_memo() is None


def test_a_write_in_place_is_seen():
    memo, x = Memo(held=True), torch.ones(2)
    assert memo.get((x,), "sum", lambda: float(x.sum())) == 2
    x.add_(1)
    assert memo.get((x,), "sum", lambda: float(x.sum())) == 4


def test_a_write_into_the_value_is_seen():
    memo, x = Memo(held=True), torch.ones(2)
    memo.get((x,), "twice", lambda: 2 * x).zero_()
    assert memo.get((x,), "twice", lambda: 2 * x).tolist() == [2, 2]


def test_an_optimiser_step_is_seen():
    memo, p = Memo(held=True), torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([p], 0.5)
    memo.get((p,), "twice", lambda: (2 * p).sum()).backward()
    optimizer.step()
    assert memo.get((p,), "twice", lambda: (2 * p).sum()).item() == 0


def test_a_write_through_data_is_caught_when_checked():
    memo, x = Memo(held=True, checked=True), torch.ones(2)
    memo.get((x,), "twice", lambda: 2 * x)
    x.data.add_(1)
    with pytest.raises(HeddleError, match=r"not through \.data"):
        memo.get((x,), "twice", lambda: 2 * x)


def test_inference_tensors_are_not_kept():
    """They have no version, so a write would go unseen."""
    memo = Memo(held=True)
    with torch.inference_mode():
        x = torch.ones(2)
        assert memo.get((x,), "twice", lambda: 2 * x).tolist() == [2, 2]
        x.add_(1)
        assert memo.get((x,), "twice", lambda: 2 * x).tolist() == [4, 4] and len(memo) == 0


def test_an_id_that_is_used_again():
    """The memo holds its tensors, so no other can get one's id."""
    memo, seen = Memo(held=True), set()
    for value in range(50):
        x = torch.full((4,), float(value))
        assert memo.get((x,), "sum", lambda x=x: float(x.sum())) == 4 * value
        seen.add(id(x))
        del x
    assert len(seen) == 50


def test_threads_have_steps_of_their_own():
    x, results = torch.ones(1), {}
    barrier = threading.Barrier(4)

    def work(name):
        with step() as memo:
            barrier.wait()
            results[name] = cache(lambda x: name)(x), active_memo() is memo
            barrier.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {name: (name, True) for name in range(4)}
