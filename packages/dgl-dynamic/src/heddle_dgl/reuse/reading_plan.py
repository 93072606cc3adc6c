"""Plan: which snapshots the coming batches read, and when each is needed again."""

import math
from bisect import bisect_left
from collections.abc import Iterable


class Plan:
    """Batches to come, by the snapshots they read; false while there are none."""

    def __init__(self, order: Iterable[Iterable[int]] = ()):
        self._uses: dict[int, list[int]] = {}
        self._now = self._length = 0
        for position, times in enumerate(order):
            self._length = position + 1
            for time in set(map(int, times)):
                self._uses.setdefault(time, []).append(position)

    def __bool__(self) -> bool:
        return self._now < self._length

    def advance(self) -> None:
        """Go on to the next batch."""
        self._now += 1

    def next_use(self, time: int) -> float:
        """Return the first batch after the present one that reads a snapshot; infinity for none.

        >>> plan = Plan([[0, 1], [1, 2]])
        >>> plan.next_use(1), plan.next_use(0)
        (1, inf)
        """
        uses = self._uses.get(time, ())
        at = bisect_left(uses, self._now + 1)
        return uses[at] if at < len(uses) else math.inf
