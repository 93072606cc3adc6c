"""Loaders: what each step sees, for every level of task."""

import numpy as np
import pytest

from heddle.data.dataset import Dataset
from heddle.data.drawn_splits import with_splits
from heddle.data.task import model_spec_of, task_for
from heddle.data.task_options import TaskOptions
from heddle.engines.optim import Optim
from heddle.engines.program import Program
from heddle.errors import DataError
from heddle.graphs.graph import Graph
from heddle.ops.reference import NumpyOps
from heddle.workflow.loaders.choose import loader_for
from heddle.workflow.loaders.negatives import TrueLinks, corrupted, false_pairs
from heddle.workflow.metrics.predictions import known_targets
from heddle.workflow.metrics.ranking import filtered_ranks
from heddle.workflow.options import TrainerSettings

from ..cases import build_linear, graph_dataset, link_dataset, node_dataset, triple_dataset
from ..numpy_engine import linear_program


def setup(dataset: Dataset, static_shapes: bool = False, **options):
    task = task_for(TaskOptions(name="auto"), dataset)
    dataset = with_splits(dataset, task, 0)
    model = build_linear({}, model_spec_of(dataset, task))
    of_task = {key: options.pop(key) for key in ("negatives", "chunk") if key in options}
    trainer, how = TrainerSettings(**options), TaskOptions(**of_task)
    loader = loader_for(dataset, task, model, trainer, how, 0, static_shapes)
    return dataset, loader, linear_program(model, task, Optim(lr=0.1))


def test_unknown_targets_are_masked():
    classes, mask = known_targets(np.array([2, -1, 0], np.int32))
    assert classes.dtype == np.int64 and mask.tolist() == [True, False, True] and classes.min() >= 0
    values, mask = known_targets(np.array([[1.0, np.nan], [np.inf, 3]]))
    assert values.dtype == np.float32 and mask.tolist() == [[True, False], [False, True]]
    assert np.isfinite(values).all()


def test_nodes_show_only_training_targets_and_are_placed_once():
    dataset = node_dataset()
    dataset.targets[dataset.splits["train"][0]] = -1
    dataset, loader, program = setup(dataset)
    placed = []
    program = program._replace(place=lambda batch: placed.append(batch) or batch)
    (batch,) = loader.batches(program, 1)
    assert set(batch.index[batch.mask]) == set(dataset.splits["train"][1:])
    predictions = loader.predictions(program, program.init(0), ("train", "valid", "test"))
    for split, predicted in predictions.items():
        assert np.array_equal(predicted.index, dataset.splits[split])
        known = dataset.targets[predicted.index] >= 0
        assert np.array_equal(predicted.mask, known)
        assert np.array_equal(predicted.targets[known], dataset.targets[predicted.index][known])
    list(loader.batches(program, 2))
    assert len(placed) == 1


@pytest.mark.parametrize("static_shapes", [False, True])
@pytest.mark.parametrize("task", ["graph_classification", "graph_regression", "labels"])
def test_graphs_come_once_an_epoch_with_their_own_targets(task, static_shapes):
    dataset, loader, program = setup(graph_dataset(task=task), static_shapes, batch_size=7)
    mean = np.array([graph.nodes.mean() for graph in dataset.graphs])
    targets, mask = known_targets(dataset.targets)
    orders, shapes = [], set()
    for epoch in (1, 2, 1):
        seen = []
        for batch in loader.batches(program, epoch):
            shapes.add((len(batch.graph.nodes), len(batch.graph.senders), len(batch.index)))
            owner = np.repeat(np.arange(len(batch.graph.n_node)), batch.graph.n_node)
            for position in batch.index[batch.mask.reshape(len(batch.mask), -1).any(axis=1)]:
                actual = int(np.abs(mean - batch.graph.nodes[owner == position].mean()).argmin())
                seen.append(actual)
                assert np.array_equal(batch.targets[position], targets[actual])
                assert np.array_equal(batch.mask[position], mask[actual])
        assert sorted(seen) == sorted(dataset.splits["train"])
        orders.append(seen)
    assert orders[0] == orders[2] != orders[1]
    assert len(shapes) <= 8 if static_shapes else True


def uneven_dataset(count: int = 1000) -> Dataset:
    """Return graphs of which a few are large; their size is the target."""
    rng = np.random.default_rng(0)
    graphs = []
    for n in (2 + rng.lognormal(2.5, 1.0, count)).astype(int).tolist():
        ids = rng.integers(n, size=(2, 3 * n))
        x = np.full((n, 1), n, np.float32)
        graphs.append(Graph(x, None, ids[0], ids[1], None, np.array([n]), np.array([3 * n])))
    return Dataset(
        "uneven", "graph_regression", graphs, np.array([[g.n_node[0]] for g in graphs], np.float32)
    )


def test_padded_batches_weigh_each_graph_alike():
    """The steps' losses, on average, are the mean over the graphs, though large graphs come with few others."""
    dataset, loader, program = setup(uneven_dataset(), True, batch_size=32, batching="packed")
    task, train = task_for(TaskOptions(name="auto"), dataset), dataset.splits["train"]
    batches = list(loader.batches(program, 1))
    known = [int(batch.mask.sum()) for batch in batches]
    assert sum(known) == len(train) and max(known) > 1.3 * min(known)
    losses = [task.loss(NumpyOps(), np.zeros_like(batch.targets), batch) for batch in batches]
    np.testing.assert_allclose(np.mean(losses), (dataset.targets[train].astype(float) ** 2).mean(), rtol=1e-5)
    for batch, n in zip(batches, known):  # the weight of a graph is the same in each
        other = batch._replace(targets=np.ones_like(batch.targets))
        loss = task.loss(NumpyOps(), np.zeros_like(batch.targets), other)
        np.testing.assert_allclose(loss / n, len(batches) / len(train), rtol=1e-5)


def test_counted_batches_are_those_of_every_engine():
    """Padded or not, a step sees the same graphs in the same order and has the same loss, in few shapes."""
    loaders = [setup(graph_dataset(count=300), padded, batch_size=16) for padded in (False, True)]
    task = task_for(TaskOptions(name="auto"), loaders[0][0])
    for epoch in (1, 2):
        shapes = set()
        (_, free, program), (_, padded, _) = loaders
        for one, other in zip(free.batches(program, epoch), padded.batches(program, epoch), strict=True):
            known = other.mask.reshape(len(other.mask), -1).any(axis=1)
            assert np.array_equal(other.targets[known], one.targets) and other.divisor is None
            assert np.array_equal(other.graph.nodes[: len(one.graph.nodes)], one.graph.nodes)
            losses = [task.loss(NumpyOps(), np.zeros((len(b.mask), 2)), b) for b in (one, other)]
            np.testing.assert_allclose(*losses, rtol=1e-6)
            shapes.add((len(other.graph.nodes), len(other.graph.senders)))
        assert len(shapes) <= 8
    statistics = loaders[1][1].stats()
    assert (
        statistics["padding_nodes"] <= 0.15
        and statistics["padding_edges"] <= 0.15
        and statistics["shapes"] <= 8
    )


def test_uneven_or_many_graphs_are_packed():
    """Where counting would pad much, batches are filled up instead, unless they are asked for."""
    packed, counted = (
        setup(uneven_dataset(), True, batch_size=4, batching=batching)[1] for batching in ("auto", "counted")
    )
    assert packed._counted is None and packed._budgets and counted._counted and counted._budgets is None


def test_all_graphs_at_once_are_one_padded_batch():
    _, loader, program = setup(uneven_dataset(), True)
    assert len(list(loader.batches(program, 1))) == len(list(loader.batches(program, 2))) == 1
    predicted = loader.predictions(program, program.init(0), ("test",))["test"]
    assert np.isfinite(predicted.outputs).all()


def test_an_epoch_has_as_many_steps_padded_or_not():
    counts = [
        len(list(loader.batches(program, 1)))
        for _, loader, program in (
            setup(uneven_dataset(), static_shapes, batch_size=16, batching="packed")
            for static_shapes in (False, True)
        )
    ]
    assert abs(counts[1] - counts[0]) <= 0.1 * counts[0]


@pytest.mark.parametrize("static_shapes", [False, True])
def test_graph_outcomes_are_in_the_order_of_the_split(static_shapes):
    dataset, loader, program = setup(graph_dataset(), static_shapes, batch_size=7)
    state = program.init(0)
    predicted = loader.predictions(program, state, ("test",))["test"]
    _, single, _ = setup(graph_dataset(), False, batch_size=1)
    alone = single.predictions(program, state, ("test",))["test"]
    assert np.array_equal(predicted.index, dataset.splits["test"])
    np.testing.assert_allclose(predicted.outputs, alone.outputs, atol=1e-12)
    empty = dataset._replace(splits={**dataset.splits, "test": np.zeros(0, np.int64)})
    _, loader, _ = setup(empty, static_shapes, batch_size=7)
    assert len(loader.predictions(program, state, ("test",))["test"].outputs) == 0


@pytest.mark.parametrize("negatives", [1, 3])
def test_link_batches_hold_every_link_once_and_no_true_negative(negatives):
    original = link_dataset()
    dataset, loader, program = setup(original, batch_size=32, negatives=negatives)
    true = {frozenset(p) for p in zip(original.graphs.senders.tolist(), original.graphs.receivers.tolist())}
    seen, shapes, false = [], set(), []
    for batch in loader.batches(program, 1):
        shapes.add(batch.index.shape)
        rows, targets = batch.index[batch.mask].tolist(), batch.targets[batch.mask]
        seen += [frozenset(row) for row, target in zip(rows, targets) if target]
        false += [frozenset(row) for row, target in zip(rows, targets) if not target]
    assert shapes == {(32 * (1 + negatives), 2)}
    assert sorted(map(sorted, seen)) == sorted(sorted(row) for row in dataset.splits["train"].tolist())
    assert len(false) == negatives * len(seen) and not true & set(false)
    assert all(len(pair) == 2 for pair in false)


def first_index(loader: object, program: Program, epoch: int) -> np.ndarray:
    return next(iter(loader.batches(program, epoch))).index


@pytest.mark.parametrize("make", [link_dataset, triple_dataset])
def test_negatives_follow_seed_and_epoch_and_are_fixed_for_evaluation(make):
    _, loader, program = setup(make(), batch_size=16)
    _, again, _ = setup(make(), batch_size=16)
    assert np.array_equal(first_index(loader, program, 3), first_index(again, program, 3))
    assert not np.array_equal(first_index(loader, program, 3), first_index(loader, program, 4))
    state = program.init(0)
    one, two = (each.predictions(program, state, ("valid", "test")) for each in (loader, again))
    for split in one:
        for left, right in zip(one[split], two[split]):
            assert np.array_equal(left, right)
        assert one[split].targets.sum() * 2 == len(one[split].targets)


def test_triples_are_corrupted_at_one_end_and_never_true():
    dataset, loader, program = setup(triple_dataset(), batch_size=20, negatives=2)
    every = {tuple(row) for rows in dataset.splits.values() for row in rows.tolist()}
    for batch in loader.batches(program, 1):
        rows = batch.index[batch.mask & (batch.targets == 0)].tolist()
        assert rows and not every & {tuple(row) for row in rows}
    true = TrueLinks(dataset.splits["train"], 25, 2)
    rows, actual = corrupted(true, dataset.splits["train"], np.random.default_rng(0))
    assert actual.all() and ((rows != dataset.splits["train"]).sum(axis=1) == 1).all()


def test_a_complete_graph_has_no_false_pairs_and_says_so():
    pairs = np.array([(i, j) for i in range(4) for j in range(i)])
    _, actual = false_pairs(TrueLinks(pairs, 4), 6, np.random.default_rng(0))
    assert not actual.any()
    rows, actual = false_pairs(TrueLinks(pairs[:-1], 4), 6, np.random.default_rng(0))
    assert actual.all() and {tuple(sorted(row)) for row in rows.tolist()} == {(2, 3)}


def naive_rank(score, true, others):
    higher = sum(score[k] > score[true] for k in others)
    return 1 + higher + sum(score[k] == score[true] for k in others) / 2


def test_ranks_equal_the_naive_ones_with_ties(monkeypatch):
    from heddle.workflow.metrics import ranking

    rng = np.random.default_rng(1)
    entities, relations = rng.integers(-2, 3, (12, 3)) * 1.0, rng.integers(-1, 2, (2, 3)) * 1.0
    known = np.unique(rng.integers(0, (12, 2, 12), (60, 3)), axis=0)
    triples = known[::3]
    every = {tuple(row) for row in known.tolist()}
    tails, heads = [], []
    for h, r, t in triples.tolist():
        score = entities @ (entities[h] * relations[r])
        tails.append(naive_rank(score, t, [k for k in range(12) if k != t and (h, r, k) not in every]))
        score = entities @ (entities[t] * relations[r])
        heads.append(naive_rank(score, h, [k for k in range(12) if k != h and (k, r, t) not in every]))
    for cells in (2**23, 30, 1):
        monkeypatch.setattr(ranking, "_CELLS", cells)
        assert filtered_ranks(entities, relations, triples, known).tolist() == tails + heads
    assert filtered_ranks(entities, relations, triples[:0], known).shape == (0,)


def test_scores_that_are_no_numbers_rank_last():
    entities = np.full((4, 2), np.nan)
    triples = np.array([[0, 0, 1]])
    assert filtered_ranks(entities, np.ones((1, 2)), triples, triples).tolist() == [4, 4]


def test_a_node_out_of_range_is_reported():
    dataset = triple_dataset()
    dataset.splits["valid"][1, 2] = 25
    with pytest.raises(
        DataError, match=r"splits\['valid'\]\[1\]: found nodes \[\d+, 25\], expected ids in \[0, 25\)"
    ):
        setup(dataset)


@pytest.mark.parametrize("make", [node_dataset, graph_dataset, triple_dataset])
def test_no_training_data_is_reported(make):
    dataset = make()
    empty = {
        split: np.zeros((0, 3) if make is triple_dataset else 0, np.int64)
        for split in ("train", "valid", "test")
    }
    with pytest.raises(DataError, match=r"found no (training|known target)"):
        setup(dataset._replace(splits=empty))
