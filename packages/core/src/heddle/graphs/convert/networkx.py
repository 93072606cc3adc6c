"""networkx: graphs with attributes by name; node names become rows in the order networkx holds them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from heddle.errors import GraphError, problem
from heddle.extras import require
from heddle.graphs.convert.edge_list import single_graph, with_way_back
from heddle.graphs.graph import Graph, PyTree, num_nodes
from heddle.graphs.pytree import is_leaf
from heddle.graphs.validate import validate


def from_networkx(
    nx_graph: Any,
    *,
    nodes: Sequence[str] | None = None,
    edges: Sequence[str] | None = None,
    globals: Sequence[str] = (),
) -> Graph:
    """Return a networkx graph of any of its four kinds as a Graph, features as dicts of arrays by attribute.

    An undirected edge becomes two directed ones with its attributes, the ways there first, then the ways back; a
    loop becomes one. `list(nx_graph)[row]` is the name of a row.

    Args:
        nodes, edges: names of the attributes to take; None for all that any node (edge) has.
        globals: names of attributes of the graph itself to take.

    Raises:
        GraphError: an attribute that a node or edge lacks, isn't numeric, or differs in shape.
    """
    require("networkx", "convert")
    row = {name: position for position, name in enumerate(nx_graph)}
    triples = [(row[s], row[r], data) for s, r, data in nx_graph.edges(data=True)]
    senders = np.array([s for s, _, _ in triples], np.int64)
    receivers = np.array([r for _, r, _ in triples], np.int64)
    node_names = [f"node {name!r}" for name in nx_graph]
    edge_names = [f"edge {position}" for position in range(len(triples))]
    node_pytree = _columns([data for _, data in nx_graph.nodes(data=True)], nodes, node_names)
    edge_pytree = _columns([data for _, _, data in triples], edges, edge_names)
    if not nx_graph.is_directed():
        senders, receivers, edge_pytree = with_way_back(senders, receivers, edge_pytree)
    global_pytree = _columns([nx_graph.graph], list(globals), ["the graph"])
    graph = single_graph(senders, receivers, len(row), node_pytree, edge_pytree, global_pytree)
    result: Graph = validate(graph, finite=False)
    return result


def to_networkx(graph: Graph, *, directed: bool = True) -> Any:
    """Return a single graph as a networkx MultiDiGraph, or MultiGraph if not `directed`; nodes are named by row.

    Features become attributes by the names of their dict, a bare array "x"; one value an edge becomes a number,
    more an array. With `directed=False` every edge but a loop must have its way back, and the two become one, with
    the attributes of the way from the smaller id to the larger.

    Raises:
        GraphError: a batch, features in deeper pytrees, or an edge without its way back.
    """
    networkx = require("networkx", "convert")
    if len(graph.n_node) != 1:
        raise GraphError(
            problem("graph", f"a batch of {len(graph.n_node)}", "a single graph", "unbatch it first")
        )
    senders, receivers = np.asarray(graph.senders), np.asarray(graph.receivers)
    result = networkx.MultiDiGraph() if directed else networkx.MultiGraph()
    nodes, edges = _attributes(graph.nodes, "nodes"), _attributes(graph.edges, "edges")
    result.add_nodes_from((i, {k: _value(v[i]) for k, v in nodes.items()}) for i in range(num_nodes(graph)))
    result.graph.update({k: _value(v[0]) for k, v in _attributes(graph.globals, "globals").items()})
    kept: Iterable[int] = range(len(senders))
    if not directed:
        _check_ways_back(senders, receivers)
        kept = np.flatnonzero(senders <= receivers).tolist()
    for i in kept:
        result.add_edge(int(senders[i]), int(receivers[i]), **{k: _value(v[i]) for k, v in edges.items()})
    return result


def _columns(rows: list[Mapping[str, Any]], names: Sequence[str] | None, owners: list[str]) -> PyTree:
    """Return name -> array of one value a row; None for no names."""
    if names is None:
        names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        for row, owner in zip(rows, owners):
            if name not in row:
                do = f"set it everywhere, or name the attributes to take without {name!r}"
                raise GraphError(problem(owner, f"no attribute {name!r}", "one on each", do))
        try:
            columns[name] = np.array([row[name] for row in rows])
        except ValueError as error:
            actual, do = "values of different shapes", "give each the same shape, or leave the attribute out"
            raise GraphError(problem(f"attribute {name!r}", actual, "one shape", do)) from error
        if rows and columns[name].dtype.kind not in "biufc":
            actual, do = (
                f"{rows[0][name]!r} on {owners[0]}",
                "encode it as numbers, or leave the attribute out",
            )
            raise GraphError(problem(f"attribute {name!r}", actual, "numbers", do))
    return columns or None


def _attributes(pytree: PyTree, field: str) -> dict[str, np.ndarray]:
    if pytree is None:
        return {}
    flat = pytree if isinstance(pytree, Mapping) else {"x": pytree}
    for name, leaf in flat.items():
        if not is_leaf(leaf) or not isinstance(name, str):
            actual, do = f"a {type(leaf).__name__} under {name!r}", "flatten the pytree first"
            raise GraphError(problem(field, actual, "an array, or a dict of arrays by name", do))
    return {name: np.asarray(leaf) for name, leaf in flat.items()}


def _value(row: np.ndarray) -> Hashable | np.ndarray:
    return row.item() if np.ndim(row) == 0 else np.array(row)


def _check_ways_back(senders: np.ndarray, receivers: np.ndarray) -> None:
    there, back = np.lexsort((receivers, senders)), np.lexsort((senders, receivers))
    bad = (senders[there] != receivers[back]) | (receivers[there] != senders[back])
    if bad.any():
        at = int(bad.argmax())
        unpaired = min((senders[there][at], receivers[there][at]), (receivers[back][at], senders[back][at]))
        actual, do = f"{unpaired[0]} -> {unpaired[1]} without its way back", "add it, or pass directed=True"
        raise GraphError(problem("edges", actual, "both ways of each edge", do))
