"""Shards of edges and parts with halos: nothing is lost, and each device computes its share of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.engines.sharding.halo import halo_shards, owned_rows, parts_of
from heddle.engines.sharding.partition import partition
from heddle.engines.sharding.shard import EdgeShards, scatter_edges, scattered_rows, split_edges
from heddle.errors import ConfigError
from heddle.graphs.adjacency import Adjacency, build_adjacency
from heddle.ops.reference import NumpyOps
from heddle.testing.cases.graphs import edge_cases, square_cases

SHARDS = (1, 2, 4, 8)
OPS = NumpyOps()


def adjacency_of(edges) -> Adjacency:
    return build_adjacency(edges.senders, edges.receivers, edges.n_senders, edges.n_receivers)


def local(shards: EdgeShards, k: int) -> Adjacency:
    """Return the adjacency of one device."""
    return Adjacency(*(field[k] for field in shards.adjacency))


def check_stacked(shards: EdgeShards) -> None:
    """Every device's adjacency is what sorting its edges gives, and in its own order already."""
    for k in range(len(shards.mask)):
        shard = local(shards, k)
        built = build_adjacency(shard.senders, shard.receivers, shard.n_senders, shard.n_receivers)
        for actual, expected in zip(shard, built):
            assert (actual == expected).all()
        assert (shard.order == np.arange(shard.n_edges)).all()
        assert (np.sort(shards.mask[k])[::-1] == shards.mask[k]).all()


def values_of(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, 3))


@pytest.mark.parametrize("n_shards", SHARDS)
@pytest.mark.parametrize("edges", edge_cases(), ids=lambda edges: edges.name)
def test_split_edges_add_up(edges, n_shards):
    adjacency = adjacency_of(edges)
    shards, x = split_edges(adjacency, n_shards), values_of(edges.n_senders)
    weight = values_of(edges.n_edges, 1)[:, 0]
    check_stacked(shards)
    assert shards.mask.sum() == edges.n_edges and shards.mask.shape[1] == -(-edges.n_edges // n_shards)
    assert (shards.join(shards.take(weight)) == weight).all()
    shard = shards.take(weight)
    total = sum(OPS.spmm(local(shards, k), x, shard[k])[:-1] for k in range(n_shards))
    np.testing.assert_allclose(total, OPS.spmm(adjacency, x, weight), atol=1e-12)


@pytest.mark.parametrize("n_shards", SHARDS)
@pytest.mark.parametrize("edges", square_cases(), ids=lambda edges: edges.name)
def test_scattered_edges_add_up(edges, n_shards):
    adjacency, rows = adjacency_of(edges), scattered_rows(edges.n_senders, n_shards)
    shards, x = scatter_edges(adjacency, rows), values_of(edges.n_senders)
    check_stacked(shards)
    assert (rows.join(rows.take(x)) == x).all() and not rows.mask[-1, -1]
    table = rows.take(x).reshape(-1, 3)
    total = sum(OPS.spmm(local(shards, k), table, shards.mask[k] * 1.0) for k in range(n_shards))
    actual = rows.join(total.reshape(n_shards, -1, 3))
    np.testing.assert_allclose(actual, OPS.spmm(adjacency, x), atol=1e-12)


@given(n=st.integers(0, 25), e=st.integers(0, 70), n_shards=st.sampled_from(SHARDS), seed=st.integers(0, 999))
def test_halos_bring_what_each_part_misses(n, e, n_shards, seed):
    """Each part sums its own edges after one exchange; together they have every edge and node once."""
    rng = np.random.default_rng(seed)
    adjacency = build_adjacency(*rng.integers(0, max(1, n), (2, e if n else 0)), n, n)
    owner = rng.integers(0, n_shards, n)
    x, expected = values_of(n), OPS.spmm(adjacency, values_of(n))
    parts = parts_of(adjacency.senders, adjacency.receivers, owner, n_shards)
    actual = np.zeros_like(x)
    for p, part in enumerate(parts):
        assert (owner[part.owned] == p).all() and (owner[part.halo] != p).all()
        arriving = [parts[q].owned[parts[q].send[p]] for q in range(n_shards)]
        assert [len(ids) for ids in arriving] == part.receive.tolist()
        assert np.concatenate(arriving).tolist() == part.halo.tolist()
        seen = np.concatenate([x[part.owned], x[part.halo]])
        assert (np.concatenate([part.owned, part.halo])[part.senders] == adjacency.senders[part.edges]).all()
        np.add.at(actual, part.owned[part.receivers], seen[part.senders])
    assert np.sort(np.concatenate([part.edges for part in parts])).tolist() == list(range(adjacency.n_edges))
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize("method", ["contiguous", "random", "labels"])
@pytest.mark.parametrize("n_shards", SHARDS)
@pytest.mark.parametrize("edges", square_cases(), ids=lambda edges: edges.name)
def test_halo_shards_do_the_same_in_equal_sizes(edges, n_shards, method):
    adjacency = adjacency_of(edges)
    owner = partition(edges.senders, edges.receivers, edges.n_senders, n_shards, method)
    shards, x = halo_shards(adjacency, owner, n_shards), values_of(edges.n_senders)
    weight = values_of(edges.n_edges, 1)[:, 0]
    check_stacked(shards.edges)
    held, shard = shards.rows.take(x), shards.edges.take(weight)
    assert not shards.rows.mask[:, -1].any() and (np.diagonal(shards.counts) == 0).all()
    results = []
    for k in range(n_shards):
        arrived = [held[other][shards.send[other, k]] for other in range(n_shards)]
        table = np.concatenate([held[k], *arrived])
        results.append(OPS.spmm(local(shards.edges, k), table, shard[k]))
    np.testing.assert_allclose(
        shards.rows.join(np.stack(results)), OPS.spmm(adjacency, x, weight), atol=1e-12
    )
    assert (shards.edges.join(shard) == weight).all()


def test_rows_of_a_partition_come_back():
    rows = owned_rows(np.array([1, 0, 1, 1]), 3)
    assert rows.ids.shape == (3, 4) and rows.mask.sum(axis=1).tolist() == [1, 3, 0]
    assert rows.join(rows.take(np.arange(4))).tolist() == [0, 1, 2, 3]


def test_errors():
    adjacency = build_adjacency(np.array([0]), np.array([1]), 2, 2)
    with pytest.raises(ConfigError, match="found 0 devices, expected at least 1"):
        split_edges(adjacency, 0)
    with pytest.raises(ConfigError, match=r"owners from 0 to 2, expected parts in \[0, 2\)"):
        halo_shards(adjacency, np.array([0, 2]), 2)
