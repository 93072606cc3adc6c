"""Graphs to and from what others use: edge lists, scipy.sparse, networkx; and one type of node to several and back."""

from heddle.graphs.convert.edge_list import from_edge_list, to_edge_list
from heddle.graphs.convert.hetero import as_hetero, to_homogeneous
from heddle.graphs.convert.networkx import from_networkx, to_networkx
from heddle.graphs.convert.sparse import from_scipy, to_scipy

__all__ = [
    "as_hetero",
    "from_edge_list",
    "from_networkx",
    "from_scipy",
    "to_edge_list",
    "to_homogeneous",
    "to_networkx",
    "to_scipy",
]
