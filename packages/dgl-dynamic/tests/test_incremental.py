"""Sums kept up to date equal those computed anew."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heddle.errors import ConfigError
from heddle_dgl.reuse.incremental import KEYFRAME, Change, Edges, IncrementalSum


def random_edges(rng, n, count):
    return Edges(*rng.integers(0, n, (2, count)), rng.uniform(0.5, 2, count))


def changed(rng, edges, n, n_removed, n_added):
    """Return (the next edges, what went)."""
    gone = np.zeros(len(edges.senders), bool)
    gone[rng.permutation(len(gone))[:n_removed]] = True
    fresh = random_edges(rng, n, n_added)
    return Edges(*(np.concatenate([a[~gone], b]) for a, b in zip(edges, fresh))), Edges(
        *(a[gone] for a in edges)
    )


def run(mode, seed, n=30, count=120, steps=5, most=10):
    """Return (found, expected) of every snapshot."""
    rng = np.random.default_rng(seed)
    edges, x = random_edges(rng, n, count), torch.from_numpy(rng.standard_normal((n, 6)))
    kept, anew = IncrementalSum(n, mode), IncrementalSum(n, "full")
    pairs = [(kept.start(edges, x).clone(), anew.start(edges, x).clone())]
    for _ in range(steps):
        n_added = int(rng.integers(0, most))
        edges, removed = changed(rng, edges, n, int(rng.integers(0, most)), n_added)
        nodes = rng.permutation(n)[: int(rng.integers(0, 5))]
        x = x.clone()
        x[nodes] = torch.from_numpy(rng.standard_normal((len(nodes), 6)))
        change = Change(removed, n_added, nodes)
        pairs.append((kept.next(edges, x, change).clone(), anew.start(edges, x).clone()))
        assert kept.used in (mode, "full") or mode == "auto"
    return pairs


@given(st.integers(0, 1000))
def test_dirty_rows_to_the_bit(seed):
    for actual, expected in run("rows", seed):
        assert torch.equal(actual, expected)


@given(st.integers(0, 1000))
def test_deltas(seed):
    for actual, expected in run("delta", seed):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def test_deltas_end_in_a_full_sum():
    for actual, expected in run("delta", 0, steps=2 * KEYFRAME + 3):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-11)


def test_auto_takes_what_is_cheaper():
    rng = np.random.default_rng(0)
    n, x = 3000, torch.zeros(3000, 2)
    sums, edges = IncrementalSum(n), random_edges(rng, n, 30_000)
    none = np.zeros(0, np.int64)
    sums.start(edges, x)
    few, removed = changed(rng, edges, n, 100, 100)
    sums.next(few, x, Change(removed, 100, none))
    assert sums.used == "rows"
    many, removed = changed(rng, few, n, 9000, 9000)
    sums.next(many, x, Change(removed, 9000, none))
    assert sums.used == "full"


def test_errors():
    with pytest.raises(ConfigError, match="did you mean 'rows'"):
        IncrementalSum(3, "row")
    with pytest.raises(ConfigError, match="call start before next"):
        empty = random_edges(np.random.default_rng(0), 3, 0)
        IncrementalSum(3).next(empty, torch.zeros(3, 1), Change(empty, 0, np.zeros(0, np.int64)))
