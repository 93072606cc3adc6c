"""trials: budgets tried out by packing a sample of the sizes, each the better proportioned for the one before."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from heddle.graphs.batch.packing import pack
from heddle.graphs.batch.padding import Budget, rounded

GRAPHS_PER_BATCH = 4
"""Graphs a budget allows, as a multiple of the batch size: room for batches of many small graphs."""

ROUNDS = 3
"""Trials in a row; after them the proportions hardly change."""

FINE = 0.03
"""Cost below which nothing needs to be improved."""

LEAST = 0.3
"""What a trial may leave of a size at least."""

STEP, FEWEST, MOST = 1.25, 0.3, 1.6
"""What the usual batch may change by in a trial, and what it may come to, as multiples of batch size x mean."""

STRAY = 0.1
"""What batches of e times too many or too few graphs cost, in padding."""

ENDS = 200
"""Places at which a class of large graphs may end, beside the largest graphs themselves."""


class Trial(NamedTuple):
    """Budgets, and what became of them.

    Attributes:
        padding: share of the nodes or of the edges, whichever is more.
        cost: padding and how far the number of graphs in a batch is from what was asked for; lower is better.
    """

    budgets: tuple[Budget, ...]
    padding: float
    cost: float


def trials(
    sizes: np.ndarray, sample: np.ndarray, base: np.ndarray, steps: int, batch_size: int
) -> Iterator[Trial]:
    """Yield budgets that hold all of `sizes`: one for usual batches, at most `steps` for classes of large graphs.

    After each packing of `sample` a budget keeps what it was filled up by and shrinks in what it had too much of,
    down to the largest graph that has to fit. So a budget for graphs that are rich in edges gets many edges, and the
    usual one, which these have left, fewer. The usual one grows or shrinks to hold `batch_size` graphs on average.

    Args:
        sizes, sample: [n, 3] nodes, edges, graphs.
        base: [2] nodes and edges of a usual batch, to start from.
    """
    real, usual, caps = sizes[:, :2], base, np.empty((0, 2))
    for _ in range(ROUNDS):
        usual = usual if steps else np.maximum(usual, real.max(axis=0))
        relative = (real / usual).max(axis=1)
        ends = np.concatenate([[1.0], class_ends(relative[relative > 1], steps)])
        if len(caps) != len(ends):
            caps = usual * ends[:, None]
        tiers = np.searchsorted(ends, relative)
        needed = [real[tiers == k].max(axis=0, initial=0) for k in range(len(ends))]
        caps = np.maximum.accumulate(np.maximum([usual, *caps[1:]], needed), axis=0)
        budgets = tuple(dict.fromkeys(_budget(cap, usual, sizes, batch_size) for cap in caps))
        caps = np.array([budget[:2] for budget in budgets]) - (1.0, 0.0)
        filled, count = _packed(sample, budgets)
        held = (count[:, None] * np.array([budget[:2] for budget in budgets])).sum(axis=0)
        padding = float((1 - filled.sum(axis=0) / np.maximum(held, 1)).max())
        off = count.sum() / math.ceil(len(sample) / batch_size)
        cost = padding + STRAY * abs(math.log(off))
        yield Trial(budgets, padding, cost)
        if cost < FINE:
            return
        full = filled / np.maximum(count[:, None] * caps, 1)
        full /= np.maximum(full.max(axis=1, keepdims=True), 1e-9)
        caps = np.where(count[:, None] > 0, caps * np.maximum(full, LEAST), caps)
        usual = np.clip(caps[0] * np.clip(off, 1 / STEP, STEP), base * FEWEST, base * MOST).clip(1)


def class_ends(values: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` of `values`, rising to the largest: the sum of each value's way up to the next is least.

    >>> class_ends(np.array([1.0, 2.0, 2.5, 9.0, 10.0]), 2).tolist()
    [2.5, 10.0]
    """
    values = np.unique(values) if len(values) <= 2 * ENDS else np.sort(values)
    if not len(values) or count < 1:
        return np.zeros(0)
    coarse = np.linspace(0, len(values) - 1, ENDS).astype(int)
    last = np.unique(np.concatenate([coarse, np.arange(max(0, len(values) - ENDS), len(values))]))
    first = np.concatenate([[0], last[:-1] + 1])
    sums = np.concatenate([[0.0], np.cumsum(values)])
    way = (last + 1 - first[:, None]) * values[last] - (sums[last + 1] - sums[first][:, None])
    way[np.tril_indices(len(last), -1)] = np.inf  # [i, j]: of a class from first[i] to last[j]
    least, starts = way[0], []
    for _ in range(min(count, len(last)) - 1):
        total = np.concatenate([[np.inf], least[:-1]])[:, None] + way
        starts.append(total.argmin(axis=0))
        least = total.min(axis=0)
    ends = [len(last) - 1]
    for start in reversed(starts):
        ends.append(start[ends[-1]] - 1)
    result: np.ndarray = values[last[sorted(ends)]]
    return result


def _packed(sample: np.ndarray, budgets: tuple[Budget, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and edges that were packed into each budget's batches, [k, 2], and how many there were, [k]."""
    position = {budget: k for k, budget in enumerate(budgets)}
    filled, count = np.zeros((len(budgets), 2)), np.zeros(len(budgets))
    for budget, members in pack(sample.tolist(), budgets):
        filled[position[budget]] += sample[members, :2].sum(axis=0)
        count[position[budget]] += 1
    return filled, count


def _budget(cap: np.ndarray, usual: np.ndarray, sizes: np.ndarray, batch_size: int) -> Budget:
    """Return a budget of so many nodes and edges, with room for many small graphs."""
    graphs = GRAPHS_PER_BATCH * batch_size * sizes[:, 2].mean() * max(1.0, (cap / usual).min())
    return rounded(cap[0], cap[1], max(math.ceil(graphs), int(sizes[:, 2].max())))
