"""Faults of containers, each with the test of the kit that must catch it."""

from typing import Any

import numpy as np

from heddle.graphs.graph import HeteroGraph
from heddle.graphs.pytree import tree_map
from heddle.testing.dtypes import in_dtype
from heddle.testing.suites.containers import ContainersSuite

from .faulty import with_members


def _copied(graph: Any) -> Any:
    return tree_map(np.array, graph)


def _without_pytrees(graph):
    """Flatten pytrees of edges, so that a tuple of one array comes back as the array."""
    copied = _copied(graph)
    if isinstance(graph, HeteroGraph) or not isinstance(copied.edges, tuple):
        return copied
    return copied._replace(edges=copied.edges[0])


def _without_empty_relations(graph):
    copied = _copied(graph)
    if not isinstance(graph, HeteroGraph):
        return copied
    return copied._replace(edges={key: e for key, e in copied.edges.items() if len(e.senders)})


def _sorted_edges(graph):
    copied = _copied(graph)
    if isinstance(graph, HeteroGraph):
        return copied
    order = np.argsort(copied.receivers, kind="stable")
    return copied._replace(senders=copied.senders[order], receivers=copied.receivers[order])


def _one_graph(graph):
    """Forget which node belongs to which graph of a batch."""
    copied = _copied(graph)
    if isinstance(graph, HeteroGraph):
        return copied
    return copied._replace(n_node=copied.n_node.sum(keepdims=True), n_edge=copied.n_edge.sum(keepdims=True))


def _frozen(graph):
    copied = _copied(graph)
    tree_map(lambda array: array.setflags(write=False), copied)
    return copied


def _container_fault(test: str, name: str, **members: Any):
    return lambda: with_members(**members), ContainersSuite, test, {"name": name}


CONTAINER_FAULTS = {
    "to_native shares memory": _container_fault(
        "test_nothing_is_shared", "odd", to_native=lambda graph: graph
    ),
    "from_native shares memory": _container_fault(
        "test_nothing_is_shared", "odd", from_native=lambda native: native
    ),
    "from_native gives arrays that can't be written": _container_fault(
        "test_nothing_is_shared", "odd", from_native=_frozen
    ),
    "pytrees are flattened": _container_fault("test_round_trip", "corner_batch", to_native=_without_pytrees),
    "relations without edges get lost": _container_fault(
        "test_round_trip", "hetero", to_native=_without_empty_relations
    ),
    "edges are sorted, their features aren't": _container_fault(
        "test_round_trip", "odd", to_native=_sorted_edges
    ),
    "a batch becomes one graph": _container_fault("test_round_trip", "corner_batch", to_native=_one_graph),
    "features become float32": _container_fault(
        "test_round_trip_in_every_dtype", "odd", to_native=lambda graph: in_dtype(graph, np.float32)
    ),
    "to_native writes into the graph": _container_fault(
        "test_the_graph_stays_as_it_is", "odd", to_native=lambda graph: graph.nodes.fill(0)
    ),
}
