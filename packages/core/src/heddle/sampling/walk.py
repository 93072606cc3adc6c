"""walk: one random walk, uniform or biased as in node2vec."""

from typing import Any

import numpy as np

from heddle.errors import ConfigError, GraphError
from heddle.sampling.request import open_seeds
from heddle.sampling.stream import Stream, branch
from heddle.sampling.types import InEdges, SampleGraph


def open_walk(graph: SampleGraph, start: Any, length: int, p: float, q: float) -> tuple[InEdges, np.ndarray]:
    """Check the arguments of `Sampler.random_walk`; return the edges to walk and [n] int64 starts.

    Raises:
        GraphError: a heterogeneous graph, or starts that aren't ids of its nodes.
        ConfigError: a length below 0, or p or q that isn't above 0.
    """
    if not graph.is_homogeneous:
        raise GraphError(
            f"random_walk: found relations {list(graph.edges)}, expected a homogeneous graph; make one of a relation"
        )
    if length < 0:
        raise ConfigError(
            f"random_walk: length: found {length}, expected at least 0; give the number of steps"
        )
    for name, value in (("p", p), ("q", q)):
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(
                f"random_walk: {name}: found {value}, expected a finite number above 0; 1 is neutral"
            )
    (edges,) = graph.edges.values()
    (node_type,) = graph.n_node
    return edges, open_seeds(graph, node_type, start, "start")


def walk(edges: InEdges, start: int, length: int, key: int, p: float, q: float) -> list[int]:
    """Return a random walk against edges: `start` and the node after each of `length` steps.

    The draws of step i come from the stream i below `key`.

    Args:
        p: odds against going back to the node before.
        q: odds against going to a node that the node before has no edge from, as in node2vec.
    """
    path = [start]
    for step in range(length):
        around = _senders(edges, path[-1])
        if not around:
            path.append(path[-1])
            continue
        stream = Stream(branch(key, step))
        before = path[-2] if step and (p, q) != (1, 1) else None
        path.append(
            around[stream.below(len(around))]
            if before is None
            else _biased(edges, around, before, stream, p, q)
        )
    return path


def _biased(edges: InEdges, around: list[int], before: int, stream: Stream, p: float, q: float) -> int:
    """Return one of `around` by node2vec's odds: uniform proposals, kept with a chance in proportion to their odds."""
    near = set(_senders(edges, before))
    back, out = 1.0 / p, 1.0 / q
    highest = max(back, 1.0, out)
    while True:
        node = around[stream.below(len(around))]
        odds = back if node == before else 1.0 if node in near else out
        if stream.unit() * highest < odds:
            return node


def _senders(edges: InEdges, receiver: int) -> list[int]:
    result: list[int] = edges.senders[int(edges.indptr[receiver]) : int(edges.indptr[receiver + 1])].tolist()
    return result
