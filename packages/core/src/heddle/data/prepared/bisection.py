"""bisection: in many ascending stretches at once, the first element that is later than a time."""

from collections.abc import Callable

import numpy as np


def first_later(
    low: np.ndarray, high: np.ndarray, times: np.ndarray, time_of: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return, for each stretch, its first position that is later than a time, or its end: [n] int64.

    Args:
        low, high: [n] int64, where each stretch begins and ends.
        times: [n], the times.
        time_of: [m] positions -> their times, ascending within a stretch.

    >>> held = np.array([1, 5, 5, 9])
    >>> first_later(np.array([0, 0]), np.array([4, 2]), np.array([5, 9]), lambda at: held[at]).tolist()
    [3, 2]
    """
    low, high = low.astype(np.int64), high.astype(np.int64)
    while len(left := np.flatnonzero(low < high)):
        middle = (low[left] + high[left]) // 2
        later = time_of(middle) > times[left]
        high[left[later]] = middle[later]
        low[left[~later]] = middle[~later] + 1
    return low
