"""NodeTable: the nodes of one type that a sample holds, in the order in which they were met."""

import numpy as np

from heddle.sampling.request import Request
from heddle.sampling.types import SampleGraph


class NodeTable:
    """Nodes as (node, tree), the tree 0 for all where trees share nodes.

    Attributes:
        entries: the nodes by position.
        starts: where each hop starts: its first position.
    """

    def __init__(self, seeds: np.ndarray, first_tree: int, trees: bool):
        self.entries = [(int(node), first_tree + i if trees else 0) for i, node in enumerate(seeds)]
        self.starts = [0]
        self._positions: dict[tuple[int, int], int] = {}
        for position, entry in enumerate(self.entries):
            self._positions.setdefault(entry, position)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, entry: tuple[int, int]) -> bool:
        return entry in self._positions

    def enter(self, node: int, tree: int) -> int:
        """Return the position of a node, adding it if it is new; of a seed given twice, the first."""
        position = self._positions.setdefault((node, tree), len(self.entries))
        if position == len(self.entries):
            self.entries.append((node, tree))
        return position

    def open_hop(self) -> range:
        """Start the next hop; return the positions of the one that ends."""
        frontier = range(self.starts[-1], len(self))
        self.starts.append(len(self))
        return frontier

    def per_hop(self) -> list[int]:
        """Count the nodes of each hop, the seeds first."""
        result: list[int] = np.diff([*self.starts, len(self)]).tolist()
        return result


def open_tables(graph: SampleGraph, request: Request) -> dict[str, NodeTable]:
    """Return a table for each node type, holding its seeds."""
    columns = zip(graph.n_node, request.seeds, request.first_tree)
    return {node_type: NodeTable(seeds, first, request.trees) for node_type, seeds, first in columns}
