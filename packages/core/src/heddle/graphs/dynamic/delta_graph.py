"""DeltaGraph: a graph whose edges, nodes and features come and go, kept as a base and what changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from heddle.errors import GraphError
from heddle.graphs.dynamic.deltas import EdgeDelta, apply_delta
from heddle.graphs.dynamic.difference import delta_between
from heddle.graphs.dynamic.snapshots import Snapshot, time_index, validate_snapshot
from heddle.graphs.graph import Array, Graph
from heddle.graphs.pytree import tree_map
from heddle.graphs.validate import validate


@dataclass(frozen=True, eq=False)
class DeltaGraph:
    """Snapshot 0 is `base`, snapshot t the one before it changed by `deltas[t - 1]`.

    Reading any time costs at most `keyframe_every` deltas, since every so many a whole snapshot is kept; reading in
    order (`iterate`) costs one delta a step. Building one applies, and so checks, all deltas.

    Attributes:
        base: a single graph.
        deltas: what changes at times 1, 2, ...
        keyframe_every: times between kept snapshots; 0 keeps none but the base.
        node_ids: [n_nodes] int, who each row of the base is; None for 0, 1, ...

    Raises:
        GraphError: a delta that doesn't fit what is there; names it as in `deltas[3].removed[0]`.
    """

    base: Graph
    deltas: Sequence[EdgeDelta]
    keyframe_every: int = 32
    node_ids: Array | None = None
    _keyframes: dict[int, Snapshot] = field(init=False, repr=False)
    topology = "delta"

    def __post_init__(self) -> None:
        if len(self.base.n_node) != 1:
            raise GraphError(
                f"base: found a batch of {len(self.base.n_node)} graphs, expected a single graph; unbatch it first"
            )
        object.__setattr__(self, "_keyframes", {0: _copied(Snapshot(self.base, 0, self.node_ids))})
        for snapshot in self.iterate():
            if self.keyframe_every and snapshot.time % self.keyframe_every == 0:
                self._keyframes[snapshot.time] = snapshot

    def __len__(self) -> int:
        return len(self.deltas) + 1

    def __getitem__(self, t: int) -> Snapshot:
        return next(self.iterate(time_index(t, len(self))))

    def __iter__(self) -> Iterator[Snapshot]:
        return self.iterate()

    def iterate(self, start: int = 0, stop: int | None = None) -> Iterator[Snapshot]:
        """Yield the snapshots at times start, ..., stop - 1 (all that follow, for None), in new arrays."""
        stop = len(self) if stop is None else min(stop, len(self))
        if start >= stop:
            return
        snapshot = self._keyframes[max(time for time in self._keyframes if time <= start)]
        while snapshot.time < start:
            snapshot = self._next(snapshot)
        yield _copied(snapshot)
        while snapshot.time < stop - 1:
            snapshot = self._next(snapshot)
            yield _copied(snapshot)

    def delta(self, t: int) -> EdgeDelta | None:
        t = time_index(t, len(self))
        return self.deltas[t - 1] if t else None

    def _next(self, snapshot: Snapshot) -> Snapshot:
        return apply_delta(snapshot, self.deltas[snapshot.time], f"deltas[{snapshot.time}]")


def delta_graph(snapshots: Sequence[Snapshot], keyframe_every: int = 32) -> DeltaGraph:
    """Return the DeltaGraph whose snapshots are `snapshots`, but for the order of nodes and edges after the first."""
    deltas: list[EdgeDelta] = []
    current = snapshots[0]
    for snapshot in snapshots[1:]:
        deltas.append(delta_between(current, snapshot))
        current = apply_delta(current, deltas[-1])
    return DeltaGraph(snapshots[0].graph, deltas, keyframe_every, snapshots[0].node_ids)


def _copied(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot that may be written to without touching a key frame or the one read next."""
    return snapshot._replace(
        graph=tree_map(np.array, snapshot.graph), node_ids=tree_map(np.array, snapshot.node_ids)
    )


@validate.register(DeltaGraph)
def _validate_deltas(signal: DeltaGraph, *, finite: bool = True) -> DeltaGraph:
    for snapshot in signal:
        validate_snapshot(snapshot, f"snapshot {snapshot.time}" if snapshot.time else "base", finite)
    return signal
