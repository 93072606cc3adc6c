"""Trees for whatever a task asks: classes, labels, values and rankings, in memory or on disk."""

import numpy as np
import pytest

from heddle.data.dataset import Dataset
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.graphs.graph import hetero_graph
from heddle.workflow.boost.grow import grow
from heddle.workflow.boost.options import Boost
from heddle.workflow.boost.questions import QuestionTable
from heddle.workflow.metrics.predictions import evaluate_predictions

pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")
QUICK = Boost(rounds=40, patience=10, depths=(2, 3), lr=0.3, min_rows=1.0, l2=1.0, columns=1.0, threads=1)


def dataset(task_name, n=600):
    """Return nodes whose first column, or the embedding beside them, tells the target."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    codes = rng.integers(1, 4, (n, 1)).astype(np.int32)
    score = x[:, 0] + (codes[:, 0] == 2)
    groups = None
    if task_name == "node_regression":
        targets, classes = score[:, None].astype(np.float32), 0
        targets[5] = np.nan
    elif task_name == "node_ranking":
        targets, classes, groups = (
            np.round(2 + np.clip(score, -2, 2))[:, None].astype(np.float32),
            0,
            np.arange(n) // 6,
        )
    elif task_name == "labels":
        task_name, targets, classes = (
            "node_classification",
            np.stack([score > 0, x[:, 1] > 0], 1).astype(np.float32),
            0,
        )
    elif task_name == "three":
        task_name, targets, classes = (
            "node_classification",
            np.digitize(score, [-0.5, 1.0]).astype(np.int64),
            3,
        )
    else:
        targets, classes = (score > 0.3).astype(np.int64), 2
    splits = dict(zip(("train", "valid", "test"), np.split(np.arange(n), [n * 6 // 10, n * 8 // 10])))
    graph = hetero_graph({"a": {"x": x, "codes": codes}}, {}, {"a": np.array([n])})
    names = {"a": {"x": ("first [m]", "second", "third"), "codes": ("kind",)}}
    return Dataset("toy", task_name, graph, targets, splits, classes, "a", columns=names, groups=groups)


@pytest.mark.parametrize(
    ("task_name", "metric", "least"),
    [
        ("node_classification", "auroc", 0.97),
        ("three", "accuracy", 0.9),
        ("labels", "auroc", 0.97),
        ("node_regression", "r2", 0.9),
        ("node_ranking", "ndcg@10", 0.95),
    ],
)
def test_what_a_task_asks_is_learned(task_name, metric, least):
    data = dataset(task_name)
    task = task_for(TaskOptions(metrics=(metric,)), data)
    made = grow(QuestionTable(data), task, QUICK, 0)
    assert made.names == ["first (m)", "second", "third", "kind"] and made.depth in QUICK.depths
    predicted = made.predictions["test"]
    assert predicted.outputs.shape[0] == 120 and evaluate_predictions(task, predicted)[metric] > least


def test_the_disk_gives_the_trees_of_the_memory():
    data = dataset("node_classification")
    task = task_for(TaskOptions(metrics=("auroc",)), data)
    kept = [
        grow(QuestionTable(data), task, Boost(**{**vars(QUICK), "external": on}), 0) for on in (False, True)
    ]
    assert np.allclose(*(of.predictions["test"].outputs for of in kept), atol=1e-5)


def test_embeddings_stand_beside_the_columns():
    data = dataset("node_regression")
    hidden = np.random.default_rng(2).normal(size=(600, 2))
    data = data._replace(targets=(data.targets + 3 * hidden[:, :1]).astype(np.float32))
    task = task_for(TaskOptions(loss="mae", metrics=("mae",)), data)
    tables = QuestionTable(data), QuestionTable(data, [("embedding", hidden)])
    alone, both = (grow(table, task, QUICK, 0) for table in tables)
    assert both.names == [*alone.names, "embedding 0", "embedding 1"]
    errors = [evaluate_predictions(task, of.predictions["test"])["mae"] for of in (alone, both)]
    assert errors[1] < 0.5 * errors[0]
