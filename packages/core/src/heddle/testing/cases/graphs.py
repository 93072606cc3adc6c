"""Graphs that break implementations: empty, isolated, looped, repeated, unsorted, odd in size, one huge degree."""

from typing import NamedTuple

import numpy as np

from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, hetero_graph


class Edges(NamedTuple):
    """Edges by name, between n_senders and n_receivers rows."""

    name: str
    senders: np.ndarray
    receivers: np.ndarray
    n_senders: int
    n_receivers: int

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.senders)


def edge_cases() -> tuple[Edges, ...]:
    """Return every structure that ops are tried on; the last two have more senders than receivers and the reverse."""
    return (
        _edges("empty", [], [], 0, 0),
        _edges("one_node", [], [], 1, 1),
        _edges("one_loop", [0], [0], 1, 1),
        _edges("no_edges", [], [], 5, 5),
        _edges("path", [0, 1, 2], [1, 2, 3], 4, 4),
        _edges("isolated", [9, 1, 4, 1, 9], [4, 4, 1, 9, 4], 11, 11),
        _edges("loops_and_repeats", [2, 0, 2, 1, 1, 2, 2, 0], [1, 0, 1, 1, 2, 2, 1, 2], 3, 3),
        _random("odd", 17, 17, 61, seed=1),
        _hub("hub", 9, 257, seed=2),
        _random("many_senders", 13, 5, 29, seed=3),
        _random("many_receivers", 3, 19, 23, seed=4),
    )


def square_cases() -> tuple[Edges, ...]:
    """Return the structures of `edge_cases` whose senders and receivers are the same nodes."""
    return tuple(e for e in edge_cases() if e.n_senders == e.n_receivers)


def large_edges() -> Edges:
    """Return 9001 edges between 401 nodes, a quarter of them into one node, and every tenth node without any."""
    rng = np.random.default_rng(6)
    ids = rng.integers(0, 401, (2, 9001))
    ids[1, ::4] = 7
    ids -= (ids % 10 == 0) & (ids > 0)
    ids[ids == 0] = 1
    return Edges("large", ids[0], ids[1], 401, 401)


def graph_of(edges: Edges, width: int = 3, seed: int = 0) -> Graph:
    """Return a Graph with float32 node features [n, width] and edge features {"x" [e, 2], "weight" [e] > 0}."""
    rng = np.random.default_rng([seed, edges.n_edges, edges.n_senders])
    return Graph(
        nodes=rng.standard_normal((edges.n_senders, width)).astype(np.float32),
        edges={
            "weight": rng.uniform(0.5, 2.0, edges.n_edges).astype(np.float32),
            "x": rng.standard_normal((edges.n_edges, 2)).astype(np.float32),
        },
        senders=edges.senders,
        receivers=edges.receivers,
        globals=rng.standard_normal((1, 2)).astype(np.float32),
        n_node=np.array([edges.n_senders]),
        n_edge=np.array([edges.n_edges]),
    )


def corner_batch() -> Graph:
    """Return five graphs as one batch: a path with a loop, a single node, an empty graph, no edges, two nodes.

    Features are pytrees: nodes {"x": [9, 2] float32, "extra": ([9] int64,)}, edges ([6, 1] float32,), globals
    {"g": [5, 1] float32}.
    """
    return Graph(
        nodes={
            "x": np.arange(18, dtype=np.float32).reshape(9, 2) / 4,
            "extra": (np.arange(9, dtype=np.int64) * 10,),
        },
        edges=(np.array([[0.5], [1.5], [2.5], [3.5], [4.5], [5.5]], np.float32),),
        senders=np.array([2, 0, 1, 1, 8, 8]),
        receivers=np.array([2, 1, 2, 0, 7, 7]),
        globals={"g": np.array([[0.0], [1.0], [2.0], [3.0], [4.0]], np.float32)},
        n_node=np.array([3, 1, 0, 3, 2]),
        n_edge=np.array([4, 0, 0, 0, 2]),
    )


def bare_graph() -> Graph:
    """Return one graph without any features."""
    return Graph(
        None, None, np.array([0, 2]), np.array([1, 1]), None, n_node=np.array([3]), n_edge=np.array([2])
    )


HETERO_SIZES = {"author": 5, "paper": 6, "topic": 0, "venue": 4}
HETERO_WIDTHS = {"author": 2, "paper": 3, "topic": 2, "venue": 4}
OWN_WIDTHS = -1
RELATIONS = (
    ("author", "edits", "venue"),
    ("author", "writes", "paper"),
    ("paper", "cites", "paper"),
    ("paper", "written_by", "author"),
    ("topic", "of", "paper"),
    ("venue", "absent", "author"),
    ("venue", "prints", "paper"),
)
"""Relations of `hetero_case`, and one, "absent", that it lacks."""


def hetero_case(width: int = OWN_WIDTHS, featured: bool = False, seed: int = 5) -> HeteroGraph:
    """Return a heterogeneous graph with a type without nodes ("topic") and a relation without edges ("edits").

    "cites" has loops, repeats and weights.

    Args:
        width: of all features; OWN_WIDTHS for those of HETERO_WIDTHS.
        featured: whether "venue" has features as well; without them a layer has a table of embeddings for its 4 nodes.
    """
    rng = np.random.default_rng(seed)

    def relation(senders: list[int], receivers: list[int]) -> EdgeSet:
        ids = np.array(senders, np.int64), np.array(receivers, np.int64)
        return EdgeSet(None, *ids, np.array([len(senders)]))

    cites = relation([0, 3, 3, 5, 0, 0], [0, 1, 1, 2, 4, 0])
    weight = rng.uniform(0.5, 2.0, 6).astype(np.float32)
    features = {
        node_type: rng.standard_normal(
            (n, HETERO_WIDTHS[node_type] if width == OWN_WIDTHS else width)
        ).astype(np.float32)
        for node_type, n in HETERO_SIZES.items()
    }
    return hetero_graph(
        nodes=features if featured else {**features, "venue": None},
        edges={
            ("author", "edits", "venue"): relation([], []),
            ("author", "writes", "paper"): relation([4, 0, 0, 2], [5, 0, 1, 1]),
            ("paper", "cites", "paper"): cites._replace(features={"weight": weight}),
            ("paper", "written_by", "author"): relation([5, 0, 1, 1], [4, 0, 0, 2]),
            ("topic", "of", "paper"): relation([], []),
            ("venue", "prints", "paper"): relation([3, 0, 0], [2, 2, 5]),
        },
        n_node={node_type: np.array([n]) for node_type, n in HETERO_SIZES.items()},
    )


def _edges(name: str, senders: list[int], receivers: list[int], n_senders: int, n_receivers: int) -> Edges:
    return Edges(name, np.array(senders, np.int64), np.array(receivers, np.int64), n_senders, n_receivers)


def _random(name: str, n_senders: int, n_receivers: int, n_edges: int, seed: int) -> Edges:
    rng = np.random.default_rng(seed)
    senders, receivers = rng.integers(0, n_senders, n_edges), rng.integers(0, n_receivers, n_edges)
    return Edges(name, senders, receivers, n_senders, n_receivers)


def _hub(name: str, n: int, degree: int, seed: int) -> Edges:
    """Every edge but a few enters node 3, and every seventh leaves it."""
    rng = np.random.default_rng(seed)
    senders, receivers = rng.integers(0, n, degree + 8), np.full(degree + 8, 3)
    senders[::7] = 3
    receivers[rng.choice(degree + 8, 8, replace=False)] = rng.integers(0, n, 8)
    return Edges(name, senders, receivers, n, n)
