"""Links that are asked about, with the time up to which each may look."""

from typing import NamedTuple

import numpy as np

from heddle.workflow.loaders.questions.end_seeds import distinct_pairs


class AskedLinks(NamedTuple):
    """Links [n, c] and the times [n] up to which each may look, or None."""

    links: np.ndarray
    times: np.ndarray | None

    def at(self, positions: np.ndarray) -> "AskedLinks":
        """Return those at some positions [n] int."""
        return AskedLinks(self.links[positions], None if self.times is None else self.times[positions])

    def and_(self, others: "AskedLinks") -> "AskedLinks":
        """Return both, one after the other."""
        times = None
        if self.times is not None and others.times is not None:
            times = np.concatenate([self.times, others.times])
        return AskedLinks(np.concatenate([self.links, others.links]), times)


def fitting(every: AskedLinks, at: int, size: int) -> int:
    """Count the links from `at` on that together have no more distinct ends than `size` links may have."""
    width = size
    while True:
        some = every.at(np.arange(at, min(at + width, len(every.links))))
        ends = (2 * some.links[:, [0, -1]] + [0, 1]).reshape(-1)  # of two types, or counted twice at most
        times = np.zeros(len(ends), np.int64) if some.times is None else np.repeat(some.times, 2)
        _, _, position_of = distinct_pairs(ends, times)
        _, first = np.unique(position_of, return_index=True)
        over = np.sort(first)[2 * size :]
        if len(over):
            return max(1, int(over[0]) // 2)
        if at + width >= len(every.links):
            return len(some.links)
        width *= 2
