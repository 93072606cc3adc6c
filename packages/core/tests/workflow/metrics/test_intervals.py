"""Metrics of resamples are metrics of repeated rows; intervals hold what they promise; pairs share their draws."""

import json
from pathlib import Path

import numpy as np
import pytest

from heddle.workflow.console import print_metrics
from heddle.workflow.metrics import intervals as module
from heddle.workflow.metrics.by_name import METRICS, evaluate, metric
from heddle.workflow.metrics.intervals import Resamples, intervals, paired
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.run import train

from ..cases import Registry, config_for, graph_dataset, node_dataset

OF_ANSWERS = ["accuracy", "f1", "f1_micro", "f1_true", "precision", "recall"]
OF_ORDER = ["auroc", "ap", "precision@7", "recall_at_precision@0.6"]
OF_VALUES = ["mae", "rmse", "r2"]


def classes(c, n=40):
    rng = np.random.default_rng(5)
    y = rng.integers(c, size=n)
    return (np.eye(c)[y] + rng.normal(0, 1, (n, c))).round(1), y, rng.random(n) < 0.8


def labels(n=40):
    rng = np.random.default_rng(5)
    y = rng.integers(2, size=(n, 3)).astype(np.float32)
    return (y - 0.5 + rng.normal(0, 1, (n, 3))).round(1), y, rng.random((n, 3)) < 0.8


def values(n=40):
    rng = np.random.default_rng(5)
    y = rng.normal(5, 2, (n, 2))
    return y + rng.normal(0, 1, (n, 2)), y, rng.random((n, 2)) < 0.8


KINDS = {
    "two classes": (classes(2), OF_ANSWERS + OF_ORDER),
    "four classes": (classes(4), OF_ANSWERS + OF_ORDER),
    "labels": (labels(), OF_ANSWERS + OF_ORDER),
    "values": (values(), OF_VALUES),
}


@pytest.mark.parametrize("task_kind", KINDS)
def test_rows_that_count_k_times_are_rows_that_are_there_k_times(task_kind):
    rng = np.random.default_rng(5)
    (outputs, targets, mask), names = KINDS[task_kind]
    weights = rng.integers(4, size=(6, len(outputs)))
    weights[0] = 1
    weights[1] = 0
    for name in names:
        actual = metric(name).reweighted(outputs, targets, mask)(weights.astype(np.float64))
        repeated = (np.repeat(np.arange(len(outputs)), row) for row in weights)
        expected = [evaluate([name], outputs[k], targets[k], mask[k])[name] for k in repeated]
        if name in ("f1", "f1_micro", "f1_true", "precision", "recall"):
            expected[1], actual[1] = 0.0, 0.0  # of no row at all
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_every_metric_of_a_task_has_intervals():
    assert [name for name, of in METRICS.items() if of.reweighted is None] == [
        "mape",
        "masked_mae",
        "masked_rmse",
        "masked_mape",
    ]


def test_ranks():
    ranks = np.array([1, 2.5, 7, 1, 30])
    weights = np.array([[1.0, 0, 2, 0, 1]])
    assert metric("mrr").reweighted(ranks)(weights)[0] == pytest.approx((1 + 2 / 7 + 1 / 30) / 4)
    assert metric("hits@7").reweighted(ranks)(weights)[0] == pytest.approx(3 / 4)


@pytest.mark.parametrize("rows", [module.ROWS, 60])
def test_an_interval_holds_the_truth_as_often_as_it_says(monkeypatch, rows):
    """Of an accuracy of 0.7 on 120 questions; also where only a part of them is resampled."""
    monkeypatch.setattr(module, "ROWS", rows)
    inside = 0
    for seed in range(120):
        right = np.random.default_rng(seed).random(120) < 0.7
        predicted = Predictions(
            np.arange(120), np.eye(2)[right.astype(int)], np.ones(120, int), np.ones(120, bool)
        )
        metrics = {"accuracy": float(right.mean())}
        low, high = intervals(["accuracy"], predicted, metrics, 300, seed)["accuracy"]
        inside += low <= 0.7 <= high
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 120), rel=0.5)
    assert 0.86 <= inside / 120 <= 0.99


def test_a_pair_on_the_same_questions_is_narrower_than_each():
    rng = np.random.default_rng(5)
    y = rng.integers(2, size=500)
    base = rng.normal(0, 1, 500) + y
    one, other = (
        Predictions(np.arange(500), np.stack([np.zeros(500), score], 1), y, np.ones(500, bool))
        for score in (base, base + rng.normal(0, 0.2, 500))
    )
    a, b = (evaluate(["auroc"], of.outputs, of.targets, of.mask)["auroc"] for of in (one, other))
    low, high = paired("auroc", (one, None), (other, None), a - b, 300, 0)
    alone = intervals(["auroc"], one, {"auroc": a}, 300, 0)["auroc"]
    assert low <= a - b <= high and high - low < 0.5 * (alone[1] - alone[0])
    fewer = Predictions(*(part[:400] for part in other[:4]))
    assert paired("auroc", (one, None), (fewer, None), 0.0, 300, 0) is None


def test_draws_depend_on_the_seed_alone():
    one, same, other = (Resamples(50, 30, seed).spread(lambda w: w[:, 0]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any() and one.mean() == pytest.approx(1, abs=0.6)


@pytest.mark.parametrize("make", [node_dataset, graph_dataset])
def test_a_run_tells_its_intervals_and_how_it_decides(tmp_path, make, capsys):
    task = {"intervals": 200} | (
        {"threshold": "f1", "calibration": "platt"}
        if make is graph_dataset
        else {"calibration": "temperature"}
    )
    dataset = make()
    folder = train(config_for(tmp_path / "run", task=task), Registry(dataset))
    result = json.loads((folder / "metrics.json").read_text())
    low, high = result["intervals"]["test"]["accuracy"]
    assert low <= result["test"]["accuracy"] <= high and "train" not in result["intervals"]
    print_metrics(result)
    assert "test 95 %" in capsys.readouterr().out
    decision = result["decision"]
    assert (
        decision["calibration"] == task["calibration"]
        and "ece_calibrated" in decision["probabilities"]["test"]
    )
    assert ("threshold" in decision) == (make is graph_dataset)
    report = Path(folder / "report.html").read_text()
    assert "calibration, test" in report and "<small>" in report
    off = train(config_for(tmp_path / "off", task={"intervals": 0}), Registry(dataset))
    assert "intervals" not in json.loads((off / "metrics.json").read_text())
