"""Rankings: metrics within groups against scikit-learn and plain loops, the loss by its formula, groups kept whole."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from heddle.data.check import check_dataset
from heddle.data.dataset import SPLITS
from heddle.data.drawn_splits import with_splits
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError, DataError
from heddle.ops.losses import listwise
from heddle.ops.reference import NumpyOps
from heddle.workflow.check import check_fit
from heddle.workflow.loaders.graphs import GraphLoader
from heddle.workflow.loaders.questions.nodes import NodeQuestion
from heddle.workflow.metrics.by_name import evaluate
from heddle.workflow.metrics.grouped import group_ranks, ndcg_at
from heddle.workflow.metrics.intervals import intervals
from heddle.workflow.metrics.predictions import Predictions, metric_values

from ..cases import graph_dataset, node_dataset
from ..numpy_engine import LinearModel

GROUPS = np.repeat([5, 1, 9, 4], [6, 3, 8, 2])


def _drawn() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=19).round(0), rng.integers(0, 4, 19).astype(np.float64)


SCORES, RELEVANCE = _drawn()
RELEVANCE[GROUPS == 4] = 0
KNOWN = np.arange(19) % 7 != 0


def ranking(groups=None, **changes):
    """Return nodes in groups of three, with relevances 0 to 2."""
    nodes = node_dataset()
    groups = np.arange(60) // 3 if groups is None else groups
    given = {"task": "node_ranking", "num_classes": 0, "splits": {}, "groups": groups, **changes}
    return nodes._replace(targets=nodes.targets.astype(np.float32), **given)


@pytest.mark.parametrize("k", [None, 1, 2, 5])
def test_ndcg_is_scikit_learns_also_with_ties(k):
    expected = []
    for group in np.unique(GROUPS):
        members = (group == GROUPS) & KNOWN
        if RELEVANCE[members].any():
            expected.append(ndcg_score(RELEVANCE[members][None], SCORES[members][None], k=k))
    actual = ndcg_at(k)(SCORES[:, None], RELEVANCE[:, None], KNOWN[:, None], GROUPS)
    np.testing.assert_allclose(actual, expected)


def test_ranks_in_plain_loops():
    scores = SCORES.copy()
    scores[3] = np.nan
    expected = []
    for group in np.unique(GROUPS):
        members = [k for k in range(19) if GROUPS[k] == group and KNOWN[k]]
        value = {k: -np.inf if np.isnan(scores[k]) else scores[k] for k in members}
        good, bad = [k for k in members if RELEVANCE[k] > 0], [k for k in members if RELEVANCE[k] == 0]
        if good:
            best = max(value[k] for k in good)
            expected.append(1 + sum(value[k] > best for k in bad) + sum(value[k] == best for k in bad) / 2)
    assert group_ranks(scores, RELEVANCE, KNOWN, GROUPS).tolist() == expected
    assert len(group_ranks(scores[:0], RELEVANCE[:0], KNOWN[:0], GROUPS[:0])) == 0


def test_the_loss_in_plain_loops():
    total = 0.0
    for group in np.unique(GROUPS):
        members = (group == GROUPS) & KNOWN
        if RELEVANCE[members].any():
            share = np.exp(SCORES[members]) / np.exp(SCORES[members]).sum()
            total -= members.sum() * (RELEVANCE[members] / RELEVANCE[members].sum() * np.log(share)).sum()
    numbers = np.unique(GROUPS, return_inverse=True)[1]
    given = SCORES[:, None], RELEVANCE[:, None], KNOWN[:, None]
    assert listwise(NumpyOps(), *given, None, numbers) == pytest.approx(total / KNOWN.sum())
    assert listwise(NumpyOps(), *given, np.full(19, 2.0), numbers) == pytest.approx(2 * total / KNOWN.sum())


def test_figures_and_intervals_of_groups():
    task = task_for(TaskOptions(), ranking())
    predicted = Predictions(np.arange(19), SCORES[:, None], RELEVANCE[:, None], KNOWN[:, None]).in_groups(
        GROUPS
    )
    actual = metric_values(task, predicted)
    assert list(actual) == ["loss", "ndcg@10", "mrr", "hits@1"] and len(predicted.ranks) == 3
    within = intervals(task.metrics, predicted, actual, 300, 0)
    for name in task.metrics:
        assert within[name][0] <= actual[name] <= within[name][1]
    with pytest.raises(ConfigError, match="only rankings have some"):
        evaluate(("ndcg@3",), SCORES, RELEVANCE, KNOWN)


def test_groups_stay_whole_in_splits_and_batches():
    dataset = ranking()
    task = task_for(TaskOptions(), dataset)
    dataset = with_splits(check_fit(dataset, task), task, 0)
    check_dataset(dataset)
    assert [len(dataset.splits[split]) for split in SPLITS] == [36, 12, 12]
    question = NodeQuestion(dataset)
    assert len(question) == 12  # groups
    asked = question.learn(np.array([4, 0]), 1)
    assert len(asked.seeds) == 6 and sorted(asked.groups.tolist()) == [0, 0, 0, 1, 1, 1]
    assert len(np.unique(dataset.groups[asked.seeds])) == 2
    predicted = question.predicted("test", question.rows("test"), np.zeros((12, 1)))
    assert predicted.groups.tolist() == dataset.groups[dataset.splits["test"]].tolist()


def test_graphs_are_ranked_all_at_once():
    dataset = graph_dataset(24, "graph_regression")._replace(task="graph_ranking", groups=np.arange(24) // 4)
    dataset = dataset._replace(targets=np.abs(dataset.targets))
    task = task_for(TaskOptions(), dataset)
    dataset = with_splits(check_fit(dataset, task), task, 0)
    model = LinearModel("graph", 4, 1)
    loader = GraphLoader(dataset, model, None, 0, False)

    class Places:
        place = staticmethod(lambda batch: batch)

    (batch,) = loader.batches(Places, 1)
    assert len(batch.groups) == len(dataset.splits["train"]) == 16
    assert np.bincount(batch.groups).tolist() == [4, 4, 4, 4]
    with pytest.raises(ConfigError, match=r"trainer\.batch_size=4: found a ranking of graphs"):
        GraphLoader(dataset, model, 4, 0, False)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"groups": None}, "found none for node_ranking"),
        ({"task": "node_classification", "num_classes": 3}, "found some for node_classification"),
        ({"groups": np.arange(59)}, "expected integers"),
        ({"targets": np.full(60, -1.0, np.float32)}, "a relevance below 0"),
        ({"splits": {"train": np.arange(4), "test": np.arange(4, 9)}}, "group 1 in train and test"),
    ],
)
def test_groups_that_do_not_fit(change, message):
    dataset = ranking()._replace(**change)
    if "num_classes" in change:
        dataset = dataset._replace(targets=node_dataset().targets)
    with pytest.raises(DataError, match=message):
        check_dataset(dataset)


def test_a_loss_for_rankings_alone():
    with pytest.raises(ConfigError, match=r"task\.loss=listwise: found node_classification"):
        task_for(TaskOptions(loss="listwise"), node_dataset())
    with pytest.raises(ConfigError, match="found no groups of rows"):
        dataset = ranking()._replace(groups=None)
        check_fit(dataset, task_for(TaskOptions(), dataset))
