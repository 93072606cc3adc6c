"""Metrics of rankings: within each group, how high what is relevant stands; the mean over groups.

Source of NDCG: Järvelin & Kekäläinen (2002), with gains in proportion to relevance and a discount of log2(1 + place),
as scikit-learn has it; ties share the mean of their places' discounts.
"""

from collections.abc import Callable

import numpy as np


def group_ranks(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return of each group with something relevant the rank of its highest relevant entry among the others.

    Ranks are from 1; what else is relevant doesn't compete, ties share the mean of their ranks, and a score that isn't
    a number ranks last.

    Args:
        scores: [m] or [m, 1]; targets: relevance of 0 and more, mask: of the same shape.
        groups: [m] int.

    >>> scores, relevance = np.array([3.0, 2, 1, 5]), np.array([0.0, 1, 0, 0])
    >>> group_ranks(scores, relevance, np.ones(4, bool), np.array([7, 7, 7, 8])).tolist()
    [2.0]
    """
    score, relevance, group, n = _flat(scores, targets, mask, groups)
    best = np.full(n, -np.inf)
    relevant = relevance > 0
    np.maximum.at(best, group[relevant], score[relevant])
    has = np.bincount(group[relevant], minlength=n) > 0
    others = ~relevant
    above = np.bincount(group[others], score[others] > best[group[others]], n)
    equal = np.bincount(group[others], score[others] == best[group[others]], n)
    return (1 + above + equal / 2)[has]


def ndcg_at(k: int | None) -> Callable[..., np.ndarray]:
    """Return the metric (outputs [n], targets [n], mask [n], groups [n]) -> NDCG of each group with something relevant.

    Args:
        k: places that count; None for all.
    """

    def of_groups(
        outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray, groups: np.ndarray
    ) -> np.ndarray:
        score, relevance, group, n = _flat(outputs, targets, mask, groups)
        best = _gain(relevance, relevance, group, n, k)
        gained = _gain(score, relevance, group, n, k)
        share: np.ndarray = gained[best > 0] / best[best > 0]
        return share

    return of_groups


def _flat(
    scores: np.ndarray, targets: np.ndarray, mask: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return (scores, relevance, groups numbered from 0, number of groups) of known entries."""
    known = np.asarray(mask).reshape(-1)
    score = np.asarray(scores, np.float64).reshape(-1)[known]
    _, group = np.unique(np.asarray(groups)[known], return_inverse=True)
    score = np.where(np.isnan(score), -np.inf, score)
    return score, np.asarray(targets, np.float64).reshape(-1)[known], group, int(group.max(initial=-1)) + 1


def _gain(score: np.ndarray, relevance: np.ndarray, group: np.ndarray, n: int, k: int | None) -> np.ndarray:
    """Return [n] the sum over places of relevance / log2(1 + place), by falling score."""
    order = np.lexsort((-score, group))
    group, score, relevance = group[order], score[order], relevance[order]
    rank = np.arange(len(group)) - np.searchsorted(group, group, "left")
    discount = 1 / np.log2(rank + 2)
    if k is not None:
        discount = np.where(rank < k, discount, 0)
    new = np.ones(len(group), bool)
    new[1:] = (group[1:] != group[:-1]) | (score[1:] != score[:-1])
    tie = np.cumsum(new) - 1
    shared = np.bincount(tie, discount) / np.maximum(np.bincount(tie), 1) if len(tie) else discount
    return np.bincount(group, relevance * shared[tie], n)
