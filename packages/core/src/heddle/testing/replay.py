"""ReplayOps: NumpyOps whose constants and choices stand still while differences are taken."""

from collections.abc import Callable, Sequence

import numpy as np

from heddle.graphs.graph import Array
from heddle.ops.reference import NumpyOps
from heddle.testing.gradients import WIDE, gradient


class ReplayOps(NumpyOps):
    """Records what `stop_gradient` and `segment_max` saw at one point, and keeps to it in the points around.

    Differences alone would see through `stop_gradient`, and give each of k tied entries half of a maximum's
    gradient instead of 1/k. So the first evaluation records, in the order of the calls, and the next ones replay.
    """

    def __init__(self) -> None:
        self._kept: list[np.ndarray] | None = None  # None while nobody takes differences
        self._replayed: int | None = None  # position of the next call, None while recording

    def gradient(self, function: Callable[..., Array], args: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Differentiate a scalar function in each array of `args`: gradients of their shapes.

        The function calls these ops in the same order each time.
        """

        def replay(*moved: np.ndarray) -> np.ndarray:
            self._replayed = 0
            result: np.ndarray = function(*moved)
            return result

        self._kept, self._replayed = [], None
        try:
            function(*(np.asarray(a, WIDE) for a in args))
            return gradient(replay, args)
        finally:
            self._kept = self._replayed = None

    def stop_gradient(self, x: Array) -> Array:
        return x if self._kept is None else self._constant(lambda: np.array(x))

    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        if self._kept is None:
            return super().segment_max(data, segment_ids, num_segments)
        share = self._constant(lambda: self._shares(data, segment_ids, num_segments))
        if self._replayed is None:
            return super().segment_max(data, segment_ids, num_segments)
        chosen = np.where(share > 0, data, 0) * share
        return self.segment_sum(chosen, segment_ids, num_segments)

    def _shares(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """1/k for each of the k largest entries of a segment, 0 for the others."""
        largest = data == super().segment_max(data, segment_ids, num_segments)[segment_ids]
        return (
            largest
            / np.maximum(self.segment_sum(largest.astype(WIDE), segment_ids, num_segments), 1)[segment_ids]
        )

    def _constant(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        assert self._kept is not None
        if self._replayed is None:
            self._kept.append(compute())
            return self._kept[-1]
        self._replayed += 1
        return self._kept[self._replayed - 1]
