"""Signal: what a forecast reads: features in time on a graph, and the windows that are taken of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from heddle.graphs.graph import Array, Graph


class Signal(NamedTuple):
    """The graph of a forecast's batch; the batch's `index` holds the first step of each window, [n_windows] int.

    A window has `length` steps of input and then `horizon` steps that are predicted. A model's outputs are [n_windows,
    horizon, n_nodes, n_targets] in the signal's own units: what it computes, times `deviation`, plus `mean`.

    Attributes:
        name: of the dataset.
        topology: one Graph for all times, or a DynamicGraph with one for each.
        x: [n_times, n_nodes, d] float, targets first and scaled; possibly a numpy.memmap. Engines read the windows they
            are asked about and copy no more.
        length, horizon: steps of a window.
        mean, deviation: [n_targets] float, what targets were scaled by.
        schedule: starts of the windows of each batch of the epoch, for caches; None when predicting.
        planned: optimiser steps of the whole run, for what is withheld bit by bit; 0 where nobody knows.
    """

    name: str
    topology: Graph | Any
    x: Array
    length: int
    horizon: int
    mean: Array
    deviation: Array
    schedule: Sequence[Array] | None = None
    planned: int = 0


def usual_batch(n_windows: int) -> int:
    """Return windows a batch: 64 as in the DCRNN paper, fewer (16 at least) where an epoch would have under 64 steps.

    >>> usual_batch(23974), usual_batch(1395), usual_batch(100)
    (64, 21, 16)
    """
    return min(64, max(16, n_windows // 64))


def split_windows(sizes: dict[str, int], length: int, horizon: int) -> dict[str, np.ndarray]:
    """Return the starts of the windows of each split, in order of time: [n] int64 each.

    All windows of the whole signal are split in the shares of `sizes`, so that a window on a border reads the split
    before it, as in the DCRNN paper: 34272 steps of 70/10/20 % and windows of 12 + 12 give 23974, 3425 and 6850.

    Args:
        sizes: "train", "valid", "test" -> steps of the signal.
    """
    steps = sum(sizes.values())
    count = max(0, steps - length - horizon + 1)
    share = {
        split: round(size / max(1, steps), 3) for split, size in sizes.items()
    }  # steps were rounded, too
    train = round(count * share["train"])
    test = min(count - train, round(count * share["test"]))
    ends = {"train": (0, train), "valid": (train, count - test), "test": (count - test, count)}
    return {split: np.arange(a, max(a, b)) for split, (a, b) in ends.items()}
