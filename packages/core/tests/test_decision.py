"""Decisions: calibration against scikit-learn and scipy, thresholds against every possible one, and what is said."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn import metrics as sk
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.workflow.metrics.calibration import METHODS, errors, fitted
from heddle.workflow.metrics.deciding import Deciding, decide, deciding
from heddle.workflow.metrics.decision import Decision, decision_of, sigmoid, softmax
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.metrics.thresholds import RULES, Rule, chosen, rule

N = 400
TRUTH = np.random.default_rng(3).integers(2, size=N)
MARGIN = (3 * (TRUTH - 0.5) + np.random.default_rng(3).normal(0, 2, N)).round(
    1
) * 4  # far too sure, with ties
TWO = np.stack([np.zeros(N), MARGIN], axis=1)
KNOWN = np.ones(N, bool)


def two(method):
    return fitted("classes", method, TWO, TRUTH, KNOWN)


def test_isotonic_is_scikit_learns():
    expected = IsotonicRegression(out_of_bounds="clip").fit(MARGIN, TRUTH)
    at = np.linspace(-40, 40, 301)
    actual = two("isotonic").probabilities(np.stack([np.zeros(301), at], axis=1))[:, 1]
    np.testing.assert_allclose(actual, expected.predict(at), atol=1e-12)


def test_platt_is_scikit_learns():
    expected = _SigmoidCalibration().fit(MARGIN, TRUTH)
    np.testing.assert_allclose(two("platt").probabilities(TWO)[:, 1], expected.predict(MARGIN), atol=1e-4)


@pytest.mark.parametrize("classes", [2, 4])
def test_temperature_has_the_least_loss(classes):
    rng = np.random.default_rng(3)
    y = rng.integers(classes, size=N)
    logits = 5 * (np.eye(classes)[y] + rng.normal(0, 1, (N, classes)))

    def loss(log_temperature):
        return -np.log(softmax(logits / np.exp(log_temperature))[np.arange(N), y]).mean()

    best = minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10}).x
    ((temperature,),) = fitted("classes", "temperature", logits, y, KNOWN).parameters
    assert np.log(temperature) == pytest.approx(best, abs=1e-5)
    labels = fitted("labels", "temperature", MARGIN[:, None], TRUTH[:, None].astype(float), KNOWN[:, None])
    assert labels.parameters[0][0] == pytest.approx(two("temperature").parameters[0][0], rel=1e-6)


@pytest.mark.parametrize("method", METHODS[1:])
def test_calibration_brings_probabilities_nearer_to_what_comes_true(method):
    before, after = (errors(of, TWO, TRUTH, KNOWN) for of in (Decision("classes"), two(method)))
    assert after["ece"] < 0.5 * before["ece"] and after["brier"] < before["brier"]
    assert before["brier"] == pytest.approx(sk.brier_score_loss(TRUTH, sigmoid(MARGIN)))
    again = decision_of(json.loads(json.dumps(two(method).as_json())))
    np.testing.assert_array_equal(again.probabilities(TWO), two(method).probabilities(TWO))


def test_errors_in_plain_loops():
    rng = np.random.default_rng(3)
    logits, y = rng.normal(0, 2, (200, 3)), rng.integers(3, size=200)
    share = softmax(logits)
    gap = 0.0
    for low in range(15):
        inside = [k for k in range(200) if min(int(share[k].max() * 15), 14) == low]
        if inside:
            right = np.mean([share[k].argmax() == y[k] for k in inside])
            gap += len(inside) / 200 * abs(right - np.mean([share[k].max() for k in inside]))
    actual = errors(Decision("classes"), logits, y, np.ones(200, bool))
    assert actual["ece"] == pytest.approx(gap)
    assert actual["brier"] == pytest.approx(
        np.mean([((share[k] - np.eye(3)[y[k]]) ** 2).sum() for k in range(200)])
    )


@pytest.mark.parametrize("text", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_a_chosen_threshold_is_as_good_as_any(text, seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(60) < 0.3
    chance = np.clip(0.3 * truth + rng.random(60) * 0.7, 0, 1).round(1 + seed % 2)
    threshold, message = chosen(rule(text), chance, truth)
    every = [-0.01, *((np.unique(chance)[1:] + np.unique(chance)[:-1]) / 2), 1.01]

    def of(at):
        said = chance > at
        recall, precision = sk.recall_score(truth, said), sk.precision_score(truth, said, zero_division=0)
        missed, alarms = (truth & ~said).sum(), (said & ~truth).sum()
        return {
            "f1": sk.f1_score(truth, said, zero_division=0),
            "youden": recall - alarms / (~truth).sum(),
            "recall_at:0.9": (recall >= 0.9, at),
            "precision_at:0.9": (precision >= 0.9, recall) if not message else precision,
            "cost:10": -(alarms + 10 * missed),
        }[text]

    best = max(of(at) for at in every)
    assert of(threshold) == (pytest.approx(best) if text != "recall_at:0.9" else (True, threshold))
    if text == "recall_at:0.9":  # no higher one has the recall
        assert not any(of(at)[0] for at in every if (chance > at).sum() < (chance > threshold).sum())


def test_a_precision_that_is_never_reached_is_reported():
    threshold, message = chosen(
        Rule("precision_at", 0.9), np.array([0.9, 0.8, 0.1]), np.array([False, True, False])
    )
    assert message == "found a precision of at most 0.5 in validation, expected 0.9; it has that"
    assert 0.1 < threshold < 0.8
    assert chosen(Rule("f1"), np.array([0.2, 0.4]), np.array([True, True]))[0] == 0.5


@pytest.mark.parametrize(
    "text", ["half", 0, 1, 1.5, "recall_at", "recall_at:0", "recall_at:1.1", "cost:-1", "f1:2"]
)
def test_what_is_no_threshold(text):
    with pytest.raises(ConfigError, match=r"task\.threshold: found"):
        rule(text)


@pytest.mark.parametrize(
    "task,classes,options,message",
    [
        (Task("node_classification", "cross_entropy", ()), 3, {"threshold": "f1"}, "found 3 classes"),
        (Task("node_classification", "cross_entropy", ()), 3, {"calibration": "platt"}, "temperature"),
        (Task("graph_regression", "mse", ()), 0, {"threshold": 0.3}, "expected one of classes or labels"),
        (Task("link_prediction", "binary_cross_entropy", ()), 0, {"calibration": "platt"}, "leave it out"),
    ],
)
def test_a_task_that_can_have_none(task, classes, options, message):
    with pytest.raises(ConfigError, match=message):
        deciding(task, TaskOptions(**options), classes)


def test_labels_have_a_threshold_each_and_unknown_ones_do_not_count():
    targets = np.stack([TRUTH, 1 - TRUTH], axis=1).astype(np.float32)
    mask = np.stack([KNOWN, np.arange(N) < 50], axis=1)
    logits = np.stack([MARGIN, -MARGIN], axis=1)
    how = Deciding("labels", Rule("f1"), "platt")
    actual = decide(how, Predictions(np.arange(N), logits, targets, mask)).decision
    alone = decide(
        how, Predictions(np.arange(50), -MARGIN[:50, None], targets[:50, 1:], mask[:50, 1:])
    ).decision
    assert actual.threshold[1] == alone.threshold[0] and len(actual.threshold) == 2
    said = actual.decided(logits) > 0
    np.testing.assert_array_equal(said, actual.probabilities(logits) > np.array(actual.threshold))
    assert (actual.answers(logits) == said).all()


def test_nothing_to_fit_to():
    none = Predictions(np.zeros(0), np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, bool))
    actual = decide(Deciding("classes", Rule("f1"), "platt"), none)
    assert actual.decision.is_plain and "no known target in the validation split" in actual.notes[0]
    for method in METHODS:
        one_class = fitted("classes", method, TWO[:5], np.ones(5, int), KNOWN[:5])
        assert np.isfinite(one_class.probabilities(TWO)).all()
    empty = Decision("classes")
    assert empty.probabilities(np.zeros((0, 3))).shape == (0, 3) and empty.answers(
        np.zeros((0, 2))
    ).shape == (0,)


def test_a_plain_decision_changes_nothing():
    rng = np.random.default_rng(3)
    outputs = rng.normal(size=(9, 3))
    assert Decision("classes").decided(outputs) is outputs
    np.testing.assert_array_equal(Decision("classes").answers(outputs), outputs.argmax(1))


def test_one_row_has_the_bits_that_it_has_among_many():
    x = np.concatenate([np.random.default_rng(1).normal(0, 9, 999), [0.0, -0.0, 800, -800, np.inf, -np.inf]])
    x = np.append(x, np.nan)
    assert b"".join(sigmoid(x[i : i + 1]).tobytes() for i in range(len(x))) == sigmoid(x).tobytes()
    decision = Decision("classes", method="platt", parameters=[[1.3, 0.2]])
    outputs = np.random.default_rng(2).normal(0, 4, (50, 2)).astype(np.float32)
    alone = [decision.probabilities(outputs[i : i + 1]).tobytes() for i in range(50)]
    assert b"".join(alone) == decision.probabilities(outputs).tobytes()
