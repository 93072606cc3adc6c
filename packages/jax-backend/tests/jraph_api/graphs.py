"""Graphs that Jraph's functions are tried on."""

import numpy as np

from heddle_jax import jraph_api as jraph


def pytree_of(array):
    """Return a pytree of three arrays: the given one, ones and zeros."""
    array = np.asarray(array)
    return {"a": array, "b": [np.ones_like(array), {"c": np.zeros_like(array)}]}


def single_graphs() -> list[jraph.GraphsTuple]:
    """Return a node with two loops, three nodes, a node without edges, an empty graph, two nodes, two empty graphs."""
    return [
        _graph([[0, 1]], [[0, 1, 2], [3, 4, 5]], [[0, 1]], [0, 0], [0, 0]),
        _graph(
            [[2, 3], [4, 5], [6, 7]],
            [[6, 7, 8], [9, 10, 11], [12, 13, 14], [15, 16, 17], [18, 19, 20]],
            [[2, 3]],
            [0, 0, 1, 2, 2],
            [1, 0, 2, 1, 0],
        ),
        _graph([[8, 9]], [], [[4, 5]], [], []),
        _graph([], [], [[6, 7]], [], []),
        _graph([[10, 11], [12, 13]], [[21, 22, 23]], [[8, 9]], [1], [0]),
        _graph([], [], [[10, 11]], [], []),
        _graph([], [], [[12, 13]], [], []),
    ]


def batched_graph() -> jraph.GraphsTuple:
    """Return the batch of `single_graphs`, written out."""
    return jraph.GraphsTuple(
        nodes=pytree_of(np.arange(14.0).reshape(7, 2)),
        edges=pytree_of(np.arange(24.0).reshape(8, 3)),
        receivers=np.array([0, 0, 2, 1, 3, 2, 1, 5]),
        senders=np.array([0, 0, 1, 1, 2, 3, 3, 6]),
        globals=pytree_of(np.arange(14.0).reshape(7, 2)),
        n_node=np.array([1, 3, 1, 0, 2, 0, 0]),
        n_edge=np.array([2, 5, 0, 0, 1, 0, 0]),
    )


def random_graph(n_node=(4, 1, 0, 6), n_edge=(7, 0, 0, 9), seed=0, dtype="float64") -> jraph.GraphsTuple:
    """Return a batch in numpy with features of widths 4, 3 and 5, and ids of 32 bits."""
    rng, starts = np.random.default_rng(seed), np.cumsum((0, *n_node))
    ends = [rng.integers(start, start + max(n, 1), (2, e)) for start, n, e in zip(starts, n_node, n_edge)]
    senders, receivers = np.concatenate([np.zeros((2, 0)), *ends], axis=1).astype(np.int32)

    def draw(rows, width):
        return rng.standard_normal((rows, width)).astype(dtype)

    return jraph.GraphsTuple(
        nodes=draw(sum(n_node), 4),
        edges=draw(sum(n_edge), 3),
        receivers=receivers,
        senders=senders,
        globals=draw(len(n_node), 5),
        n_node=np.array(n_node, np.int32),
        n_edge=np.array(n_edge, np.int32),
    )


def _graph(nodes, edges, globals_, senders, receivers) -> jraph.GraphsTuple:
    """Return one graph; ids of a graph without edges are floats, as `np.array([])` makes them."""
    return jraph.GraphsTuple(
        nodes=pytree_of(np.reshape(np.array(nodes, float), (-1, 2))),
        edges=pytree_of(np.reshape(np.array(edges, float), (-1, 3))),
        receivers=np.array(receivers),
        senders=np.array(senders),
        globals=pytree_of(np.array(globals_, float)),
        n_node=np.array([len(nodes)]),
        n_edge=np.array([len(edges)]),
    )
