"""budget_for: a few sizes to pad to, chosen from the sizes of a dataset's graphs."""

import math
from typing import Any

import numpy as np

from heddle.batch.padding import Budget
from heddle.errors import BudgetError

GRAPHS_PER_BATCH = 4
"""Graphs a budget allows, as a multiple of the batch size: room for batches of many small graphs."""


def budget_for(
    graphs: Any, batch_size: int, *, max_shapes: int = 8, growth: float = 4.0
) -> tuple[Budget, ...]:
    """Return budgets for `dynamic_batches`, smallest first: one for usual batches, larger ones for large graphs.

    The first holds `batch_size` times the mean size of the graphs that are not among the largest 5 %, with nodes and
    edges in the proportion of the whole dataset, since a budget out of proportion pads what it has too much of.
    Further ones grow in equal steps of at most about `growth` up to the largest graph (larger steps where
    `max_shapes` would be passed). Small graphs fill up what a large one leaves, so few steps cost little padding.

    Args:
        graphs: a sequence of Graphs, anything with such a sequence as `.graphs`, or [n, 2] sizes (nodes, edges).
        batch_size: graphs per batch, on average.

    Raises:
        BudgetError: no graphs, or a batch size below 1.
    """
    sizes = sizes_of(graphs)[:, :2].astype(np.float64)
    if not len(sizes) or batch_size < 1 or max_shapes < 1 or growth <= 1:
        raise BudgetError(
            f"budget_for: found {len(sizes)} graphs, batch_size {batch_size}, max_shapes {max_shapes} and growth "
            f"{growth}, expected at least 1 of each and growth above 1; check the dataset and the options"
        )
    base = np.maximum(min(batch_size, len(sizes)) * _usual_size(sizes), 1)
    largest = max(1.0, float(((sizes.max(axis=0) + np.array([1, 0])) / base).max()))
    steps = min(math.ceil(math.log(largest, growth) - 1e-9), max_shapes - 1)
    scales = [largest ** (step / steps) for step in range(steps + 1)] if steps else [largest]
    return tuple(_budget(base * scale, batch_size * scale) for scale in scales)


def sizes_of(graphs: Any) -> np.ndarray:
    """Return [n, 3] int64: nodes, edges and graphs of each entry of `graphs` (see `budget_for`)."""
    if isinstance(graphs, np.ndarray):
        sizes = graphs.astype(np.int64)
        return sizes if sizes.shape[1] == 3 else np.column_stack([sizes, np.ones(len(sizes), np.int64)])
    graphs = getattr(graphs, "graphs", graphs)
    rows = [(int(np.sum(g.n_node)), len(g.senders), len(g.n_node)) for g in graphs]
    return np.array(rows, np.int64).reshape(-1, 3)


def _usual_size(sizes: np.ndarray) -> np.ndarray:
    """Return (nodes, edges) of the mean graph under the 95th percentile, stretched to the whole's edges per node."""
    usual = np.array([column[column <= np.percentile(column, 95)].mean() for column in sizes.T])
    total = sizes.sum(axis=0)
    if not usual.all():
        return usual
    stretch = math.sqrt(usual[1] / usual[0] * total[0] / total[1])
    return usual * (stretch, 1 / stretch)


def _budget(size: np.ndarray, n_graph: float) -> Budget:
    """Round up to multiples of 8, with one node and one graph more for the padding."""
    n_node, n_edge = (8 * math.ceil(value / 8) for value in (size[0] + 1, size[1]))
    return Budget(n_node, n_edge, math.ceil(GRAPHS_PER_BATCH * n_graph) + 1)
