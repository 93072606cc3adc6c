"""reweighted: metrics of many resamples in one call, each of which counts every row some number of times.

A function here takes what a metric takes and returns one from weights [b, m] of rows to [b] metrics; rows that count
k times are rows that are there k times. What can be sorted, compared or encoded is done once, for all resamples.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from heddle.workflow.metrics.classification import class_scores, said_of
from heddle.workflow.metrics.regression import columns

Weighing = Callable[[np.ndarray], np.ndarray]
"""[b, m] float64 -> [b] float64, NaN where a resample has no value."""


def mean_of(values: np.ndarray, count: np.ndarray | None = None) -> Weighing:
    """Return the weighted mean of sums [m] over rows that have `count` [m] entries each; None for one each."""
    each = np.ones(len(values)) if count is None else count.astype(np.float64)
    return lambda weights: _over(weights @ values, weights @ each)


def accuracy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Weighing:
    """Return the share of known entries that are right, as a Weighing of [b, m] weights of rows.

    Args:
        outputs: [m, classes] logits, or [m, labels].
        targets, mask: [m] classes or [m, labels], and where they are known.
    """
    right = columns((said_of(outputs, targets) == targets) & mask)
    return mean_of(right.sum(axis=1).astype(np.float64), columns(mask).sum(axis=1))


def counted(of: Callable[..., np.ndarray]) -> Callable[..., Weighing]:
    """Return a metric of how often classes or labels were rightly said, said, and true.

    Args:
        of: (hits, said, true), each [b, c], whether targets are labels -> [b] or [b, c], whose mean without NaN counts.
    """

    def metric(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Weighing:
        labels = targets.ndim > 1 or outputs.ndim == 1
        said, known = said_of(outputs, targets), columns(mask)
        if labels:
            said, true = columns(said) & known, (columns(targets) > 0.5) & known
        else:
            classes = np.arange(outputs.shape[1])
            said, true = (said[:, None] == classes) & known, (targets[:, None] == classes) & known
        parts = [part.astype(np.float64) for part in (said & true, said, true)]
        any_known = mask.any()

        def weigh(weights: np.ndarray) -> np.ndarray:
            values = of(*(weights @ part for part in parts), labels)
            mean = values if values.ndim == 1 else _nanmean(values)
            return mean if any_known else np.full(len(mean), np.nan)

        return weigh

    return metric


def f1_each(hit: np.ndarray, said: np.ndarray, true: np.ndarray, labels: bool) -> np.ndarray:
    """Return F1 [b, c] of each class that occurs or is said, NaN for others; of every label.

    Args:
        hit, said, true: [b, c], how often each class or label was rightly said, said, and true in each of b resamples.
        labels: whether the columns are labels.
    """
    f1 = np.divide(2 * hit, said + true, out=np.zeros(hit.shape), where=said + true > 0)
    return f1 if labels else np.where(said + true > 0, f1, np.nan)


def f1_all(hit: np.ndarray, said: np.ndarray, true: np.ndarray, labels: bool) -> np.ndarray:
    """Return F1 [b] of all entries counted together, 0 where nothing is said or true.

    Args:
        hit, said, true: [b, c], how often each class or label was rightly said, said, and true in each of b resamples.
        labels: whether the columns are labels; all the same here.
    """
    total = (said + true).sum(axis=1)
    result: np.ndarray = np.divide(2 * hit.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
    return result


def f1_true(hit: np.ndarray, said: np.ndarray, true: np.ndarray, labels: bool) -> np.ndarray:
    """Return F1 of the second of two classes, [b, 1]; of each label, or of each class that occurs or is said, [b, c].

    Args:
        hit, said, true: [b, c], how often each class or label was rightly said, said, and true in each of b resamples.
        labels: whether the columns are labels.
    """
    return f1_each(*_true_ones(hit, said, true, labels), labels or hit.shape[1] == 2)


def precision_true(hit: np.ndarray, said: np.ndarray, true: np.ndarray, labels: bool) -> np.ndarray:
    """Return the share of what was said that is true, [b, 1] or [b, c], as `f1_true` picks classes.

    It is 0 where nothing was said.

    Args:
        hit, said, true: [b, c], how often each class or label was rightly said, said, and true in each of b resamples.
        labels: whether the columns are labels.
    """
    seen = said + true > 0
    hit, said, seen = _true_ones(hit, said, seen, labels)
    share = np.divide(hit, said, out=np.zeros(hit.shape), where=said > 0)
    return share if labels or share.shape[1] == 1 else np.where(seen, share, np.nan)


def recall_true(hit: np.ndarray, said: np.ndarray, true: np.ndarray, labels: bool) -> np.ndarray:
    """Return the share of what is true that was said, [b, 1] or [b, c], as `f1_true` picks classes.

    It is 0 where nothing is true.

    Args:
        hit, said, true: [b, c], how often each class or label was rightly said, said, and true in each of b resamples.
        labels: whether the columns are labels.
    """
    seen = said + true > 0
    hit, true, seen = _true_ones(hit, true, seen, labels)
    share = np.divide(hit, true, out=np.zeros(hit.shape), where=true > 0)
    return share if labels or share.shape[1] == 1 else np.where(seen, share, np.nan)


def ranked(of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., Weighing]:
    """Return a metric of the order of scores: the mean over columns that have true and false entries.

    Args:
        of: (true [b, g], all [b, g]) -> [b], where entries of one score are a group, from the highest score on.
    """

    def metric(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Weighing:
        scores, truths = class_scores(outputs, targets)
        known = np.broadcast_to(columns(mask), truths.shape)
        ordered = [_order(score, truth, keep) for score, truth, keep in zip(scores.T, truths.T, known.T)]
        broken = bool(np.isnan(scores[known]).any())

        def weigh(weights: np.ndarray) -> np.ndarray:
            if broken:
                return np.full(len(weights), np.nan)
            values = [of(*groups(weights)) for groups in ordered if groups is not None]
            return _nanmean(np.stack(values, axis=1)) if values else np.full(len(weights), np.nan)

        return weigh

    return metric


def area(true: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve, [b]; ties count one half, NaN where nothing is true or nothing is false.

    Args:
        true, every: [b, g], true entries and all of each score, from the highest score on, in each of b resamples.
    """
    false = every - true
    total = false.sum(axis=1, keepdims=True)
    below = total - np.cumsum(false, axis=1) + false / 2
    return _over((true * below).sum(axis=1), true.sum(axis=1) * total[:, 0])


def average_precision(true: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Return the sum over thresholds of (R_n - R_(n-1)) P_n, [b]; NaN where nothing is true or nothing is false.

    Args:
        true, every: [b, g], true entries and all of each score, from the highest score on, in each of b resamples.
    """
    precision = _over(np.cumsum(true, axis=1), np.cumsum(every, axis=1), 0.0)
    return _if_both(true, every, _over((true * precision).sum(axis=1), true.sum(axis=1)))


def precision_at(k: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return (true, every), [b, g] each, -> the share [b] of true ones among the k highest scores.

    Of ties at the end the expected share counts. `true` and `every` are the true entries and all of each score, from
    the highest score on, in each of b resamples.
    """

    def of(true: np.ndarray, every: np.ndarray) -> np.ndarray:
        seen = np.cumsum(every, axis=1)
        taken = np.clip(k - (seen - every), 0, every)
        return _over((true * _over(taken, every, 0.0)).sum(axis=1), np.minimum(seen[:, -1], k))

    return of


def recall_at_precision(least: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return (true, every), [b, g] each, -> the largest recall [b] of a threshold whose precision is at least `least`.

    It is 0 where no threshold has it. `true` and `every` are the true entries and all of each score, from the highest
    score on, in each of b resamples.
    """

    def of(true: np.ndarray, every: np.ndarray) -> np.ndarray:
        hits, said = np.cumsum(true, axis=1), np.cumsum(every, axis=1)
        fine = (_over(hits, said, 0.0) >= least - 1e-12) & (said > 0)
        return _over(np.where(fine, hits, 0).max(axis=1), true.sum(axis=1))

    return of


def errors(
    of: Callable[[np.ndarray], np.ndarray], end: Callable[[np.ndarray], np.ndarray] = lambda mean: mean
) -> Callable[..., Weighing]:
    """Return a metric of real values: the mean over columns of `end` of the mean of `of` the differences.

    Args:
        of: differences of any shape -> errors of that shape.
        end: mean errors [b, columns] -> the same shape, such as their root.

    Returns: (outputs, targets, mask), [m, columns] each, -> a Weighing.
    """

    def metric(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Weighing:
        y, t, known = (columns(np.asarray(part, np.float64)) for part in (outputs, targets, mask))
        values = np.where(known > 0, of(y - np.where(known > 0, t, 0)), 0)
        return lambda weights: _nanmean(end(_over(weights @ values, weights @ known)))

    return metric


def r2(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Weighing:
    """Return the mean over columns of 1 - squared errors / squared distances from the mean, as a Weighing.

    Args:
        outputs, targets, mask: [n, columns]; only where the mask is true do entries count.
    """
    y, t, known = (columns(np.asarray(part, np.float64)) for part in (outputs, targets, mask))
    t = np.where(known > 0, t, 0)
    middle = np.sum(t * known, axis=0) / np.maximum(known.sum(axis=0), 1)  # so that squares lose no digits
    t, errors_ = (t - middle) * known, np.where(known > 0, (y - t) ** 2, 0)

    def weigh(weights: np.ndarray) -> np.ndarray:
        count, first, second = weights @ known, weights @ t, weights @ t**2
        spread = second - _over(first**2, count, 0.0)
        spread = np.where((count >= 2) & (spread > 1e-12 * second), spread, np.nan)
        return _nanmean(1 - (weights @ errors_) / spread)

    return weigh


def _true_ones(a: np.ndarray, b: np.ndarray, c: np.ndarray, labels: bool) -> tuple[Any, Any, Any]:
    """Return the columns of the second of two classes; all columns of labels or of more classes."""
    return (a, b, c) if labels or a.shape[1] != 2 else (a[:, 1:], b[:, 1:], c[:, 1:])


def _order(score: np.ndarray, truth: np.ndarray, keep: np.ndarray) -> Any:
    """Return weights [b, m] -> (true, all) [b, groups] from the highest score on; None without both kinds of truths."""
    rows = np.flatnonzero(keep)
    truth = truth[rows]
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-score[rows], kind="stable")
    rows, truth, score = rows[order], truth[order], score[rows][order]
    starts = np.flatnonzero(np.append(True, score[1:] != score[:-1]))

    def groups(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ordered = weights[:, rows]
        every = ordered if len(starts) == len(rows) else np.add.reduceat(ordered, starts, axis=1)
        true = ordered * truth
        return (true if every is ordered else np.add.reduceat(true, starts, axis=1)), every

    return groups


def _if_both(true: np.ndarray, every: np.ndarray, value: np.ndarray) -> np.ndarray:
    n_true = true.sum(axis=1)
    return np.where((n_true > 0) & (n_true < every.sum(axis=1)), value, np.nan)


def _over(value: np.ndarray, by: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    result: np.ndarray = np.divide(value, by, out=np.full(np.shape(value), otherwise), where=by > 0)
    return result


def _nanmean(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row without its NaNs; NaN for a row of nothing else."""
    fine = ~np.isnan(values)
    return _over(np.where(fine, values, 0).sum(axis=1), fine.sum(axis=1).astype(np.float64))
