"""batch, unbatch: several graphs as one, lying side by side, and back; in numpy, on the host."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, PyTree
from heddle.graphs.pytree import leaves_with_paths, tree_map


@overload
def batch(graphs: Sequence[Graph]) -> Graph: ...
@overload
def batch(graphs: Sequence[HeteroGraph]) -> HeteroGraph: ...
def batch(graphs: Sequence[Any]) -> Any:
    """Return one graph that holds all `graphs`, its nodes, edges and globals one graph after another.

    Args:
        graphs: at least one, all Graph or all HeteroGraph, with the same pytrees, types and relations; a batch
            counts as the graphs it holds. Graphs without nodes or edges keep their position.

    Returns:
        Numpy arrays that share no memory with the input. Ids keep their dtype, or become int64 if they no
        longer fit.

    Raises:
        GraphError: no graphs, mixed kinds, pytrees of different structure or features of different widths.

    >>> one = Graph(None, None, np.array([0]), np.array([1]), None, np.array([2]), np.array([1]))
    >>> batch([one, one]).senders.tolist()
    [0, 2]
    """
    if not graphs:
        raise GraphError("batch: found no graphs, expected at least one; leave out empty batches")
    graph_type = type(graphs[0])
    for position, graph in enumerate(graphs):
        if type(graph) is not graph_type or not isinstance(graph, (Graph, HeteroGraph)):
            actual = f"a {type(graph).__name__}"
            raise GraphError(
                problem(
                    f"batch: graphs[{position}]",
                    actual,
                    "graphs of one kind, Graph or HeteroGraph",
                    "convert it",
                )
            )
    return _batch_homogeneous(graphs) if graph_type is Graph else _batch_hetero(graphs)


@overload
def unbatch(graph: Graph) -> list[Graph]: ...
@overload
def unbatch(graph: HeteroGraph) -> list[HeteroGraph]: ...
def unbatch(graph: Any) -> Any:
    """Return the single graphs of a batch, as copies; [] for a batch of none. `unbatch(batch(graphs))` is `graphs`."""
    return _unbatch_homogeneous(graph) if isinstance(graph, Graph) else _unbatch_hetero(graph)


def _batch_homogeneous(graphs: Sequence[Graph]) -> Graph:
    offsets = _offsets([graph.n_node for graph in graphs])
    lengths = [len(graph.senders) for graph in graphs]
    return Graph(
        _concat([graph.nodes for graph in graphs], "nodes"),
        _concat([graph.edges for graph in graphs], "edges"),
        _shifted([graph.senders for graph in graphs], lengths, offsets),
        _shifted([graph.receivers for graph in graphs], lengths, offsets),
        _concat([graph.globals for graph in graphs], "globals"),
        np.concatenate([graph.n_node for graph in graphs]),
        np.concatenate([graph.n_edge for graph in graphs]),
    )


def _batch_hetero(graphs: Sequence[HeteroGraph]) -> HeteroGraph:
    first = graphs[0]
    for position, graph in enumerate(graphs):
        for field in ("n_node", "edges"):
            actual, expected = sorted(getattr(graph, field)), sorted(getattr(first, field))
            if actual != expected:
                do = "give each graph every type and relation, with 0 rows for none"
                raise GraphError(problem(f"batch: graphs[{position}].{field}", actual, str(expected), do))
    offsets = {
        node_type: _offsets([graph.n_node[node_type] for graph in graphs]) for node_type in first.n_node
    }
    edges = {}
    for key in first.edges:
        sets = [graph.edges[key] for graph in graphs]
        lengths = [len(one.senders) for one in sets]
        edges[key] = EdgeSet(
            _concat([one.features for one in sets], f"edges[{key!r}].features"),
            _shifted([one.senders for one in sets], lengths, offsets[key[0]]),
            _shifted([one.receivers for one in sets], lengths, offsets[key[2]]),
            np.concatenate([one.n_edge for one in sets]),
        )
    return HeteroGraph(
        {
            node_type: _concat([graph.nodes[node_type] for graph in graphs], f"nodes[{node_type!r}]")
            for node_type in first.nodes
        },
        edges,
        {
            node_type: np.concatenate([graph.n_node[node_type] for graph in graphs])
            for node_type in first.n_node
        },
    )


def _unbatch_homogeneous(graph: Graph) -> list[Graph]:
    nodes, edges = _offsets([graph.n_node], each=True), _offsets([graph.n_edge], each=True)
    return [
        Graph(
            _rows(graph.nodes, nodes[i], nodes[i + 1]),
            _rows(graph.edges, edges[i], edges[i + 1]),
            _lowered(graph.senders, edges[i], edges[i + 1], nodes[i]),
            _lowered(graph.receivers, edges[i], edges[i + 1], nodes[i]),
            _rows(graph.globals, i, i + 1),
            np.array(graph.n_node[i : i + 1]),
            np.array(graph.n_edge[i : i + 1]),
        )
        for i in range(len(graph.n_node))
    ]


def _unbatch_hetero(graph: HeteroGraph) -> list[HeteroGraph]:
    nodes = {node_type: _offsets([counts], each=True) for node_type, counts in graph.n_node.items()}
    ends = {key: _offsets([edges.n_edge], each=True) for key, edges in graph.edges.items()}

    def edge_set(key: tuple[str, str, str], edges: EdgeSet, i: int) -> EdgeSet:
        start, stop = ends[key][i], ends[key][i + 1]
        return EdgeSet(
            _rows(edges.features, start, stop),
            _lowered(edges.senders, start, stop, nodes[key[0]][i]),
            _lowered(edges.receivers, start, stop, nodes[key[2]][i]),
            np.array(edges.n_edge[i : i + 1]),
        )

    n_graphs = len(next(iter(graph.n_node.values()))) if graph.n_node else 0
    return [
        HeteroGraph(
            {
                node_type: _rows(pytree, nodes[node_type][i], nodes[node_type][i + 1])
                for node_type, pytree in graph.nodes.items()
            },
            {key: edge_set(key, edges, i) for key, edges in graph.edges.items()},
            {node_type: np.array(counts[i : i + 1]) for node_type, counts in graph.n_node.items()},
        )
        for i in range(n_graphs)
    ]


def _offsets(counts: list[Any], each: bool = False) -> np.ndarray:
    """Return where the rows of each entry of `counts` start, and where the last ends; `each` of one entry's graphs."""
    sizes = counts[0] if each else [int(np.sum(count)) for count in counts]
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _shifted(ids: list[Any], lengths: list[int], offsets: np.ndarray) -> np.ndarray:
    """Concatenate ids, those of graph i raised by offsets[i]."""
    joined = np.concatenate(ids)
    if offsets[-1] > np.iinfo(joined.dtype).max:
        joined = joined.astype(np.int64)
    result: np.ndarray = joined + np.repeat(offsets[:-1], lengths).astype(joined.dtype)
    return result


def _lowered(ids: Any, start: int, stop: int, offset: int) -> np.ndarray:
    part = np.asarray(ids)[start:stop]
    result: np.ndarray = part - part.dtype.type(offset)
    return result


def _rows(pytree: PyTree, start: int, stop: int) -> PyTree:
    return tree_map(lambda leaf: np.array(leaf[start:stop]), pytree)


def _concat(pytrees: list[PyTree], field: str) -> PyTree:
    """Concatenate pytrees leaf by leaf, in one go for each leaf."""
    columns = [dict(leaves_with_paths(pytree)) for pytree in pytrees]
    for position, column in enumerate(columns):
        if column.keys() != columns[0].keys():
            actual, expected = _shape_of(column), f"{_shape_of(columns[0])} as in graphs[0]"
            do = "give every graph the same pytree of features"
            raise GraphError(problem(f"batch: graphs[{position}].{field}", actual, expected, do))
    joined = iter([_join([column[path] for column in columns], f"{field}{path}") for path in columns[0]])
    return tree_map(lambda _: next(joined), pytrees[0])


def _join(arrays: list[Any], field: str) -> np.ndarray:
    try:
        return np.concatenate(arrays)
    except ValueError as error:
        expected = np.shape(arrays[0])[1:]
        for position, array in enumerate(arrays):
            if np.shape(array)[1:] != expected:
                actual = f"rows of shape {np.shape(array)[1:]}"
                do = "give every graph features of one width"
                where = f"batch: graphs[{position}].{field}"
                raise GraphError(problem(where, actual, f"{expected} as in graphs[0]", do)) from error
        raise


def _shape_of(column: dict[str, Any]) -> str:
    if not column:
        return "None"
    return "an array" if list(column) == [""] else f"a pytree with {', '.join(column)}"
