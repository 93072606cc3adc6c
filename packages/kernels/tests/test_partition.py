"""The native partitioner: few edges cut, no part too heavy, the same parts every time."""

import numpy as np
import pytest

from heddle.engines.sharding.partition import cut_share
from heddle.engines.sharding.partition import partition as by_core
from heddle.errors import GraphError
from heddle_kernels.numpy import partition


def communities(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a graph of k communities, a tenth of whose edges lead elsewhere, its ids shuffled."""
    rng = np.random.default_rng(seed)
    senders = rng.integers(0, n, 10 * n)
    inside = senders // (n // k) * (n // k) + rng.integers(0, n // k, len(senders))
    receivers = np.where(rng.random(len(senders)) < 0.9, inside % n, rng.integers(0, n, len(senders)))
    names = rng.permutation(n)
    return names[senders], names[receivers]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_it_finds_communities_in_balance(dtype):
    senders, receivers = (ids.astype(dtype) for ids in communities(4000, 4))
    load = np.random.default_rng(1).integers(1, 9, 4000)
    owner = partition(senders, receivers, load, 4)
    assert owner.dtype == np.int32 and set(owner) == {0, 1, 2, 3}
    assert np.bincount(owner, load).max() <= 1.05 * load.sum() / 4 + 1
    assert cut_share(senders, receivers, owner) < 0.2  # 0.075 at best, 0.75 at random
    np.testing.assert_array_equal(owner, partition(senders, receivers, load, 4, seed=3))


def test_a_grid_is_cut_along_few_edges():
    ids = np.arange(2500).reshape(50, 50)
    senders = np.concatenate([ids[:, :-1].ravel(), ids[:-1].ravel()])
    receivers = np.concatenate([ids[:, 1:].ravel(), ids[1:].ravel()])
    owner = by_core(senders, receivers, 2500, 2, "stream")
    assert cut_share(senders, receivers, owner) < 0.06


def test_small_and_odd_graphs():
    none = np.zeros(0, np.int64)
    assert partition(none, none, none, 3).tolist() == []
    assert sorted(partition(none, none, np.ones(3, int), 3).tolist()) == [0, 1, 2]
    assert set(partition(np.array([0, 0]), np.array([0, 1]), np.array([5, 1]), 8).tolist()) <= set(range(8))
    heavy = partition(np.array([0, 0, 0]), np.array([1, 2, 3]), np.array([100, 1, 1, 1]), 2)
    assert (heavy[1:] != heavy[0]).all()  # heavier than a part may be: it stays alone


@pytest.mark.parametrize("bad", [-1, 3])
def test_ids_out_of_range(bad):
    with pytest.raises(GraphError, match=rf"found {bad}, expected an id in \[0, 3\)"):
        partition(np.array([0, bad]), np.array([1, 2]), np.ones(3, int), 2)
    with pytest.raises(ValueError, match="found 0 parts"):
        partition(np.array([0]), np.array([1]), np.ones(3, int), 0)
