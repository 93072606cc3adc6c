"""draw: which of a node's edges are taken."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from heddle.sampling.stream import Stream


def draw(
    n: int, size: int, replace: bool, stream: Stream, weight: Sequence[float] | None = None
) -> list[int]:
    """Return the positions, in [0, n), of what is taken of n candidates.

    Args:
        size: how many to take; -1 for all, which is also what a larger size than n gives unless `replace`.
        weight: [n] float > 0: odds of the first draw; without replacement those of the following draws are the
            odds among what is left.

    Returns: [min(size, n)] positions, or [size] with `replace`. None of none.

    Source: without replacement Floyd's algorithm (Bentley and Floyd, Programming pearls, 1987), by weight
    exponential waits (Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006).
    """
    if n == 0 or size == 0:
        return []
    if size < 0 or (size >= n and not replace):
        return list(range(n))
    if weight is None:
        return [stream.below(n) for _ in range(size)] if replace else _floyd(n, size, stream)
    if replace:
        total = list(accumulate(weight))
        return [min(bisect_right(total, stream.unit() * total[-1]), n - 1) for _ in range(size)]
    waits = sorted((stream.exponential(rate), position) for position, rate in enumerate(weight))
    return [position for _, position in waits[:size]]


def _floyd(n: int, size: int, stream: Stream) -> list[int]:
    """Return `size` different positions, every set of them equally likely."""
    taken: list[int] = []
    for last in range(n - size, n):
        position = stream.below(last + 1)
        taken.append(last if position in taken else position)
    return taken
