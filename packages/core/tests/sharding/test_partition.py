"""Partitions: every node has one owner, loads are even, and communities and grids are found."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.engines.sharding.label_propagation import neighbours
from heddle.engines.sharding.partition import METHODS, cut_share, partition
from heddle.errors import ConfigError

needs_metis = pytest.mark.skipif(
    find_spec("pymetis") is None, reason="pymetis is missing: pip install 'heddle-core[partition]'"
)
needs_kernels = pytest.mark.skipif(
    find_spec("heddle_kernels") is None, reason="heddle-kernels isn't installed"
)
NEEDS = {"metis": (needs_metis,), "stream": (needs_kernels,)}
each_method = pytest.mark.parametrize(
    "method", [pytest.param(name, marks=NEEDS.get(name, ())) for name in METHODS]
)


def grid(side: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, int]:
    """Return a grid of side x side nodes whose numbers are shuffled, edges both ways."""
    ids = np.random.default_rng(seed).permutation(side * side).reshape(side, side)
    low = np.concatenate([ids[:-1].ravel(), ids[:, :-1].ravel()])
    high = np.concatenate([ids[1:].ravel(), ids[:, 1:].ravel()])
    return np.concatenate([low, high]), np.concatenate([high, low]), side * side


def communities(n: int, count: int, degree: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray, int]:
    """Return `count` communities of scattered nodes; nine edges in ten stay inside."""
    rng = np.random.default_rng(seed)
    members = rng.permutation(n).reshape(count, -1)
    home = np.repeat(np.arange(count), n // count * degree)
    receivers = members[home, rng.integers(0, n // count, len(home))]
    inside = members[home, rng.integers(0, n // count, len(home))]
    senders = np.where(rng.random(len(home)) < 0.9, inside, rng.integers(0, n, len(home)))
    return senders, receivers, n


@each_method
@given(
    n_nodes=st.integers(0, 30), n_edges=st.integers(0, 60), n_parts=st.integers(1, 9), seed=st.integers(0, 99)
)
def test_every_node_has_one_owner_again_and_again(method, n_nodes, n_edges, n_parts, seed):
    rng = np.random.default_rng(seed)
    senders, receivers = rng.integers(0, max(1, n_nodes), (2, n_edges if n_nodes else 0))
    owner = partition(senders, receivers, n_nodes, n_parts, method, seed)
    assert owner.shape == (n_nodes,) and owner.dtype == np.int32
    assert n_nodes == 0 or 0 <= owner.min() <= owner.max() < n_parts
    again = partition(senders, receivers, n_nodes, n_parts, method, seed)
    assert (owner == again).all()


@each_method
@pytest.mark.parametrize("n_parts", [2, 3, 8])
def test_loads_are_even(method, n_parts):
    senders, receivers, n = communities(2000, 50, 6)
    owner = partition(senders, receivers, n, n_parts, method)
    load = np.bincount(owner, 1 + np.bincount(receivers, minlength=n), n_parts)
    assert load.max() <= 1.08 * load.mean()


@pytest.mark.parametrize("method", ["labels", pytest.param("metis", marks=needs_metis)])
def test_structure_is_found(method):
    senders, receivers, n = communities(4000, 100, 8)
    assert cut_share(senders, receivers, partition(senders, receivers, n, 8, method)) < 0.15
    senders, receivers, n = grid(60)
    assert cut_share(senders, receivers, partition(senders, receivers, n, 8, method)) < 0.1


def test_random_parts_cut_what_chance_cuts():
    senders, receivers, n = communities(4000, 100, 8)
    assert abs(cut_share(senders, receivers, partition(senders, receivers, n, 4, "random")) - 0.75) < 0.03


def test_contiguous_parts_are_ranges_of_even_load():
    receivers = np.repeat(np.arange(10), [50, 1, 1, 1, 1, 1, 1, 1, 1, 50])
    owner = partition(receivers, receivers, 10, 2, "contiguous")
    assert (np.diff(owner) >= 0).all() and owner[0] == 0 and owner[-1] == 1


def test_neighbours_add_up_and_forget_directions_and_loops():
    graph = neighbours(np.array([0, 1, 0, 2, 2]), np.array([1, 0, 1, 2, 1]), 3)
    assert graph.indptr.tolist() == [0, 1, 3, 4]
    assert graph.ends.tolist() == [1, 0, 2, 1]
    assert graph.weight.tolist() == [3, 3, 1, 1]


@each_method
def test_more_parts_than_nodes_leave_some_empty(method):
    owner = partition(np.array([0]), np.array([1]), 2, 5, method)
    assert len(owner) == 2 and owner.max() < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "lables"}, "did you mean 'labels'"),
        ({"n_parts": 0}, "found 0 parts, expected at least 1"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ConfigError, match=message):
        partition(np.array([0]), np.array([1]), **{"n_nodes": 2, "n_parts": 2, **arguments})
