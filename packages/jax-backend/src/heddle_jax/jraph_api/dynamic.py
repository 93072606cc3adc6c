"""dynamically_batch: a stream of graphs as batches of one fixed size, in the order they come."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from heddle.errors import BudgetError, GraphError
from heddle.graphs.batch import Budget
from heddle_jax.jraph_api.batching import batch_np
from heddle_jax.jraph_api.graphs_tuple import IDS, GraphsTuple, require
from heddle_jax.jraph_api.padding import TooLarge, pad_with_graphs


def dynamically_batch(
    graphs_tuple_iterator: Iterable[GraphsTuple],
    n_node: int,
    n_edge: int,
    n_graph: int,
    *,
    allow_new_shapes: bool = False,
) -> "DynamicBatches":
    """Iterate over padded batches of the given sizes, in numpy, each with as many of the next graphs as it holds.

    `heddle.graphs.batch.budget_for(graphs, batch_size, max_shapes=1)[0]` gives sizes that hold the largest graph;
    `heddle.graphs.batch.dynamic_batches` packs with less padding, out of order.

    Args:
        n_node, n_edge, n_graph: sizes of a batch, a padding node and a padding graph included.
        allow_new_shapes: pad a graph that is too large by itself, to the sizes times a power of two. Not in Jraph.

    Raises:
        ValueError: `n_graph` below 2, when the first batch is asked for.
        TooLarge: a graph that is too large, after the batch of those before it. The stream isn't lost: it goes on
            after that graph.
        GraphError: what isn't a GraphsTuple, or has None for an id or a count.
    """
    return DynamicBatches(graphs_tuple_iterator, Budget(n_node, n_edge, n_graph), allow_new_shapes)


class DynamicBatches(Iterator[GraphsTuple]):
    """See `dynamically_batch`."""

    def __init__(self, graphs: Iterable[GraphsTuple], budget: Budget, allow_new_shapes: bool):
        self._graphs, self._budget, self._allow = iter(graphs), budget, allow_new_shapes
        self._waiting: list[GraphsTuple] = []

    def __next__(self) -> GraphsTuple:
        if self._budget.n_graph < 2:
            raise BudgetError(
                f"The number of graphs in a batch: found {self._budget.n_graph}, expected at least 2: one graph and "
                "one for the padding; raise n_graph"
            )
        size = _size(self._waiting)
        while self._fits(size):
            graph = next(self._graphs, None)
            if graph is None:
                return self._flush(len(self._waiting))
            self._waiting.append(graph)
            size = Budget(*(total + count for total, count in zip(size, _size([graph]))))
        return self._flush(max(1, len(self._waiting) - 1))

    def _fits(self, size: Budget) -> bool:
        return all(count <= limit for count, limit in zip(size, _room(self._budget)))

    def _flush(self, count: int) -> GraphsTuple:
        """Return the first `count` waiting graphs as a batch."""
        graphs, self._waiting = self._waiting[:count], self._waiting[count:]
        if not graphs:
            raise StopIteration
        size, budget = _size(graphs), self._budget
        if not self._fits(size):
            budget = self._larger(size)
        return pad_with_graphs(batch_np(graphs), *budget)

    def _larger(self, size: Budget) -> Budget:
        if not self._allow:
            raise TooLarge(
                f"Found graph bigger than batch size: {size} against {_room(self._budget)}; raise the sizes, or pass "
                "allow_new_shapes=True"
            )
        room = _room(self._budget)
        ratio = max(need / max(have, 1) for need, have in zip(size, room))
        scale = 2 ** math.ceil(math.log2(ratio))
        return Budget(*(max(have, 1) * scale + extra for have, extra in zip(room, (1, 0, 1))))


def _room(budget: Budget) -> Budget:
    """Return what real graphs may take of a budget."""
    return Budget(budget.n_node - 1, budget.n_edge, budget.n_graph - 1)


def _size(graphs: list[Any]) -> Budget:
    for graph in graphs:
        if not isinstance(graph, GraphsTuple):
            raise GraphError(
                f"dynamically_batch: found a {type(graph).__name__}, expected GraphsTuples; convert it"
            )
        require(graph, IDS, "dynamically_batch: ")
    nodes = sum(int(np.sum(graph.n_node)) for graph in graphs)
    return Budget(nodes, sum(len(g.senders) for g in graphs), sum(np.size(g.n_node) for g in graphs))
