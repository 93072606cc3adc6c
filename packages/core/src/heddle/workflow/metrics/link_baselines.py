"""Baselines of links: trivial rules that read what happened before a link is asked about, on the same candidates.

Source: EdgeBank: Poursafaei, Huang, Pelrine, Rabbany, Towards Better Evaluation for Dynamic Link Prediction (2022).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

WINDOW = 0.15
"""Share of training's span that EdgeBank's window covers."""

RECENT = 1000
"""Events among which the popularity of a node is counted."""


class History(NamedTuple):
    """Links that happened, in order of time.

    Attributes:
        links: [e, 2].
        times: [e] sorted; None where links have no time.
        counts: nodes that may be senders, and receivers.
        apart: whether senders and receivers are of two types, so that direction counts.
        window: EdgeBank's window, in the unit of times.
    """

    links: np.ndarray
    times: np.ndarray | None
    counts: tuple[int, int]
    apart: bool
    window: float = 0.0

    def before(self, moments: np.ndarray) -> np.ndarray:
        """Count the events up to each time, [m] -> [m] int64."""
        assert self.times is not None
        return np.searchsorted(self.times, moments, side="right")


def history_of(
    links: np.ndarray, times: np.ndarray, counts: tuple[int, int], apart: bool, train: np.ndarray
) -> History:
    """Return links in order of time; EdgeBank's window is a share of the span of the times of training, `train` [n]."""
    order = np.argsort(times, kind="stable")
    span = float(train.max() - train.min()) if len(train) else 0.0
    return History(links[order], times[order], counts, apart, WINDOW * span)


def link_baselines(history: History, links: np.ndarray, known: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return baseline -> [m] scores of links.

    "degree product": log(1 + d) of both ends, by all events so far. "popularity": how often the receiver took part in
    the last RECENT events. Where links have times also "edgebank": whether the pair met before; "edgebank window":
    lately; "recency": how lately, and among pairs that never met the more popular receiver.

    Args:
        links: [m, 2].
        known: [m] how many events of the history each question may read.
    """
    first, last = links[:, 0], links[:, 1]
    ends = _Ends(history)
    recent = np.maximum(known - RECENT, 0)
    popular = (ends.count(1, last, known) - ends.count(1, last, recent)).astype(np.float64)
    degrees = np.log1p(ends.count(0, first, known)) * np.log1p(ends.count(1, last, known))
    scores = {"degree product": degrees, "popularity": popular}
    if history.times is None or not len(history.links):
        return scores
    met = _Past(_pairs(history, history.links)).last(_pairs(history, links), known)
    now = history.times[np.maximum(known - 1, 0)]
    lately = (met >= 0) & (history.times[np.maximum(met, 0)] >= now - history.window)
    return {
        "edgebank": (met >= 0).astype(np.float64),
        "edgebank window": lately.astype(np.float64),
        "recency": np.maximum(met, -1) + popular / (1 + RECENT),
        **scores,
    }


class _Past:
    """Events of keys [e] in order, to ask about the first few of them."""

    def __init__(self, keys: np.ndarray):
        self._keys, key = np.unique(keys, return_inverse=True)
        self._n = len(keys) + 1
        self._order = np.argsort(key, kind="stable")
        self._positions = key[self._order] * self._n + self._order

    def count(self, keys: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Count the events of each key among the first `known`."""
        low, high, there = self._range(keys, known)
        return np.where(there, high - low, 0)

    def last(self, keys: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the position of the last event of each key among the first `known`; -1 for none."""
        low, high, there = self._range(keys, known)
        some = there & (high > low)
        return np.where(some, self._order[np.maximum(high - 1, 0)] if len(self._order) else -1, -1)

    def _range(self, keys: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not len(self._keys):
            nothing = np.zeros(len(keys), np.int64)
            return nothing, nothing, nothing.astype(bool)
        key = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        low = np.searchsorted(self._positions, key * self._n)
        high = np.searchsorted(self._positions, key * self._n + known)
        return low, high, self._keys[key] == keys


class _Ends:
    """In how many events a node took part: of two types each by its own end, of one type by either."""

    def __init__(self, history: History):
        self._apart = history.apart
        self._ends = [_Past(history.links[:, end]) for end in (0, 1)]

    def count(self, end: int, nodes: np.ndarray, known: np.ndarray) -> np.ndarray:
        ends = (end,) if self._apart else (0, 1)
        result: np.ndarray = np.sum([self._ends[each].count(nodes, known) for each in ends], axis=0)
        return result


def _pairs(history: History, links: np.ndarray) -> np.ndarray:
    low, high = links[:, 0], links[:, 1]
    if not history.apart:
        low, high = np.minimum(low, high), np.maximum(low, high)
    result: np.ndarray = low * history.counts[1] + high
    return result
