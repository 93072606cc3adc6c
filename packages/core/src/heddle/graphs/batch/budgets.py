"""budget_for: a few sizes to pad to, chosen from the sizes of a dataset's graphs."""

import math
from typing import Any, Protocol, runtime_checkable

import numpy as np

from heddle.errors import BudgetError
from heddle.graphs.batch.padding import Budget
from heddle.graphs.batch.tiers import Trial, trials

SAMPLE = 20000
"""Graphs that budgets are tried out on; of more, a random choice."""

ENOUGH = 0.09
"""Padding, of nodes or of edges, below which no further shape is tried."""

WORTH = 0.01
"""Padding that a further shape has to save."""


def budget_for(
    graphs: Any, batch_size: int, *, max_shapes: int = 8, growth: float = 8.0
) -> tuple[Budget, ...]:
    """Return budgets for `dynamic_batches`, smallest first: one for usual batches, larger ones for large graphs.

    They are found by packing the graphs, as `heddle.graphs.batch.tiers.trials` says, and keeping what padded least.
    Batches hold `batch_size` graphs on average, and the nodes and edges of a budget are in the proportion of what it
    comes to hold: a budget out of proportion pads what it has too much of. There are as many larger budgets as steps of
    at most `growth` up to the largest graph, and more, up to `max_shapes`, where much is padded and they pay.

    Args:
        graphs: a sequence of Graphs, anything with such a sequence as `.graphs`, or [n, 2] sizes (nodes, edges); the
            stream's or a sample of it.
        batch_size: graphs per batch, on average.

    Raises:
        BudgetError: no graphs, or a batch size below 1.
    """
    sizes = sizes_of(graphs)
    if not len(sizes) or batch_size < 1 or max_shapes < 1 or growth <= 1:
        raise BudgetError(
            f"budget_for: found {len(sizes)} graphs, batch_size {batch_size}, max_shapes {max_shapes} and growth "
            f"{growth}, expected at least 1 of each and growth above 1; check the dataset and the options"
        )
    base = np.maximum(min(batch_size, len(sizes)) * sizes[:, :2].mean(axis=0), 1)
    largest = max(1.0, float((sizes[:, :2] / base).max()))
    least = min(math.ceil(math.log(largest, growth) - 1e-9), max_shapes - 1)
    chosen = np.random.default_rng(0).permutation(len(sizes))[:SAMPLE]
    sample = sizes if len(sizes) <= SAMPLE else sizes[np.sort(chosen)]
    best: Trial | None = None
    for steps in range(least, max_shapes if least else 1):
        trial = min(trials(sizes, sample, base, steps, batch_size), key=lambda trial: trial.cost)
        if best is None or trial.cost < best.cost - WORTH * (len(trial.budgets) - len(best.budgets)):
            best = trial
        if best.padding < ENOUGH:
            break
    assert best is not None
    return best.budgets


@runtime_checkable
class HoldsGraphs(Protocol):
    """A dataset of many graphs."""

    @property
    def graphs(self) -> Any: ...


def sizes_of(graphs: Any) -> np.ndarray:
    """Return [n, 3] int64: nodes, edges and graphs of each entry of `graphs` (see `budget_for`)."""
    if isinstance(graphs, np.ndarray):
        sizes = graphs.astype(np.int64)
        return sizes if sizes.shape[1] == 3 else np.column_stack([sizes, np.ones(len(sizes), np.int64)])
    graphs = graphs.graphs if isinstance(graphs, HoldsGraphs) else graphs
    rows = [(int(np.sum(g.n_node)), len(g.senders), len(g.n_node)) for g in graphs]
    return np.array(rows, np.int64).reshape(-1, 3)
