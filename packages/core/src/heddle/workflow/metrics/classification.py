"""Metrics of classes and labels, from logits."""

from collections.abc import Callable

import numpy as np

from heddle.workflow.metrics.regression import columns


def accuracy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of known entries that are right; NaN with none.

    Args:
        outputs: [m, c] logits of classes, or [m, t] logits of labels; a label is said where its logit is above 0.
        targets: [m] int classes, or [m, t] 0/1.
        mask: shape of `targets`.
    """
    right = (said_of(outputs, targets) == targets)[mask]
    return float(right.mean()) if right.size else float("nan")


def f1_micro(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return F1 of all entries counted together; for classes that is the accuracy. NaN with no known entry.

    Args:
        outputs: [n, classes] logits, or [n, labels].
        targets, mask: [n] classes or [n, labels], and where they are known.
    """
    hit, said, true = _counts(outputs, targets, mask)
    return (
        float(2 * hit.sum() / (said.sum() + true.sum()))
        if mask.any() and said.sum() + true.sum()
        else _empty(mask)
    )


def f1_macro(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean F1 of the classes that occur or are said (of all labels, where a target is a row of labels).

    A class that was never said and a label that never occurs count 0, as in scikit-learn. NaN with no known entry.

    Args:
        outputs: [n, classes] logits, or [n, labels].
        targets, mask: [n] classes or [n, labels], and where they are known.
    """
    hit, said, true = _counts(outputs, targets, mask)
    seen = np.ones(len(hit), bool) if targets.ndim > 1 else said + true > 0
    scores = np.divide(2 * hit, said + true, out=np.zeros(len(hit)), where=said + true > 0)
    return float(scores[seen].mean()) if mask.any() else float("nan")


def auroc(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the area under the ROC curve: one score, the mean over labels, or over classes one against the rest.

    Columns with one class only have no curve and are left out (Open Graph Benchmark's convention); NaN if none is left.

    Args:
        outputs: [n, classes] logits, or [n, labels].
        targets, mask: [n] classes or [n, labels], and where they are known.
    """
    return _mean_of_columns(_area, outputs, targets, mask)


def average_precision(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the average precision, sum of (R_n - R_(n-1)) P_n over thresholds: one score, or the mean over columns.

    Columns with one class only are left out; NaN if none is left.

    Args:
        outputs: [n, classes] logits, or [n, labels].
        targets, mask: [n] classes or [n, labels], and where they are known.
    """
    return _mean_of_columns(_precision, outputs, targets, mask)


def class_scores(outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (scores [m, t] float64, truths [m, t] bool), a column per label or class; one for two classes.

    Args:
        outputs: [m, classes] logits, or [m, labels].
        targets: [m] classes, or [m, labels].
    """
    outputs = np.asarray(outputs, np.float64)
    if targets.ndim > 1 or outputs.ndim == 1:
        return columns(outputs), columns(targets) > 0.5
    if outputs.shape[1] == 2:
        return outputs[:, 1:] - outputs[:, :1], targets[:, None] == 1
    exps = np.exp(outputs - outputs.max(axis=1, keepdims=True, initial=-np.inf))
    return exps / exps.sum(axis=1, keepdims=True), targets[:, None] == np.arange(outputs.shape[1])


def said_of(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return what outputs [n, classes or labels] say, in the shape of targets.

    That is the class of the largest logit, [n], or which labels' are above 0, [n, labels].
    """
    if targets.ndim > 1 or outputs.ndim == 1:
        return (outputs > 0).reshape(targets.shape)
    result: np.ndarray = outputs.argmax(axis=1)
    return result


def _counts(
    outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return per class or label how often it was rightly said, said, and true."""
    said = said_of(outputs, targets)
    if targets.ndim > 1 or outputs.ndim == 1:
        said, true, known = columns(said), columns(targets) > 0.5, columns(mask)
        return (said & true & known).sum(0), (said & known).sum(0), (true & known).sum(0)
    said, true, n = said[mask], targets[mask], outputs.shape[1]
    hit = np.bincount(true[said == true], minlength=n)
    return hit, np.bincount(said, minlength=n), np.bincount(true, minlength=n)


def _mean_of_columns(
    curve: Callable[[np.ndarray, np.ndarray], float],
    outputs: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray,
) -> float:
    scores, truths = class_scores(outputs, targets)
    known = np.broadcast_to(columns(mask), truths.shape)
    values = []
    for score, truth, keep in zip(scores.T, truths.T, known.T):
        score, truth = score[keep], truth[keep]
        if truth.any() and not truth.all():
            values.append(curve(score, truth))
    return float(np.mean(values)) if values else float("nan")


def _area(score: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve = P(a positive scores above a negative), ties counting one half."""
    if np.isnan(score).any():
        return float("nan")
    _, group, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    n_true = int(truth.sum())
    above = mean_rank[group][truth].sum() - n_true * (n_true + 1) / 2
    result: float = above / (n_true * (len(truth) - n_true))
    return result


def _precision(score: np.ndarray, truth: np.ndarray) -> float:
    if np.isnan(score).any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    score, truth = score[order], truth[order]
    last_of_tie = np.append(score[1:] != score[:-1], True)
    hits = np.cumsum(truth)[last_of_tie]
    said = np.flatnonzero(last_of_tie) + 1
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * hits / said))


def _empty(mask: np.ndarray) -> float:
    """F1 where nothing is said and nothing is true: 0 as in scikit-learn, NaN where nothing is known."""
    return 0.0 if mask.any() else float("nan")
