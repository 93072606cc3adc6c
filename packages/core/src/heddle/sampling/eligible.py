"""usable_edges: which edges into a node may be taken at all."""

from heddle.graphs.graph import EdgeType
from heddle.sampling.types import SampleGraph


def usable_edges(
    graph: SampleGraph, relation: EdgeType, receiver: int, seed_time: int | None, window: int | None = None
) -> list[int]:
    """Return the positions of a receiver's edges that weigh something and aren't newer than `seed_time`.

    Args:
        window: of `Fanout`: nor older than that, where edges of the relation have times.
    """
    edges = graph.edges[relation]
    forgotten = None
    if seed_time is not None and window is not None and edges.time is not None:
        forgotten = max(seed_time - window, -(2**63))

    def is_usable(edge: int) -> bool:
        if edges.weight is not None and not edges.weight[edge] > 0:
            return False
        if seed_time is None:
            return True
        time = _time(graph, relation, edge)
        return time <= seed_time and (forgotten is None or time > forgotten)

    return [e for e in range(int(edges.indptr[receiver]), int(edges.indptr[receiver + 1])) if is_usable(e)]


def newest_edges(graph: SampleGraph, relation: EdgeType, edges: list[int], size: int) -> list[int]:
    """Return the `size` newest of some edges, of equal times the later ones, in the order of their positions."""
    by_time = sorted(edges, key=lambda edge: _time(graph, relation, edge))
    return sorted(by_time[len(by_time) - min(size, len(by_time)) :])


def _time(graph: SampleGraph, relation: EdgeType, edge: int) -> float:
    """Return when an edge became usable: once it and its sender were there; -infinity if neither has a time."""
    edges, node_time = graph.edges[relation], graph.node_time.get(relation[0])
    edge_time = float("-inf") if edges.time is None else int(edges.time[edge])
    sender_time = float("-inf") if node_time is None else int(node_time[edges.senders[edge]])
    return max(edge_time, sender_time)
