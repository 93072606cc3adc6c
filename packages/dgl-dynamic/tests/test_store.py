"""The snapshot store: what it refuses, what it forgets first, and that no value is ever stale."""

import threading

import dense_reference as dense
import numpy as np
import pytest
import torch
from dynamic_cases import (
    assert_close,
    forward,
    gradients,
    make_graph,
    make_model,
    make_params,
    make_windows,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.errors import ConfigError, HeddleError
from heddle.testing.examples import examples
from heddle_dgl.reuse.store import SnapshotKey, SnapshotStore
from heddle_dgl.reuse.tiers import FileTier, MemoryTier


def key(time, features=0):
    return SnapshotKey("data", time, 1, features, "gcn", torch.float32)


def value(time, size=10):
    return torch.full((size,), float(time))  # 40 bytes


def held(store, times):
    return [time for time in times if store.get(key(time)) is not None]


def test_gradients_are_refused():
    with pytest.raises(HeddleError, match="with a gradient"):
        SnapshotStore().put(key(0), torch.ones(1, requires_grad=True) * 2)


def test_a_copy_is_kept():
    store, x = SnapshotStore(), value(3)
    store.put(key(0), x)
    x.zero_()
    assert store.get(key(0)).tolist() == [3.0] * 10


def test_other_features_are_another_key():
    store = SnapshotStore()
    store.put(key(0, features=1), value(0))
    assert store.get(key(0, features=2)) is None


def test_least_recently_used_goes_first():
    store = SnapshotStore([MemoryTier("host", 80)])
    store.put(key(0), value(0))
    store.put(key(1), value(1))
    store.get(key(0))
    store.put(key(2), value(2))
    assert held(store, range(3)) == [0, 2]


def test_the_plan_decides_what_goes():
    """What is needed last goes, and what would go immediately isn't let in."""
    store = SnapshotStore([MemoryTier("host", 80)])
    store.plan([[0, 1, 2], [1], [0], [2]])
    for time in (0, 1, 2):
        store.put(key(time), value(time))
    assert held(store, range(3)) == [0, 1] and store.stats()["refused"] == 1
    store.next_batch()
    store.get(key(1))  # its last use
    store.put(key(2), value(2))
    assert held(store, (0, 2)) == [0, 2]


def test_tiers_below_take_what_goes():
    tiers = [MemoryTier("device", 80), MemoryTier("host", 40), FileTier(80)]
    store = SnapshotStore(tiers)
    for time in range(6):
        store.put(key(time), value(time))
    assert held(store, range(6)) == [1, 2, 3, 4, 5]
    for time in range(1, 6):
        assert store.get(key(time)).tolist() == [float(time)] * 10
    assert [tier.used for tier in tiers] == [80, 40, 80]


@given(st.data())
def test_budgets_are_never_passed(data):
    budgets = data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=3))
    tiers = [
        MemoryTier("host", b) if position % 2 == 0 else FileTier(b) for position, b in enumerate(budgets)
    ]
    store, truth = SnapshotStore(tiers), {}
    order = data.draw(st.lists(st.lists(st.integers(0, 8), max_size=4), max_size=6))
    if data.draw(st.booleans()):
        store.plan(order)
    for batch in order:
        for time in batch:
            actual = store.get(key(time))
            assert actual is None or torch.equal(actual, truth[time])
            if actual is None:
                truth[time] = value(time, data.draw(st.integers(0, 30)))
                store.put(key(time), truth[time])
            for tier in tiers:
                assert 0 <= tier.used <= tier.budget
        store.next_batch()
    store.clear()
    assert len(store) == 0 and all(tier.used == 0 for tier in tiers)


def test_the_memory_it_takes_is_what_it_says():
    tier = MemoryTier("host", 4_000_000)
    store = SnapshotStore([tier])
    for time in range(40):
        store.put(key(time), torch.zeros(100_000))
    assert tier.used == 4_000_000 and len(store) == 10
    unique = {
        store.get(key(time)).untyped_storage().data_ptr()
        for time in range(40)
        if store.get(key(time)) is not None
    }
    assert len(unique) == 10


def test_a_negative_budget_is_reported():
    with pytest.raises(ConfigError, match="found a budget of -1 bytes"):
        MemoryTier("host", -1)


def test_threads():
    store, errors = SnapshotStore([MemoryTier("host", 400), FileTier(400)]), []

    def work(seed):
        rng = np.random.default_rng(seed)
        for time in rng.integers(0, 40, 500):
            actual = store.get(key(int(time)))
            if actual is None:
                store.put(key(int(time)), value(int(time)))
            elif actual.tolist() != [float(time)] * 10:
                errors.append(time)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statistics = store.stats()
    assert not errors and statistics["hits"] + statistics["misses"] == 2000
    assert statistics["bytes.host"] <= 400 and statistics["bytes.disk"] <= 400


def run_epochs(shuffle, policy, budget, times=3000, window=24, batch=64, epochs=3):
    """Return the share of hits of windows read in random order, or in random chunks."""
    rng, starts = np.random.default_rng(0), np.arange(times - window + 1)
    store = SnapshotStore([MemoryTier("host", budget * 4)])
    for _ in range(epochs):
        chunks = np.array_split(starts, range(shuffle, len(starts), shuffle))
        order = np.concatenate([rng.permutation(chunks[k]) for k in rng.permutation(len(chunks))])
        batches = [order[k : k + batch] for k in range(0, len(order), batch)]
        reads = [np.unique(b[:, None] + np.arange(window)) for b in batches]
        if policy == "plan":
            store.plan(reads)
        for read in reads:
            for time in read:
                if store.get(key(int(time))) is None:
                    store.put(key(int(time)), torch.zeros(1))
            store.next_batch()
    statistics = store.stats()
    return statistics["hits"] / (statistics["hits"] + statistics["misses"])


def test_hits_of_shuffled_windows_at_a_fifth_of_the_data():
    assert run_epochs(512, "plan", 600) >= 0.8
    assert run_epochs(512, "lru", 600) >= 0.8


def test_the_plan_beats_recency():
    assert run_epochs(3000, "lru", 600, epochs=2) < 0.05
    assert run_epochs(3000, "plan", 600, epochs=2) > 0.15


@settings(max_examples=examples(40))
@given(
    st.sampled_from(["lstm/gcn", "gru/diffusion", "rnn/cheb", "tgcn", "a3tgcn", "evolve/O", "evolve/H"]),
    st.sampled_from([("cached", False), ("cached", True), ("fused", False), ("fused", True)]),
    st.integers(1, 3),
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=4), min_size=1, max_size=4),
    st.integers(0, 1500),
    st.integers(0, 3),
)
def test_equal_to_naive_whatever_is_evicted(name, engine, layers, batches, budget, seed):
    """Any overlap of windows, any budget: outputs and gradients are those of the naive engine."""
    senders, receivers, weight, a, signal = dense.random_signal(seed)
    model, _, _ = make_model(name, signal.shape[2], layers)
    graph = make_graph(senders, receivers, weight, len(a))
    store = SnapshotStore([MemoryTier("host", budget), FileTier(budget // 2)])
    store.plan([[time + k for time in starts for k in range(4)] for starts in batches])
    for number, starts in enumerate(batches):
        params = make_params(model, seed=number)
        fed = [number % 2 == 0] * 3
        expected, _ = forward(model, params, make_windows(model, [graph], signal, starts), "naive", fed)
        outputs, _ = forward(
            model, params, make_windows(model, [graph], signal, starts), engine[0], fed, engine[1], store
        )
        assert_close(outputs, expected)
        wanted = gradients(expected, params)
        for where, grad in gradients(outputs, params).items():
            assert_close(grad, wanted[where], where=where)
        store.next_batch()


@pytest.mark.parametrize("what", ["parameters", "features", "edges"])
@pytest.mark.parametrize("engine", ["cached", "fused"])
def test_changes_between_steps_are_seen(what, engine):
    senders, receivers, weight, a, signal = dense.random_signal()
    model, _, _ = make_model("lstm/gcn", 2, 2)
    params, store = make_params(model), SnapshotStore()
    graph = make_graph(senders, receivers, weight, len(a))

    def both():
        return [
            forward(model, params, make_windows(model, [graph], signal, [0, 2]), name, store=store)[0]
            for name in ("naive", engine)
        ]

    before, _ = both()
    if what == "parameters":
        with torch.no_grad():
            for p in params.values():
                p.data.mul_(1.1)
    elif what == "features":
        signal[3, 2, 1] += 1.0
    else:
        graph.edges["weight"][0] *= 2
    after, actual = both()
    assert_close(actual, after)
    assert not torch.equal(before, after)
