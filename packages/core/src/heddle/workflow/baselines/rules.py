"""Rules of one line: the training split's majority or mean, and the mean of the last answers about the same entity."""

from typing import NamedTuple

import numpy as np

from heddle.workflow.metrics.regression import columns

LAST = 20
"""Answers about an entity that count."""

_LEAST = 1e-6


class Answers(NamedTuple):
    """Targets as numbers, a column for each class, label or value.

    Attributes:
        values: [n, t] float64: one-hot classes, labels 0 and 1, or values; 0 where unknown.
        known: [n, t] bool.
        answer_kind: "classes", "labels" or "values".
    """

    values: np.ndarray
    known: np.ndarray
    answer_kind: str

    def outputs(self, means: np.ndarray) -> np.ndarray:
        """Return means of `values` [m, t] as a model's outputs: logs of shares, logits, or values."""
        if self.answer_kind == "classes":
            result: np.ndarray = np.log(np.maximum(means, _LEAST))
            return result
        if self.answer_kind == "labels":
            share = np.clip(means, _LEAST, 1 - _LEAST)
            result = np.log(share / (1 - share))
            return result
        return means


def answers_of(targets: np.ndarray, mask: np.ndarray, answer_kind: str, n_classes: int) -> Answers:
    """Return targets [n] or [n, k], and where they are known (a mask of their shape), as Answers."""
    if answer_kind == "classes":
        values = (targets[:, None] == np.arange(n_classes)) & mask[:, None]
        return Answers(values.astype(np.float64), np.broadcast_to(mask[:, None], values.shape), answer_kind)
    known = columns(mask)
    return Answers(np.where(known, columns(targets), 0).astype(np.float64), known, answer_kind)


def usual(answers: Answers, train: np.ndarray) -> np.ndarray:
    """Return [t] the mean of the known training answers; 0 of a column without any."""
    values, known = answers.values[train], answers.known[train]
    result: np.ndarray = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return result


def middle(answers: Answers, train: np.ndarray) -> np.ndarray:
    """Return [t] the median of the known training answers, which has the least absolute error."""
    values = np.where(answers.known[train], answers.values[train], np.nan)
    return np.array(
        [np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0 for column in values.T]
    )


class Past:
    """Answers about entities in order of time, to ask for the last few before a moment.

    Args:
        entities: [n] int: about whom each row is.
        times: [n] int64 when each row's answer is known.
        answers: of the same rows.
    """

    def __init__(self, entities: np.ndarray, times: np.ndarray, answers: Answers):
        self._moments, rank = np.unique(times, return_inverse=True)
        self._span = len(self._moments) + 1
        order = np.lexsort((rank, entities))
        self._keys = entities[order].astype(np.int64) * self._span + rank[order]
        self._sums, self._counts = (
            np.concatenate([np.zeros((1, part.shape[1])), np.cumsum(part[order], axis=0)])
            for part in (answers.values, answers.known.astype(np.float64))
        )

    def last(
        self, entities: np.ndarray, until: np.ndarray, most: int = LAST
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (sums, counts) [m, t] of the last answers about entities [m] that are known by the times [m]."""
        first = entities.astype(np.int64) * self._span
        high = np.searchsorted(self._keys, first + np.searchsorted(self._moments, until, side="right"))
        low = np.maximum(np.searchsorted(self._keys, first), high - most)
        return self._sums[high] - self._sums[low], self._counts[high] - self._counts[low]


def own_last(
    past: Past, entities: np.ndarray, until: np.ndarray, answers: Answers, prior: np.ndarray
) -> np.ndarray:
    """Return outputs [m, t]: the mean of an entity's last answers, with the prior as one answer more."""
    sums, counts = past.last(entities, until)
    return answers.outputs((sums + prior) / (counts + 1))
