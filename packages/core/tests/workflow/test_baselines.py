"""Baselines: what plain loops give, nothing newer than its question, and a verdict that can go against the model."""

import json
import sys
from typing import Any

import numpy as np
import pytest

from heddle.data.dataset import AskedEdges, Dataset, Times
from heddle.data.task import task_for
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.graphs.graph import EdgeSet, hetero_graph
from heddle.options import build
from heddle.workflow.assemble import Assembly
from heddle.workflow.baselines import compare
from heddle.workflow.baselines.history import Events, history_of
from heddle.workflow.baselines.rules import Past, answers_of, own_last
from heddle.workflow.loaders.known import known_named, until_of
from heddle.workflow.metrics.deciding import deciding
from heddle.workflow.metrics.predictions import Predictions, known_targets
from heddle.workflow.run import train

from .cases import Registry, config_for, graph_dataset, node_dataset

PAYS = ("card", "pays", "shop")


def payments(n=900, task_kind="edge_classification", seed=0, timed=True):
    """Return payments of cards at shops: some cards are bad at times, and one column tells a little."""
    rng = np.random.default_rng(seed)
    ends = np.stack([rng.integers(12, size=n), rng.integers(6, size=n)], 1)
    when = np.sort(rng.integers(0, 400, n))
    bad = (rng.random((12, 8)) < 0.4)[ends[:, 0], when // 50] & (rng.random(n) < 0.9)
    x = np.stack([bad * 0.5 + rng.normal(0, 1, n), rng.normal(0, 1, n)], 1).astype(np.float32)
    edges = {PAYS: EdgeSet({"x": x}, ends[:, 0], ends[:, 1], np.array([n]))}
    features = {"card": {"x": np.zeros((12, 1), np.float32)}, "shop": {"x": np.ones((6, 1), np.float32)}}
    graph = hetero_graph(features, edges, {"card": np.array([12]), "shop": np.array([6])})
    rows = np.split(np.arange(n), [n * 6 // 10, n * 8 // 10])
    splits = dict(zip(("train", "valid", "test"), rows))
    values = task_kind == "edge_regression"
    targets: Any = (3.0 * bad + x[:, 1])[:, None].astype(np.float32) if values else bad.astype(np.int64)
    times = Times(when, {}, {PAYS: when}) if timed else None
    asked = AskedEdges(ends, x)
    about = {"target_type": "card", "receiver_type": "shop", "times": times, "asked": asked}
    return Dataset("payments", task_kind, graph, targets, splits, 0 if values else 2, **about)


def outcomes_of(dataset, outputs):
    """Return what a model says, beside the truth."""
    targets, mask = known_targets(np.asarray(dataset.targets))
    return {
        split: Predictions(dataset.asked.named(rows), outputs[rows], targets[rows], mask[rows])
        for split, rows in dataset.splits.items()
    }


def compared_to(dataset, outputs, known="rolling", **options):
    task = task_for(TaskOptions(), dataset)
    settings = TaskOptions(intervals=100, **options)
    until = (
        None if dataset.times is None else until_of(dataset.times, dataset.splits, known_named(known), False)
    )
    nothing: Any = None
    how = deciding(task, settings, dataset.num_classes)
    parts = Assembly(dataset, task, *[nothing] * 5, {}, (), how, None, until)
    return compare(parts, outcomes_of(dataset, outputs), None, settings, 0)


@pytest.mark.parametrize("known", ["rolling", "frozen"])
def test_the_last_answers_are_those_that_are_known(known):
    dataset = payments(300)
    until = until_of(dataset.times, dataset.splits, known_named(known), False)
    answers = answers_of(*known_targets(dataset.targets), "classes", 2)
    cards, when = dataset.asked.ends[:, 0], dataset.times.asked
    prior = np.array([0.7, 0.3])
    rows = dataset.splits["test"]
    actual = own_last(Past(cards, when, answers), cards[rows], until["test"][rows], answers, prior)
    for position, row in enumerate(rows):
        seen = [k for k in range(300) if cards[k] == cards[row] and when[k] <= until["test"][row]][-20:]
        assert all(when[k] < when[row] for k in seen)
        share = (np.eye(2)[dataset.targets[seen]].sum(0) + prior) / (len(seen) + 1)
        np.testing.assert_allclose(actual[position], np.log(share))


@pytest.mark.parametrize("delay", [0, 100])
def test_answers_that_come_later_are_not_among_the_last(delay):
    """A card's answers are alike for 20 rows in a row: whoever knows them immediately knows the next one."""
    rng = np.random.default_rng(3)
    n, base = 2000, payments(2000)
    cards, bad = np.repeat(np.arange(n // 20) % 3, 20), np.repeat(rng.integers(0, 2, n // 20), 20)
    ends, when = np.stack([cards, np.zeros(n, np.int64)], 1), np.arange(n)
    dataset = base._replace(
        targets=bad, asked=AskedEdges(ends), times=Times(when, {}, {PAYS: when}, delay=delay)
    )
    compared = compared_to(dataset, np.zeros((n, 2)), baselines=("own",)).metrics
    assert (compared["sender's last 20"]["test"]["accuracy"] > 0.7) == (delay == 0)


def test_histories_in_plain_loops():
    rng = np.random.default_rng(1)
    nodes, times, x = rng.integers(5, size=80), rng.integers(50, size=80), rng.normal(size=(80, 2))
    asked, until = rng.integers(6, size=40), rng.integers(-3, 55, size=40)
    actual = Events(nodes, times, x).table(asked, until, (10.0,))
    for row, node, moment in zip(actual, asked, until):
        past = [k for k in range(80) if nodes[k] == node and times[k] <= moment]
        late = [k for k in past if times[k] > moment - 10]
        recency = np.log1p(moment - max(times[past])) if past else np.nan
        expected = [len(past), *x[past].sum(0), recency, len(late), *x[late].sum(0)]
        np.testing.assert_allclose(row, expected, atol=1e-9)
    untimed = Events(nodes, None, x).table(asked, until, (10.0,))
    np.testing.assert_allclose(untimed[:, 0], [(nodes == node).sum() for node in asked])
    assert Events(nodes[:0], times[:0], x[:0]).table(asked, until, (10.0,)).shape == (40, 7)


def test_nothing_newer_than_a_question_is_in_its_columns():
    """Other edges from a moment on leave the columns of the questions before it as they are."""
    dataset = payments(300)
    until = until_of(dataset.times, dataset.splits, known_named("rolling"), False)
    rows = np.arange(300)
    moment, edges = 200, dataset.graphs.edges[PAYS]
    late = dataset.times.asked >= moment
    changed = edges._replace(
        features={"x": np.where(late[:, None], 50, edges.features["x"]).astype(np.float32)},
        senders=np.where(late, 0, edges.senders),
        receivers=np.where(late, 0, edges.receivers),
    )
    other = dataset._replace(graphs=dataset.graphs._replace(edges={PAYS: changed}))
    before, after = (history_of(of, rows, until["train"], 400.0)[0].values for of in (dataset, other))
    early = dataset.times.asked <= moment
    np.testing.assert_allclose(before[early], after[early], atol=1e-5)  # but for the rounding of running sums
    assert (before[~early] != after[~early]).any()


def test_a_model_beside_all_baselines_of_edges():
    pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")
    dataset = payments(3000)
    good = np.eye(2)[dataset.targets] * 4 + np.random.default_rng(0).normal(0, 1, (3000, 2))
    actual = compared_to(dataset, good)
    names = ["majority", "sender's last 20", "receiver's last 20", "trees", "trees with history"]
    assert list(actual.metrics) == names and not actual.left_out
    auroc = {name: of["test"]["auroc"] for name, of in actual.metrics.items()}
    assert auroc["majority"] == 0.5 and auroc["trees"] > 0.55
    assert min(auroc["sender's last 20"], auroc["trees with history"]) > 0.75
    assert actual.verdict["lead"] > 0 and actual.verdict["interval"][0] > 0
    poor = compared_to(dataset, np.random.default_rng(0).normal(0, 1, (3000, 2)))
    assert poor.verdict["lead"] < 0 and poor.verdict["interval"][1] < 0
    frozen = compared_to(dataset, good, known="frozen", baselines=("own",))
    assert frozen.metrics["sender's last 20"]["test"]["auroc"] < auroc["sender's last 20"]


def test_values_have_a_mean_a_median_and_trees():
    pytest.importorskip("xgboost", reason="xgboost isn't installed: pip install 'heddle-core[boost]'")
    dataset = payments(task_kind="edge_regression")
    actual = compared_to(dataset, np.asarray(dataset.targets) + 0.01)
    assert {"mean", "median", "trees"} <= set(actual.metrics)
    rmse = {name: of["test"]["rmse"] for name, of in actual.metrics.items()}
    train = dataset.targets[dataset.splits["train"]]
    test = dataset.targets[dataset.splits["test"]]
    assert rmse["mean"] == pytest.approx(np.sqrt(((test - train.mean()) ** 2).mean()), rel=1e-5)
    assert rmse["trees"] < rmse["mean"] and actual.verdict["lead"] > 0 and actual.verdict["metric"] == "rmse"


def test_without_times_the_last_answers_are_of_training():
    dataset = payments(timed=False)
    actual = compared_to(dataset, np.zeros((900, 2)), baselines=("own", "history"))
    assert list(actual.metrics) == ["sender's last 20", "receiver's last 20", "trees with counts"]
    assert set(actual.metrics["trees with counts"]) == {"valid", "test"}


@pytest.mark.parametrize("make", [node_dataset, graph_dataset, lambda: graph_dataset(task="labels")])
def test_a_run_tells_its_baselines_and_what_it_left_out(tmp_path, make):
    dataset = make()
    folder = train(config_for(tmp_path / "run", trainer={"epochs": 6}), Registry(dataset))
    result = json.loads((folder / "metrics.json").read_text())
    (name,) = result["baselines"]
    assert name == ("majority" if dataset.num_classes else "shares")
    assert "expected at least 200" in result["not_compared"]["trees"]
    assert result["compared"]["baseline"] == name
    assert "not compared: trees: found" in (folder / "report.html").read_text()
    if name == "majority":
        train_y, test_y = (dataset.targets[rows] for rows in splits_of(dataset, folder))
        common = np.bincount(train_y).argmax()
        assert result["baselines"][name]["test"]["accuracy"] == pytest.approx((test_y == common).mean())


def splits_of(dataset, folder):
    with np.load(folder / "predictions.npz") as arrays:
        return arrays["train.index"], arrays["test.index"]


def test_baselines_can_be_chosen_and_left_out(tmp_path):
    config = config_for(tmp_path / "run", task={"baselines": False}, trainer={"epochs": 2})
    result = json.loads((train(config, Registry(node_dataset())) / "metrics.json").read_text())
    assert not {"baselines", "compared", "not_compared"} & set(result)
    assert build(TaskOptions, {"baselines": "own"}, "task").baselines == ("own",)
    with pytest.raises(ConfigError, match=r"task\.baselines: found 'tree'.*trees"):
        build(TaskOptions, {"baselines": ["tree"]}, "task")


@pytest.mark.parametrize(
    "code, reason",
    [
        (
            "raise OSError('cannot allocate memory\\nin static TLS block')",
            "OSError: cannot allocate memory in static TLS",
        ),
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    ],
)
def test_trees_that_can_not_be_loaded_are_left_out_with_the_reason(tmp_path, monkeypatch, code, reason):
    (tmp_path / "xgboost.py").write_text(code + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "xgboost", raising=False)
    dataset = payments()
    outcome = compared_to(dataset, np.zeros((900, 2)), baselines=("constant", "trees"))
    assert (
        reason in outcome.left_out["trees"]
        and "pip install 'heddle-core[boost]'" in outcome.left_out["trees"]
    )
    assert list(outcome.metrics) == ["majority"]
