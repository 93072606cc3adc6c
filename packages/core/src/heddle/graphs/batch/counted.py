"""counted_budgets: sizes to pad batches of a number of graphs to, so that every engine learns from the same batches."""

import numpy as np

from heddle.graphs.batch.padding import Budget, fits, rounded
from heddle.graphs.batch.tiers import class_ends

DRAWN = 2048
"""Random batches that the sizes are chosen from."""

ENOUGH = 0.10
"""Padding, of nodes or of edges, below which no further shape is tried."""

GROWTH = 1.5
"""How much larger than the largest budget one for a batch that exceeds it is."""


def counted_budgets(sizes: np.ndarray, batch_size: int, *, max_shapes: int = 8) -> tuple[list[Budget], float]:
    """Return budgets for batches of `batch_size` graphs drawn at random, smallest first, and the share of padding.

    Epochs of random batches are drawn, the last of each with what is left, and cut into the classes that leave the
    least room, as few as pad under a tenth, or `max_shapes`. A batch that exceeds them all, which is rare, gets a
    budget of its own from `budget_of`.

    Args:
        sizes: [n, 3] nodes, edges and graphs of each entry, n > 0.
    """
    rng, n = np.random.default_rng(0), len(sizes)
    starts = np.arange(0, n, min(batch_size, n))
    epochs = range(-(-DRAWN // len(starts)))
    totals = np.concatenate([np.add.reduceat(sizes[rng.permutation(n)], starts) for _ in epochs])
    relative = (totals[:, :2] / np.maximum(totals[:, :2].mean(axis=0), 1)).max(axis=1)
    for shapes in range(1, max_shapes + 1):
        ends = class_ends(relative, shapes)
        present, classes = np.unique(np.searchsorted(ends, relative), return_inverse=True)
        caps = np.maximum.accumulate([totals[classes == k].max(axis=0) for k in range(len(present))], axis=0)
        padded = [rounded(*cap) for cap in caps.tolist()]
        held = np.array(padded)[classes, :2].sum(axis=0)
        padding = float((1 - totals[:, :2].sum(axis=0) / np.maximum(held, 1)).max())
        if padding < ENOUGH:
            break
    return list(dict.fromkeys(padded)), padding


def budget_of(budgets: list[Budget], size: np.ndarray) -> Budget:
    """Return the smallest budget that holds `size`, [3] int (nodes, edges, graphs); if none does, enter a new one."""
    for budget in budgets:
        if fits(size, budget):
            return budget
    larger = np.maximum(np.ceil(np.array(budgets[-1]) * GROWTH).astype(int), size)
    budgets.append(rounded(*larger.tolist()))
    return budgets[-1]
