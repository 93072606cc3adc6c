"""ContainersSuite: graphs to the engine's own containers and back, to the bit."""

from typing import Any

import numpy as np
import pytest

from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import leaves, leaves_with_paths, tree_map
from heddle.graphs.validate import validate
from heddle.testing.cases.graphs import bare_graph, corner_batch, graph_of, hetero_case, square_cases
from heddle.testing.dtypes import in_dtype
from heddle.testing.suites.suite import Suite, float_dtypes

GRAPHS: dict[str, Graph | HeteroGraph] = {
    "corner_batch": corner_batch(),
    "bare": bare_graph(),
    "hetero": hetero_case(),
    **{edges.name: graph_of(edges) for edges in square_cases()},
}


@pytest.mark.parametrize("name", GRAPHS)
class ContainersSuite(Suite):
    """`from_native(to_native(graph))` is the graph: pytrees, None and empty parts included."""

    def test_round_trip(self, name: str) -> None:
        graph = GRAPHS[name]
        assert_same_graph(self.backend.from_native(self.backend.to_native(graph)), graph)

    def test_round_trip_in_every_dtype(self, name: str) -> None:
        for dtype in float_dtypes(self.backend):
            graph = in_dtype(GRAPHS[name], dtype)
            assert_same_graph(self.backend.from_native(self.backend.to_native(graph)), graph)

    def test_nothing_is_shared(self, name: str) -> None:
        """The engine's container keeps its numbers when the graph's, or a copy's, are written over."""
        kept = GRAPHS[name]
        graph = tree_map(np.array, kept)
        native = self.backend.to_native(graph)
        _spoil(graph)
        back = self.backend.from_native(native)
        assert_same_graph(back, kept)
        for path, leaf in leaves_with_paths(back):
            assert leaf.flags.writeable, f"{name}{path}: found a read-only array, expected the caller's own"
        _spoil(back)
        assert_same_graph(self.backend.from_native(native), kept)

    def test_the_graph_stays_as_it_is(self, name: str) -> None:
        graph = tree_map(np.array, GRAPHS[name])
        self.backend.to_native(graph)
        assert_same_graph(graph, GRAPHS[name])


def assert_same_graph(actual: Any, expected: Graph | HeteroGraph) -> None:
    """Check that two graphs are of one type, structure and content, and that the found one is valid numpy.

    Ids may be of another width, since engines keep theirs; features may not.
    """
    assert type(actual) is type(expected), f"found a {type(actual).__name__}, not a {type(expected).__name__}"
    shape_of, wanted = _shape_of(actual), _shape_of(expected)
    assert shape_of == wanted, f"found the structure {shape_of}, expected {wanted}"
    for (path, one), (_, other) in zip(leaves_with_paths(actual), leaves_with_paths(expected), strict=True):
        assert isinstance(one, np.ndarray), f"{path}: found a {type(one).__name__}, not a numpy array"
        assert one.shape == other.shape, f"{path}: found shape {one.shape}, expected {other.shape}"
        assert one.dtype.kind == other.dtype.kind, f"{path}: found dtype {one.dtype}, expected {other.dtype}"
        if one.dtype.kind == "f":
            assert one.dtype == other.dtype, f"{path}: found dtype {one.dtype}, expected {other.dtype}"
        assert (one == other).all(), f"{path}: found {one}, expected {other}"
    validate(actual)


def _shape_of(pytree: Any) -> Any:
    """Return what is left of a pytree when every array becomes "array": dicts, tuples, lists and None compare."""
    return tree_map(lambda _: "array", pytree)


def _spoil(graph: Any) -> None:
    for array in leaves(graph):
        array[...] = 77
