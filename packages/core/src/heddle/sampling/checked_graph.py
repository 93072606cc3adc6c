"""The graph a sampler is built on, checked at the door and brought into the arrays that samplers read."""

from typing import Any

import numpy as np

from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeType
from heddle.sampling.types import InEdges, SampleGraph


def open_graph(graph: SampleGraph) -> SampleGraph:
    """Return the graph in contiguous arrays of the types samplers read, with every shape and type checked.

    Weights become float64 unless they are float32, times int64. What lies in the arrays is left to `check_arrays`.

    Raises:
        GraphError: an array of the wrong type or length, or a relation between unknown types.
    """
    for node_type, n in graph.n_node.items():
        if n < 0:
            raise GraphError(
                problem(f"n_node[{node_type!r}]", n, "a count of at least 0", "count the nodes again")
            )
    edges = {key: _open_edges(graph, key, of) for key, of in graph.edges.items()}
    node_time = {}
    for node_type, time in graph.node_time.items():
        where = f"node_time[{node_type!r}]"
        if node_type not in graph.n_node:
            raise GraphError(
                problem(where, repr(node_type), f"a type of n_node, {list(graph.n_node)}", "add it")
            )
        node_time[node_type] = column(
            time, where, "iu", np.int64, graph.n_node[node_type], "one for each node"
        )
    hashes = {}
    for node_type, values in graph.key_hashes.items():
        where = f"key_hashes[{node_type!r}]"
        if node_type not in graph.n_node:
            raise GraphError(
                problem(where, repr(node_type), f"a type of n_node, {list(graph.n_node)}", "add it")
            )
        hashes[node_type] = column(
            values, where, "u", np.uint64, graph.n_node[node_type], "one for each node"
        )
    return SampleGraph({node_type: int(n) for node_type, n in graph.n_node.items()}, edges, node_time, hashes)


def _open_edges(graph: SampleGraph, key: EdgeType, edges: InEdges) -> InEdges:
    where = f"edges[{key!r}]"
    for node_type in (key[0], key[2]):
        if node_type not in graph.n_node:
            raise GraphError(
                problem(where, repr(node_type), f"a type of n_node, {list(graph.n_node)}", "add it")
            )
    senders = np.ascontiguousarray(edges.senders)
    if senders.dtype not in (np.int32, np.int64) or senders.ndim != 1:
        actual = f"{senders.dtype} of shape {senders.shape}"
        raise GraphError(problem(f"{where}.senders", actual, "[n_edges] int32 or int64", "cast it"))
    rows, n = graph.n_node[key[2]] + 1, len(senders)
    indptr = column(edges.indptr, f"{where}.indptr", "iu", senders.dtype, rows, "one more than receivers")
    weight, time = edges.weight, edges.time
    if weight is not None:
        dtype = np.float32 if np.asarray(weight).dtype == np.float32 else np.float64
        weight = column(weight, f"{where}.weight", "fiu", dtype, n, "one for each edge")
    if time is not None:
        time = column(time, f"{where}.time", "iu", np.int64, n, "one for each edge")
    return InEdges(indptr, senders, weight, time)


def column(array: Any, where: str, kinds: str, dtype: Any, length: int, meaning: str) -> np.ndarray:
    """Return a contiguous [length] array of `dtype`, made from numbers of one of `kinds`.

    Raises:
        GraphError: another dtype than one of `kinds`, or another shape.
    """
    array = np.asarray(array)
    if array.dtype.kind not in kinds:
        expected = {"iu": "integers", "u": "unsigned integers"}.get(kinds, "numbers")
        raise GraphError(problem(where, f"dtype {array.dtype}", expected, "cast it with astype"))
    if array.shape != (length,):
        actual, expected = f"shape {array.shape}", f"({length},), {meaning}"
        raise GraphError(problem(where, actual, expected, "build it again for this graph"))
    return np.ascontiguousarray(array, dtype)


def check_arrays(graph: SampleGraph) -> None:
    """Check what lies in the arrays of an opened graph: row pointers that rise, ids in range, sound weights.

    Raises:
        GraphError: names the array, the first bad position and what it holds.
    """
    for key, edges in graph.edges.items():
        where, n, bound = f"edges[{key!r}]", len(edges.senders), graph.n_node[key[0]]
        indptr = edges.indptr
        if indptr[0] != 0 or indptr[-1] != n or (np.diff(indptr) < 0).any():
            expected = f"to rise from 0 to {n}, the number of edges"
            raise GraphError(
                problem(f"{where}.indptr", f"{indptr[0]} to {indptr[-1]}", expected, "sort the edges again")
            )
        first_bad(
            edges.senders,
            (edges.senders < 0) | (edges.senders >= bound),
            f"{where}.senders",
            f"an id in [0, {bound})",
        )
        if edges.weight is not None:
            sound = np.isfinite(edges.weight) & (edges.weight >= 0)
            first_bad(edges.weight, ~sound, f"{where}.weight", "a finite number of at least 0")


def first_bad(array: np.ndarray, bad: np.ndarray, where: str, expected: str) -> None:
    """Check that no entry of `array` [n] is `bad` [n] bool.

    Raises:
        GraphError: one is; with the position and value of the first.
    """
    if bad.any():
        at = int(bad.argmax())
        raise GraphError(problem(f"{where}[{at}]", array[at], expected, "correct or remove the entry"))
