"""Metrics against scikit-learn, and on the cases that have no value."""

import math
import warnings

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sk

from heddle.errors import ConfigError
from heddle.workflow.metrics.by_name import evaluate, higher_is_better
from heddle.workflow.metrics.classification import class_scores


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def known(targets):
    return np.ones(targets.shape, bool)


@pytest.mark.parametrize("m,c", [(50, 2), (200, 5), (3, 4), (1, 2)])
def test_classes_equal_scikit_learn(m, c, rng):
    logits, y = rng.normal(size=(m, c)).round(1), rng.integers(c, size=m)
    said = logits.argmax(1)
    got = evaluate(("accuracy", "f1", "f1_macro", "f1_micro"), logits, y, known(y))
    assert got["accuracy"] == pytest.approx(sk.accuracy_score(y, said))
    assert (
        got["f1_macro"] == got["f1"] == pytest.approx(sk.f1_score(y, said, average="macro", zero_division=0))
    )
    assert got["f1_micro"] == pytest.approx(sk.f1_score(y, said, average="micro", zero_division=0))


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_two_classes_equal_scikit_learn_with_ties(decimals, rng):
    score, y = rng.normal(size=80).round(decimals), rng.integers(2, size=80)
    logits = np.stack([np.zeros(80), score], axis=1)
    got = evaluate(("auroc", "ap"), logits, y, known(y))
    assert got["auroc"] == pytest.approx(sk.roc_auc_score(y, score))
    assert got["ap"] == pytest.approx(sk.average_precision_score(y, score))
    links = evaluate(("auroc", "ap", "accuracy"), score, y.astype(np.float32), known(y))
    assert (links["auroc"], links["ap"]) == (got["auroc"], got["ap"])
    assert links["accuracy"] == pytest.approx(np.mean((score > 0) == y))


@pytest.mark.parametrize("seed", range(5))
def test_many_classes_are_one_against_the_rest(seed):
    """Rows come twice, so that their shares tie to the bit; the libraries get the same shares.

    Logits that differ by a constant give shares that are equal but for rounding: whether those tie depends on how a
    softmax is written, and another one's areas differ in the fourth digit.
    """
    rng = np.random.default_rng(seed)
    logits = np.repeat(rng.normal(size=(45, 4)).round(1), 2, axis=0)
    y = rng.permutation(np.arange(90) % 4)
    share = class_scores(logits, y)[0]
    np.testing.assert_allclose(share, softmax(logits, axis=1), rtol=1e-14)
    got = evaluate(("auroc", "ap"), logits, y, known(y))
    assert got["auroc"] == pytest.approx(sk.roc_auc_score(y, share, multi_class="ovr"), rel=1e-12)
    assert got["ap"] == pytest.approx(sk.average_precision_score(np.eye(4)[y], share), rel=1e-12)
    torch, library = (
        pytest.importorskip("torch"),
        pytest.importorskip("torchmetrics.functional.classification"),
    )
    given = torch.from_numpy(share), torch.from_numpy(y), 4
    assert got["auroc"] == pytest.approx(library.multiclass_auroc(*given).item(), rel=1e-6)
    assert got["ap"] == pytest.approx(library.multiclass_average_precision(*given).item(), rel=1e-6)


def test_labels_with_gaps_and_one_sided_labels_are_averaged_as_ogb_does(rng):
    logits, y = rng.normal(size=(60, 5)).round(1), rng.integers(2, size=(60, 5)).astype(np.float32)
    y[:, 3] = 1
    mask = rng.random((60, 5)) < 0.7
    columns = [k for k in range(5) if k != 3]
    rows = [mask[:, k] for k in columns]
    got = evaluate(("auroc", "ap", "f1_macro", "f1_micro", "accuracy"), logits, y, mask)
    assert got["auroc"] == pytest.approx(
        np.mean([sk.roc_auc_score(y[r, k], logits[r, k]) for k, r in zip(columns, rows)])
    )
    assert got["ap"] == pytest.approx(
        np.mean([sk.average_precision_score(y[r, k], logits[r, k]) for k, r in zip(columns, rows)])
    )
    assert got["accuracy"] == pytest.approx(((logits > 0) == y)[mask].mean())
    assert got["f1_macro"] == pytest.approx(
        np.mean([sk.f1_score(y[mask[:, k], k], logits[mask[:, k], k] > 0) for k in range(5)])
    )
    assert got["f1_micro"] == pytest.approx(sk.f1_score(y[mask], logits[mask] > 0))


def test_labels_never_said_count_zero_as_in_scikit_learn():
    logits, y = np.full((4, 2), -1.0), np.array([[1, 0], [0, 0], [1, 0], [0, 0]], np.float32)
    got = evaluate(("f1_macro", "f1_micro"), logits, y, known(y))
    said = logits > 0
    assert got["f1_macro"] == sk.f1_score(y, said, average="macro", zero_division=0) == 0
    assert got["f1_micro"] == sk.f1_score(y, said, average="micro", zero_division=0) == 0


@pytest.mark.parametrize("columns", [(), (3,)])
def test_values_equal_scikit_learn(columns, rng):
    y, t = rng.normal(size=(40, *columns)), rng.normal(size=(40, *columns)) + 3
    got = evaluate(("mae", "rmse", "mape"), y, t, known(t))
    assert got["mae"] == pytest.approx(sk.mean_absolute_error(t, y))
    assert got["rmse"] == pytest.approx(sk.root_mean_squared_error(t, y))
    assert got["mape"] == pytest.approx(sk.mean_absolute_percentage_error(t, y))


def test_values_skip_unknown_entries_and_mape_skips_zeros():
    t = np.array([[1.0, 0.0], [2.0, 4.0], [0.0, 0.0]])
    mask = np.array([[True, True], [True, True], [False, True]])
    y = t + np.array([[0.5, 1.0], [0.5, 1.0], [9.0, 1.0]])
    got = evaluate(("mae", "rmse", "mape"), y, t, mask)
    assert got == {"mae": 0.75, "rmse": 0.75, "mape": pytest.approx((np.mean([0.5, 0.25]) + 0.25) / 2)}


def test_ranks():
    ranks = np.array([1.0, 2.5, 10.0, 11.0])
    got = evaluate(("mrr", "hits@1", "hits@3", "hits@10"), np.zeros(0), np.zeros(0), np.zeros(0, bool), ranks)
    assert got["mrr"] == pytest.approx(np.mean([1, 0.4, 0.1, 1 / 11]))
    assert (got["hits@1"], got["hits@3"], got["hits@10"]) == (0.25, 0.5, 0.75)


EVERY = ("accuracy", "f1_macro", "f1_micro", "auroc", "ap", "mae", "rmse", "mape")


@pytest.mark.parametrize("shape,dtype", [((0,), np.int64), ((0, 3), np.float32)])
def test_an_empty_split_has_no_figures(shape, dtype):
    names = EVERY if dtype == np.float32 else EVERY[:5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = evaluate(names, np.zeros((0, 3), np.float32), np.zeros(shape, dtype), np.zeros(shape, bool))
        ranks = evaluate(("mrr", "hits@5"), np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros(0))
    assert all(math.isnan(value) for value in (got | ranks).values())


def test_nothing_known_has_no_figures(rng):
    y = np.zeros(4, np.int64)
    got = evaluate(EVERY[:5], rng.normal(size=(4, 2)), y, np.zeros(4, bool))
    assert all(math.isnan(value) for value in got.values())


def test_one_class_only_has_no_curve_and_is_no_error(rng):
    y = np.ones(5, np.int64)
    got = evaluate(("auroc", "ap", "accuracy"), rng.normal(size=(5, 2)), y, known(y))
    assert math.isnan(got["auroc"]) and math.isnan(got["ap"]) and 0 <= got["accuracy"] <= 1


def test_a_score_that_is_not_a_number_gives_none():
    y = np.array([0, 1, 1])
    assert math.isnan(evaluate(("auroc",), np.array([0.1, np.nan, 2.0]), y, known(y))["auroc"])


def test_directions_and_names():
    assert [higher_is_better(n) for n in ("accuracy", "hits@7", "mrr", "mae", "loss")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(ConfigError, match=r"found 'acuracy'.*did you mean 'accuracy'"):
        higher_is_better("acuracy")
    with pytest.raises(ConfigError, match="hits@0"):
        higher_is_better("hits@0")
    with pytest.raises(ConfigError, match="only links and rankings have some"):
        evaluate(("mrr",), np.zeros(1), np.zeros(1), np.ones(1, bool))


@pytest.mark.parametrize("c", [2, 4])
def test_precision_and_recall_equal_scikit_learn(c, rng):
    logits, y = rng.normal(size=(60, c)).round(1), rng.integers(c, size=60)
    said, average = logits.argmax(1), "binary" if c == 2 else "macro"
    got = evaluate(("precision", "recall", "f1_true"), logits, y, known(y))
    for name, of in (
        ("precision", sk.precision_score),
        ("recall", sk.recall_score),
        ("f1_true", sk.f1_score),
    ):
        assert got[name] == pytest.approx(of(y, said, average=average, zero_division=0)), name
    labels = rng.integers(2, size=(60, c)).astype(np.float32)
    got = evaluate(("precision", "recall", "f1_true"), logits, labels, known(labels))
    assert got["recall"] == pytest.approx(sk.recall_score(labels, logits > 0, average="macro"))
    assert got["precision"] == pytest.approx(sk.precision_score(labels, logits > 0, average="macro"))


def test_r2_equals_scikit_learn(rng):
    y, t = rng.normal(size=(2, 50, 3)) + 1e4
    assert evaluate(("r2",), y, t, known(t))["r2"] == pytest.approx(sk.r2_score(t, y))
    assert math.isnan(evaluate(("r2",), y[:1], t[:1], known(t[:1]))["r2"])
    assert higher_is_better("r2") and not higher_is_better("rmse")


@pytest.mark.parametrize("decimals", [0, 6])
def test_the_ends_of_a_ranking(decimals, rng):
    """The share of true ones among the first k; the largest recall of a threshold that is precise enough."""
    score, y = rng.normal(size=80).round(decimals), rng.integers(2, size=80)
    got = evaluate(
        ("precision@10", "precision@500", "recall_at_precision@0.5"), score, y.astype(np.float32), known(y)
    )
    shuffled = [
        y[order][np.argsort(-score[order], kind="stable")][:10].mean()
        for order in (rng.permutation(80) for _ in range(2000))
    ]
    assert got["precision@10"] == pytest.approx(np.mean(shuffled), abs=0.02 if decimals == 0 else 1e-12)
    assert got["precision@500"] == pytest.approx(y.mean())
    precision, recall, _ = sk.precision_recall_curve(y, score)
    assert got["recall_at_precision@0.5"] == pytest.approx(recall[precision >= 0.5].max())


@pytest.mark.parametrize("name", ["precision@0", "recall_at_precision@1.5", "recall_at_precision"])
def test_ends_that_are_none(name):
    with pytest.raises(ConfigError, match="found '"):
        evaluate((name,), np.zeros(1), np.zeros(1), np.ones(1, bool))
