"""validate: the rules of the containers, checked once at the door, so that no later step has to."""

from collections.abc import Mapping
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np

from heddle.graphs.checks import check_counts, check_features, check_integers, check_total, fail
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph


@singledispatch
def validate(graph: Any, *, finite: bool = True) -> Any:
    """Return `graph` itself after checking every rule of its container; others register theirs here.

    Reads any array through numpy, so arrays on an accelerator are copied to the host. A graph without nodes,
    edges or graphs is valid. `finite=False` admits NaN and infinity in features.

    Raises:
        GraphError: names the field, the first bad index and the bound that it breaks.

    >>> from heddle.graphs.graph import Graph
    >>> ids = np.array([0, 1]), np.array([1, 2])
    >>> validate(Graph(np.zeros((2, 4)), None, *ids, None, np.array([2]), np.array([2])))
    Traceback (most recent call last):
    heddle.errors.GraphError: receivers[1]: found 2, expected an id below 2, the number of nodes; ...
    """
    actual = f"a {type(graph).__name__}"
    do = "build one with heddle.graphs.graph.Graph(...) or heddle.graphs.graph.hetero_graph(...)"
    fail("validate", actual, "a Graph or a HeteroGraph", do)


@validate.register(Graph)
def _validate_graph(graph: Graph, *, finite: bool = True) -> Graph:
    n_node = check_counts(graph.n_node, "n_node")
    check_features(graph.nodes, "nodes", check_total(n_node, "n_node"), "the sum of n_node", finite)
    check_features(graph.globals, "globals", len(n_node), "the length of n_node", finite)
    edges = EdgeSet(graph.edges, graph.senders, graph.receivers, graph.n_edge)
    _edge_set(edges, n_node, n_node, "", "edges", finite)
    return graph


@validate.register(HeteroGraph)
def _validate_hetero(graph: HeteroGraph, *, finite: bool = True) -> HeteroGraph:
    for field in HeteroGraph._fields:
        mapping = getattr(graph, field)
        if not isinstance(mapping, Mapping):
            fail(field, f"a {type(mapping).__name__}", "a dict", "use hetero_graph(...)")
        _keys(mapping, field)
    if list(graph.nodes) != list(graph.n_node):
        actual, expected = sorted(graph.nodes), f"the node types of n_node, {sorted(graph.n_node)}"
        fail("nodes", actual, expected, "give None to a type without features")
    counts: dict[str, np.ndarray] = {}
    for node_type, value in graph.n_node.items():
        counts[node_type] = check_counts(value, f"n_node[{node_type!r}]")
        first = next(iter(counts))
        if len(counts[node_type]) != len(counts[first]):
            expected = f"{len(counts[first])}, as many graphs as n_node[{first!r}] counts"
            where = f"n_node[{node_type!r}]"
            fail(where, len(counts[node_type]), expected, "count every graph, with 0 for none")
        rows = check_total(counts[node_type], f"n_node[{node_type!r}]")
        check_features(
            graph.nodes[node_type], f"nodes[{node_type!r}]", rows, f"the sum of n_node[{node_type!r}]", finite
        )
    for key, edges in graph.edges.items():
        where = f"edges[{key!r}]"
        if not isinstance(edges, EdgeSet):
            fail(where, f"a {type(edges).__name__}", "an EdgeSet", "wrap it in EdgeSet(...)")
        for node_type in (key[0], key[2]):
            if node_type not in counts:
                expected = f"a node type of n_node, {sorted(counts)}"
                fail(where, repr(node_type), expected, "name its node type in nodes and n_node")
        _edge_set(edges, counts[key[0]], counts[key[2]], f"{where}.", f"{where}.features", finite)
    return graph


def _keys(mapping: Mapping[Any, Any], field: str) -> None:
    """Check that the keys are strings (triples of strings for edges) and sorted."""
    for key in mapping:
        if field == "edges":
            fits = isinstance(key, tuple) and len(key) == 3 and all(isinstance(part, str) for part in key)
        else:
            fits = isinstance(key, str)
        if not fits:
            expected = "(source, relation, target) strings" if field == "edges" else "a string"
            fail(f"{field}: key", repr(key), expected, "rename it")
    names = list(mapping)
    for before, after in pairwise(names):
        if before > after:
            actual = f"{after!r} after {before!r}"
            fail(f"{field}: keys", actual, "sorted keys", "build it with hetero_graph(...)")


def _edge_set(
    edges: EdgeSet, n_send: np.ndarray, n_receive: np.ndarray, prefix: str, features: str, finite: bool
) -> None:
    """Check the edges of one relation between nodes counted per graph by `n_send` and `n_receive`."""
    senders = check_integers(edges.senders, f"{prefix}senders")
    receivers = check_integers(edges.receivers, f"{prefix}receivers")
    n_edge = check_counts(edges.n_edge, f"{prefix}n_edge")
    if len(receivers) != len(senders):
        expected = f"{len(senders)}, the length of {prefix}senders"
        fail(f"{prefix}receivers: length", len(receivers), expected, "give each edge both ends")
    if len(n_edge) != len(n_send):
        expected = f"{len(n_send)}, one for each graph that n_node counts"
        fail(f"{prefix}n_edge: length", len(n_edge), expected, "count every graph, with 0 for none")
    if check_total(n_edge, f"{prefix}n_edge") != len(senders):
        actual, expected = f"a sum of {n_edge.sum()}", f"{len(senders)}, the length of {prefix}senders"
        fail(f"{prefix}n_edge", actual, expected, "count the edges of each graph again")
    check_features(edges.features, features, len(senders), f"the length of {prefix}senders", finite)
    _endpoints(senders, f"{prefix}senders", n_send, n_edge)
    _endpoints(receivers, f"{prefix}receivers", n_receive, n_edge)


def _endpoints(ids: np.ndarray, field: str, n_node: np.ndarray, n_edge: np.ndarray) -> None:
    """Check that ids are in range and that no edge leaves its own graph."""
    if not len(ids):
        return
    offsets = np.concatenate([[0], np.cumsum(n_node, dtype=np.int64)])
    if int(ids.min()) < 0:
        at = int(np.argmax(ids < 0))
        fail(f"{field}[{at}]", ids[at], "an id of at least 0", "ids count nodes from 0")
    if int(ids.max()) >= offsets[-1]:
        at = int(np.argmax(ids >= offsets[-1]))
        expected = f"an id below {offsets[-1]}, the number of nodes"
        fail(f"{field}[{at}]", ids[at], expected, "remove the edge or add the node")
    if len(n_edge) < 2:
        return
    has_edges = n_edge > 0
    runs = (np.cumsum(n_edge, dtype=np.int64) - n_edge)[has_edges]
    first, end = offsets[:-1][has_edges], offsets[1:][has_edges]
    crosses = (np.minimum.reduceat(ids, runs) < first) | (np.maximum.reduceat(ids, runs) >= end)
    if crosses.any():
        run = int(np.argmax(crosses))
        graph = int(np.flatnonzero(has_edges)[run])
        ids_of_graph = ids[runs[run] : runs[run] + int(n_edge[graph])]
        at = int(runs[run]) + int(np.argmax((ids_of_graph < first[run]) | (ids_of_graph >= end[run])))
        expected = f"a node of graph {graph} ({first[run]} to {end[run] - 1}), to which edge {at} belongs"
        fail(f"{field}[{at}]", ids[at], expected, "edges must stay inside their graph")
