"""graphs_at: graphs of a changing topology whose rows are the same nodes at all times, as signals have them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from heddle.errors import GraphError
from heddle.graphs.dynamic import DeltaGraph, Snapshot
from heddle.graphs.graph import Graph


def graphs_at(topology: Any, times: Iterable[int], n_nodes: int) -> dict[int, Graph]:
    """Return time -> Graph of `n_nodes` nodes, where a node that is away has no edges.

    Args:
        topology: a DynamicGraph; one kept as a base and deltas is read in order, a delta a step.
        times: those that are wanted; past its end the last graph stays.
        n_nodes: of the signal; ids of nodes are rows of it.

    Raises:
        GraphError: a snapshot with other nodes than the signal's.
    """
    wanted = sorted(set(map(int, times)))
    last = len(topology) - 1
    read = sorted({min(t, last) for t in wanted})
    graphs: dict[int, Graph] = {}
    if read and isinstance(topology, DeltaGraph) and len(read) == read[-1] - read[0] + 1:
        for snapshot in topology.iterate(read[0], read[-1] + 1):
            graphs[snapshot.time] = on_all_nodes(snapshot, n_nodes)
    else:
        graphs = {t: on_all_nodes(topology[t], n_nodes) for t in read}
    return {t: graphs[min(t, last)] for t in wanted}


def on_all_nodes(snapshot: Snapshot, n_nodes: int) -> Graph:
    """Return a snapshot's edges between rows of the signal, whichever nodes are there.

    Raises:
        GraphError: ids past the signal's rows, or other rows where none has an id.
    """
    graph, ids = snapshot.graph, snapshot.node_ids
    if ids is None:
        if int(np.sum(graph.n_node)) != n_nodes:
            raise GraphError(
                f"snapshot {snapshot.time}: found {int(np.sum(graph.n_node))} nodes without node_ids, expected the "
                f"{n_nodes} of the signal; give node_ids where nodes come and go"
            )
        return graph
    rows = np.asarray(ids)
    if len(rows) and not 0 <= rows.min() <= rows.max() < n_nodes:
        raise GraphError(
            f"snapshot {snapshot.time}: found node ids {rows.min()} to {rows.max()}, expected rows of the signal, 0 to "
            f"{n_nodes - 1}; number nodes by its rows"
        )
    counts = np.array([n_nodes], np.asarray(graph.n_node).dtype)
    return Graph(None, graph.edges, rows[graph.senders], rows[graph.receivers], None, counts, graph.n_edge)
