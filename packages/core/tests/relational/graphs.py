"""Heterogeneous graphs on which every way differs: dense, sparse, weighted, empty relations; types without features."""

import numpy as np

from heddle.graphs.graph import EdgeSet, HeteroGraph, hetero_graph

SIZES = {"author": 7, "paper": 23, "topic": 0, "venue": 6}
WIDTHS = {"author": 4, "paper": 8, "topic": 2, "venue": 6}  # venue: 6 nodes without features
EDGES = {
    ("author", "edits", "venue"): 0,
    ("author", "likes", "paper"): 3,  # few of either side
    ("author", "writes", "paper"): 40,
    ("paper", "cites", "author"): 31,  # by few papers
    ("paper", "cites", "paper"): 5,
    ("paper", "near", "paper"): 90,
    ("topic", "of", "paper"): 0,
    ("venue", "prints", "paper"): 12,
    ("venue", "rates", "venue"): 2,
}
WEIGHTED = (("author", "writes", "paper"), ("paper", "near", "paper"), ("venue", "rates", "venue"))
ABSENT = ("venue", "absent", "author")


def relational_graph(
    widths: dict[str, int] = WIDTHS, featureless: tuple[str, ...] = ("venue",), seed: int = 0
) -> HeteroGraph:
    """Return a graph of SIZES and EDGES, features in float64, some relations weighted, edges repeated."""
    rng = np.random.default_rng(seed)

    def relation(key: tuple[str, str, str], n: int) -> EdgeSet:
        few = 3 if key == ("paper", "cites", "author") else SIZES[key[0]]
        senders = rng.integers(0, max(1, few), n)
        receivers = rng.integers(0, max(1, SIZES[key[2]]), n)
        features = {"weight": rng.uniform(0.5, 2.0, n)} if key in WEIGHTED else None
        return EdgeSet(features, senders, receivers, np.array([n]))

    return hetero_graph(
        {
            node_type: None if node_type in featureless else rng.standard_normal((SIZES[node_type], width))
            for node_type, width in widths.items()
        },
        {key: relation(key, n) for key, n in EDGES.items()},
        {node_type: np.array([n]) for node_type, n in SIZES.items()},
    )


def empty_graph() -> HeteroGraph:
    """Return a graph with the relations of EDGES, and no nodes at all."""
    none = np.empty(0, np.int64)
    return hetero_graph(
        {node_type: np.empty((0, width)) for node_type, width in WIDTHS.items()},
        {key: EdgeSet(None, none, none, np.array([0])) for key in EDGES},
        {node_type: np.array([0]) for node_type in SIZES},
    )
