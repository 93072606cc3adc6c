"""StaticTopologySignal: features that move on a graph that doesn't."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.dynamic.deltas import EdgeDelta
from heddle.graphs.dynamic.snapshots import Snapshot, time_index, validate_snapshot
from heddle.graphs.graph import Array, Graph, num_nodes
from heddle.graphs.validate import validate


@dataclass(frozen=True, eq=False)
class StaticTopologySignal:
    """Node features over time on one fixed graph; `graph` and `x` are held as given, never copied.

    `signal[t]` is a Snapshot whose nodes are the view `x[t]`; `signal[a:b]` is the signal of those times, whose `x`
    is a view too, so that a window costs nothing however long the signal is.

    Attributes:
        graph: a single graph; its edges, and whatever edge features it has. Its nodes are not used.
        x: [n_times, n_nodes, ...], e.g. a numpy.memmap.
    """

    graph: Graph
    x: Array
    topology = "static"

    def __len__(self) -> int:
        result: int = self.x.shape[0]
        return result

    @overload
    def __getitem__(self, t: int) -> Snapshot: ...
    @overload
    def __getitem__(self, t: slice) -> "StaticTopologySignal": ...
    def __getitem__(self, t: int | slice) -> "Snapshot | StaticTopologySignal":
        if isinstance(t, slice):
            return StaticTopologySignal(self.graph, self.x[t])
        t = time_index(t, len(self))
        return Snapshot(self.graph._replace(nodes=self.x[t]), t)

    def __iter__(self) -> Iterator[Snapshot]:
        return (self[t] for t in range(len(self)))

    def delta(self, t: int) -> EdgeDelta | None:
        """Return an empty delta (no edge or node ever changes), None for t = 0."""
        return EdgeDelta() if time_index(t, len(self)) else None


@validate.register(StaticTopologySignal)
def _validate_static(signal: StaticTopologySignal, *, finite: bool = True) -> StaticTopologySignal:
    validate_snapshot(Snapshot(signal.graph._replace(nodes=None), 0), "graph", finite)
    shape, n_nodes = np.shape(signal.x), num_nodes(signal.graph._replace(nodes=None))
    if len(shape) < 2 or shape[1] != n_nodes:
        expected = f"(n_times, {n_nodes}, ...), with the graph's {n_nodes} nodes"
        raise GraphError(problem("x: shape", shape, expected, "put time first, then nodes"))
    if np.asarray(signal.x[:0]).dtype.kind not in "biufc":
        actual = f"dtype {np.asarray(signal.x[:0]).dtype}"
        raise GraphError(problem("x", actual, "numbers", "encode it as numbers first"))
    for t in range(len(signal) if finite else 0):  # one time at a time: x may be larger than memory
        bad = ~np.isfinite(signal.x[t])
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            where, actual = f"x[{', '.join(map(str, (t, *at)))}]", f"{signal.x[t][at]}"
            raise GraphError(problem(where, actual, "a finite number", "fill it in or pass finite=False"))
    return signal
