"""Snapshot, DynamicGraph and SnapshotSequence: a graph at one time, and what a graph in time is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from heddle.errors import GraphError
from heddle.graphs.graph import Array, Graph, num_nodes
from heddle.graphs.validate import validate

if TYPE_CHECKING:
    from heddle.graphs.dynamic.deltas import EdgeDelta

TOPOLOGIES = ("static", "delta", "independent")


class Snapshot(NamedTuple):
    """A graph at one time.

    Attributes:
        graph: a single graph, not a batch.
        time: its position in the sequence, from 0.
        node_ids: [n_nodes] int, who each row is, the same in every snapshot; None if a node's row never changes.
    """

    graph: Graph
    time: int
    node_ids: Array | None = None

    @property
    def ids(self) -> Array:
        """Who each row is, [n_nodes] int: `node_ids`, or the rows themselves."""
        return np.arange(num_nodes(self.graph)) if self.node_ids is None else self.node_ids


class DynamicGraph(Protocol):
    """A graph at times 0, 1, ..., len - 1.

    `topology` is "static" (edges and nodes never change, features may), "delta" (they change as `delta` says) or
    "independent" (nothing is known of how snapshots relate).
    """

    topology: str

    def __len__(self) -> int: ...

    def __getitem__(self, t: int) -> Snapshot:
        """Return the snapshot at time t; a negative t counts from the end. Raises IndexError past it."""
        ...

    def delta(self, t: int) -> "EdgeDelta | None":
        """Return what changes in edges and nodes from t - 1 to t, empty if nothing; None if unknown, or t = 0."""
        ...


@dataclass(frozen=True, eq=False)
class SnapshotSequence:
    """Snapshots that are graphs of their own; holds `graphs` as given.

    Attributes:
        graphs: single graphs, in order of time.
        node_ids: one [n_nodes] int array a graph, see `Snapshot`; None if rows are the same nodes throughout.
    """

    graphs: Sequence[Graph]
    node_ids: Sequence[Array] | None = None
    topology = "independent"

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, t: int) -> Snapshot:
        t = time_index(t, len(self))
        return Snapshot(self.graphs[t], t, None if self.node_ids is None else self.node_ids[t])

    def __iter__(self) -> Iterator[Snapshot]:
        return (self[t] for t in range(len(self)))

    def delta(self, t: int) -> "EdgeDelta | None":
        return None


def time_index(t: int, length: int) -> int:
    """Return t from the start, of a sequence of `length`; raises IndexError past either end."""
    if not -length <= t < length:
        raise IndexError(
            f"time: found {t}, expected one in [0, {length}); the sequence has {length} snapshots"
        )
    return t % length


@validate.register(Snapshot)
def _validate_snapshot(snapshot: Snapshot, *, finite: bool = True) -> Snapshot:
    validate_snapshot(snapshot, "snapshot", finite)
    return snapshot


@validate.register(SnapshotSequence)
def _validate_sequence(signal: SnapshotSequence, *, finite: bool = True) -> SnapshotSequence:
    if signal.node_ids is not None and len(signal.node_ids) != len(signal.graphs):
        raise GraphError(
            f"node_ids: found {len(signal.node_ids)} arrays, expected {len(signal.graphs)}, one a graph; add them"
        )
    for snapshot in signal:
        validate_snapshot(snapshot, f"graphs[{snapshot.time}]", finite)
    return signal


def validate_snapshot(snapshot: Snapshot, where: str, finite: bool) -> None:
    """Check the graph of a snapshot and its ids; errors start with `where`.

    Raises:
        GraphError: as `validate`; several graphs in one snapshot; ids that don't fit the nodes or aren't all
            different.
    """
    graph = snapshot.graph
    try:
        validate(graph, finite=finite)
    except GraphError as error:
        raise GraphError(f"{where}: {error}") from None
    if len(graph.n_node) != 1:
        raise GraphError(
            f"{where}: found a batch of {len(graph.n_node)} graphs, expected a single graph; unbatch it first"
        )
    ids = snapshot.node_ids
    if ids is not None and (
        np.ndim(ids) != 1 or len(ids) != num_nodes(graph) or len(np.unique(ids)) != len(ids)
    ):
        raise GraphError(
            f"{where}: found node_ids of shape {np.shape(ids)}, expected {num_nodes(graph)} different ids, "
            "one a node; number the nodes"
        )
