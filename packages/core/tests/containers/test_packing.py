"""budget_for, pack and dynamic_batches: few shapes, little padding, nothing lost."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.errors import BudgetError
from heddle.graphs.batch import Budget, budget_for, dynamic_batches, pack, sizes_of, unbatch, unpad
from heddle.graphs.graph import Graph

from .pytrees import assert_equal

COUNT = 20000


def sized(n_node, n_edge, name=0.0):
    ids = np.zeros(n_edge, np.int64)
    return Graph(np.full((n_node, 1), name), None, ids, ids, None, np.array([n_node]), np.array([n_edge]))


def molecules(rng):
    n = np.clip(rng.normal(25, 8, COUNT), 3, 80).astype(int)
    return n, (n * 2.15).astype(int)


def lognormal(rng):
    n = np.clip(rng.lognormal(np.log(60), 1.0, COUNT), 4, 4000).astype(int)
    return n, (n * np.clip(rng.lognormal(np.log(6), 0.5, COUNT), 1, 60)).astype(int)


def lognormal_of(sigma, edges):
    """Return a draw of lognormal node counts, with edges as a function of them and of a generator."""

    def draw(rng):
        n = np.maximum(rng.lognormal(3, sigma, COUNT), 2).astype(int)
        return n, np.asarray(edges(n, rng)).astype(int)

    return draw


def pareto(rng):
    n = np.clip((rng.pareto(1.3, COUNT) + 1) * 12, 5, 20000).astype(int)
    density = np.clip(rng.lognormal(np.log(4), 0.8, COUNT), 1, 60)
    return n, np.minimum(n * density, n * (n - 1)).astype(int)


def pareto_of(edges):
    """Return a draw of Pareto node counts, with edges as in `lognormal_of`."""

    def draw(rng):
        n = ((rng.pareto(1.3, COUNT) + 1) * 10).astype(int)
        return n, np.asarray(edges(n, rng)).astype(int)

    return draw


def proportional(n, rng):
    return n * rng.uniform(1, 6, len(n))


def noisy(n, rng):
    return np.minimum(n * rng.lognormal(1.4, 0.8, len(n)), n * (n - 1))


def dense_when_large(n, rng):
    return np.minimum(n**1.5, n * (n - 1))


def linearithmic(n, rng):
    return n * np.log2(n + 1)


def independent(n, rng):
    return rng.lognormal(4.4, 0.7, len(n))


def trees(n, rng):
    return n - 1


EDGES = (proportional, noisy, dense_when_large, linearithmic, independent, trees)
DRAWS = {
    "molecules": (molecules, 1, 0.04),
    "lognormal": (lognormal, 3, 0.10),
    "pareto": (pareto, 8, 0.15),
    **{f"lognormal({s}) {e.__name__}": (lognormal_of(s, e), 3, 0.10) for s in (0.5, 1.0) for e in EDGES},
    **{f"pareto {e.__name__}": (pareto_of(e), 8, 0.15) for e in EDGES},
    "pareto dense_when_large": (pareto_of(dense_when_large), 8, 0.20),  # these edges have no mean
}


def check(n, e, budgets, shapes, waste):
    """Pack the sizes, check the number of shapes, the padding and that nothing is lost; return the batches."""
    packed = list(pack(zip(n.tolist(), e.tolist(), [1] * len(n)), budgets))
    used = np.array([budget for budget, _ in packed])
    assert len(np.unique(used, axis=0)) <= shapes
    assert 1 - n.sum() / used[:, 0].sum() < waste
    assert 1 - e.sum() / used[:, 1].sum() < waste
    assert sorted(np.concatenate([members for _, members in packed]).tolist()) == list(range(len(n)))
    return packed


SOON = (
    "molecules",
    "lognormal",
    "pareto",
    "lognormal(1.0) noisy",
    "pareto independent",
    "pareto dense_when_large",
)
EVERY = [(name, size) for name in DRAWS for size in (16, 32, 128)]


@pytest.mark.parametrize(
    "name, batch_size",
    [
        pytest.param(name, size, marks=[] if name in SOON and size == 32 else pytest.mark.slow)
        for name, size in EVERY
    ],
)
def test_few_shapes_and_little_padding(name, batch_size):
    draw, shapes, waste = DRAWS[name]
    n, e = draw(np.random.default_rng(batch_size))
    budgets = budget_for(np.column_stack([n, e]), batch_size)
    packed = check(n, e, budgets, min(shapes, len(budgets)), waste)
    assert 0.9 * batch_size < COUNT / len(packed) < 1.3 * batch_size  # about as large as was asked for


@pytest.mark.parametrize("batch_size", [16, pytest.param(128, marks=pytest.mark.slow)])
@pytest.mark.parametrize("edges", [proportional, dense_when_large, independent], ids=lambda e: e.__name__)
def test_budgets_of_a_sample_do_for_the_stream(edges, batch_size):
    n, e = lognormal_of(1.0, edges)(np.random.default_rng(0))
    check(n, e, budget_for(np.column_stack([n, e])[:2000], batch_size), 4, 0.12)


def test_packing_is_quick():
    n, e = lognormal(np.random.default_rng(0))
    budgets = budget_for(np.column_stack([n, e]), 32)
    start = time.process_time()  # whatever else the machine does
    list(pack(zip(n.tolist(), e.tolist(), [1] * COUNT), budgets))
    assert time.process_time() - start < 5  # takes about 0.3 s


sizes = st.tuples(st.integers(0, 40), st.integers(0, 60)).map(lambda s: (s[0], s[1] if s[0] else 0))


@given(st.lists(sizes, max_size=30), st.integers(1, 5), st.integers(1, 12))
def test_every_graph_comes_out_once_as_it_went_in(drawn, batch_size, window):
    graphs = [sized(n, e, name=i) for i, (n, e) in enumerate(drawn)]
    budgets = budget_for(graphs, batch_size) if graphs else (Budget(8, 8, 2),)
    out = {}
    for padded, positions in dynamic_batches(iter(graphs), budgets, window=window):
        shape = Budget(len(padded.node_mask), len(padded.edge_mask), len(padded.graph_mask))
        assert shape in budgets
        members = unbatch(unpad(padded))
        assert len(members) == len(positions) > 0
        for position, member in zip(positions.tolist(), members):
            assert position not in out
            out[position] = member
    assert sorted(out) == list(range(len(graphs)))
    for position, graph in enumerate(graphs):
        assert_equal(out[position], graph)


def test_no_graph_waits_longer_than_one_more_window():
    read = 0

    def stream():  # no two fit together, none fills its bin: all of them look worth waiting for
        nonlocal read
        for _ in range(100):
            read += 1
            yield sized(6, 6)

    for _, positions in dynamic_batches(stream(), Budget(11, 10, 5), window=10):
        assert read - positions.min() <= 20
    assert read == 100


def test_an_oversize_graph_gets_a_shape_of_its_own():
    stream = [sized(3, 2), sized(49, 9), sized(3, 2), sized(50, 10)]
    batches = list(dynamic_batches(stream, Budget(8, 8, 4)))
    shapes = {len(padded.node_mask) for padded, _ in batches}
    assert sorted(np.concatenate([positions for _, positions in batches]).tolist()) == [0, 1, 2, 3]
    assert len(shapes - {8}) == 1 and max(shapes) >= 51  # both large graphs use one shape


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("window", [1, 10, 200])
def test_a_stream_of_ever_new_sizes_needs_few_shapes(rising, window):
    n = (10 * 1.05 ** np.arange(200)).astype(int)
    e = 3 * n[::-1]
    order = np.arange(200) if rising else np.arange(200)[::-1]
    packed = list(pack(zip(n[order], e[order], [1] * 200), Budget(16, 32, 9), window=window))
    assert sum(len(members) for _, members in packed) == 200
    assert len({budget for budget, _ in packed}) <= 20  # they span a factor of 17000 in nodes and in edges


def test_an_oversize_graph_is_refused_where_shapes_are_fixed():
    stream = iter([sized(3, 2), sized(50, 10)])
    message = "graph 1 of the stream has 50 nodes and 10 edges, the largest budget allows 7 and 8"
    with pytest.raises(BudgetError, match=message):
        list(dynamic_batches(stream, Budget(8, 8, 4), allow_new_shapes=False))


def test_an_empty_stream_gives_nothing():
    assert list(dynamic_batches([], Budget(8, 8, 4))) == []


@pytest.mark.parametrize(("budgets", "window"), [([], 10), ([Budget(8, 8, 4)], 0)])
def test_no_budgets_and_no_window_are_refused(budgets, window):
    with pytest.raises(BudgetError, match="expected at least 1 of each"):
        list(pack([(1, 1, 1)], budgets, window=window))


def test_budgets_of_equal_graphs_fit_a_batch_exactly():
    (budget,) = budget_for([sized(10, 24)] * 100, 32)
    assert budget.n_node - 1 >= 320 and budget.n_node <= 328 and budget.n_edge == 768
    assert all(len(members) == 32 for _, members in list(pack([(10, 24, 1)] * 320, budget)))


@pytest.mark.parametrize(
    "graphs", [[sized(1, 0)], [sized(0, 0)] * 3, [sized(5, 0)] * 9, [sized(2, 1), sized(900, 5000)]]
)
def test_budgets_hold_the_largest_graph(graphs):
    budgets = budget_for(graphs, 4)
    n, e, g = sizes_of(graphs).max(axis=0)
    assert budgets[-1].n_node > n and budgets[-1].n_edge >= e and budgets[-1].n_graph > g
    assert list(budgets) == sorted(budgets)
    assert sum(
        len(members) for _, members in pack(sizes_of(graphs).tolist(), budgets, allow_new_shapes=False)
    ) == len(graphs)


def test_shapes_are_bounded():
    sizes = np.column_stack([2 ** np.arange(20), 2 ** np.arange(20)])
    assert len(budget_for(sizes, 1, max_shapes=3)) == 3
    assert len(budget_for(sizes, 1, max_shapes=1)) == 1


def test_budget_for_reads_a_dataset():
    class Dataset:
        graphs = (sized(4, 4), sized(6, 8))

    assert (
        budget_for(Dataset(), 2) == budget_for(Dataset.graphs, 2) == budget_for(np.array([[4, 4], [6, 8]]), 2)
    )


@pytest.mark.parametrize(("graphs", "batch_size"), [([], 4), ([sized(1, 0)], 0)])
def test_budgets_of_nothing_are_refused(graphs, batch_size):
    with pytest.raises(BudgetError, match="budget_for: found"):
        budget_for(graphs, batch_size)


def test_a_shuffled_stream_gives_other_batches():
    rng = np.random.default_rng(0)
    sizes = np.column_stack(lognormal(rng))[:1000]
    budgets = budget_for(sizes, 32)

    def together(order):
        """Pairs of graphs in one batch."""
        packed = pack(((n, e, 1) for n, e in sizes[order].tolist()), budgets)
        batches = [np.sort(order[members]).tolist() for _, members in packed]
        return {(a, b) for batch in batches for a in batch for b in batch if a < b}

    first, second = (together(rng.permutation(1000)) for _ in range(2))
    assert len(first & second) < 0.08 * len(first)  # by chance: 0.03; in order of size: 0.6


def test_large_graphs_meet_as_often_as_by_chance():
    """So that no step has always the same share of them: an engine that pads learns as one that does not."""
    rng = np.random.default_rng(0)
    n = np.where(rng.random(COUNT) < 0.03, 200, 20)
    sizes = np.column_stack([n, 4 * n, np.ones(COUNT, int)])
    batches = [members for _, members in pack(sizes.tolist(), budget_for(sizes, 32))]
    large = np.array([(n[members] == 200).sum() for members in batches])
    assert 0.6 < large.var() / large.mean() < 1.3  # 1 by chance, 0.3 with equal shares
