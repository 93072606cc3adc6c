"""history: what happened to an entity before each question: counts, sums and recencies of its edges, over windows."""

from typing import Any

import numpy as np

from heddle.data.dataset import Dataset, Times
from heddle.graphs.graph import EdgeType, Graph
from heddle.graphs.pytree import leaves
from heddle.sampling.types import ONE_RELATION
from heddle.workflow.baselines.rows import NUMBER, Table

WINDOWS = (0.1, 0.01)
"""Shares of training's span, besides all of the past, over which edges are counted."""

MOST_EDGES, MOST_COLUMNS = 20_000_000, 8
"""Edges of a relation that are sorted, and its columns that are summed."""


class Events:
    """The edges of one relation at one of its ends, in order of (node, time).

    Args:
        nodes: [e] the nodes at that end.
        times: [e] int64, or None where edges have none: they were there all along.
        columns: [e, c] float features that are summed.
    """

    def __init__(self, nodes: np.ndarray, times: np.ndarray | None, columns: np.ndarray):
        moments = np.zeros(len(nodes), np.int64) if times is None else np.asarray(times, np.int64)
        self._timed = times is not None
        self._moments, rank = np.unique(moments, return_inverse=True)
        self._span = len(self._moments) + 1
        order = np.lexsort((rank, nodes))
        self._keys = nodes[order].astype(np.int64) * self._span + rank[order]
        self._times = moments[order]
        self._sums = np.concatenate(
            [np.zeros((1, columns.shape[1])), np.cumsum(columns[order], axis=0, dtype=np.float64)]
        )

    def table(self, nodes: np.ndarray, until: np.ndarray | None, windows: tuple[float, ...]) -> np.ndarray:
        """Return [m, k] of nodes [m]: count and sums of columns of all that is known, and of each window, and recency.

        Args:
            until: [m] up to which time each may look; None sees everything, as edges without times are seen.
            windows: in the unit of times; none without times.
        """
        first = nodes.astype(np.int64) * self._span
        start = np.searchsorted(self._keys, first)
        if until is None or not self._timed:
            end = np.searchsorted(self._keys, first + self._span - 1)
            return self._between(start, end)
        end = self._at(first, until)
        last = np.where(
            end > start, until - self._times[np.maximum(end - 1, 0)] if len(self._times) else 0, np.nan
        )
        parts = [self._between(start, end), np.log1p(last)[:, None]]
        parts += [self._between(self._at(first, until - np.int64(window)), end) for window in windows]
        return np.concatenate(parts, axis=1)

    def _at(self, first: np.ndarray, moments: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._keys, first + np.searchsorted(self._moments, moments, side="right"))

    def _between(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return np.concatenate([(end - start)[:, None], self._sums[end] - self._sums[start]], axis=1)


def history_of(
    dataset: Dataset, rows: np.ndarray, until: np.ndarray | None, span: float
) -> tuple[Table, list[str]]:
    """Return the histories of what some rows of the targets are about, and the relations that were left out.

    Of edges those of both ends; a reversed copy of a relation tells nothing new and isn't read.

    Args:
        until: [n] up to which time each may look; None where the data has no times.
        span: of training's times, of which WINDOWS are shares.
    """
    if dataset.asked is not None:
        ends = np.asarray(dataset.asked.ends[rows], np.int64)
        asked = [
            (dataset.target_type, ends[:, 0]),
            (dataset.receiver_type or dataset.target_type, ends[:, 1]),
        ]
    else:
        asked = [(dataset.target_type, np.asarray(rows, np.int64))]
    windows = tuple(max(1.0, share * span) for share in WINDOWS)
    parts, left_out = [np.zeros((len(rows), 0))], []
    for key, senders, receivers, columns in _relations(dataset):
        if len(senders) > MOST_EDGES:
            left_out.append(f"{'.'.join(key)}: {len(senders)} edges, more than {MOST_EDGES}")
            continue
        times = None if dataset.times is None else dataset.times.edges.get(key)
        for end, nodes in ((0, senders), (2, receivers)):
            ids_of_end = [ids for node_type, ids in asked if node_type == key[end]]
            if ids_of_end:
                events = Events(np.asarray(nodes), times, columns)
                parts += [events.table(ids, until, windows) for ids in ids_of_end]
    values = np.concatenate(parts, axis=1).astype(np.float32)
    return Table(values, (NUMBER,) * values.shape[1]), left_out


def span_of(times: Times | None, until: Any) -> float:
    """Return the span of the times up to which training's questions look; 0 without times."""
    if times is None or until is None or not len(until):
        return 0.0
    return float(until.max() - until.min())


def _relations(dataset: Dataset) -> list[tuple[EdgeType, np.ndarray, np.ndarray, np.ndarray]]:
    """Return (relation, senders, receivers, float columns) of a graph's relations, reversed copies left out."""
    graph: Any = dataset.graphs
    if isinstance(graph, Graph):
        return [(ONE_RELATION, graph.senders, graph.receivers, _columns(graph.edges, len(graph.senders)))]
    relations = []
    for key, edges in graph.edges.items():
        source, name, target = key
        if name.startswith("rev_") and (target, name.removeprefix("rev_"), source) in graph.edges:
            continue
        relations.append((key, edges.senders, edges.receivers, _columns(edges.features, len(edges.senders))))
    return relations


def _columns(pytree: Any, count: int) -> np.ndarray:
    arrays = [
        np.asarray(array, np.float32)
        for array in (leaves(pytree) if count <= MOST_EDGES else ())
        if array is not None and array.ndim == 2 and array.dtype.kind == "f"
    ]
    if not arrays:
        return np.zeros((count, 0), np.float32)
    return np.nan_to_num(np.concatenate(arrays, axis=1)[:, :MOST_COLUMNS])
