"""Random graphs with random pytrees of features, drawn by hypothesis; and comparisons of graphs."""

import numpy as np
from hypothesis import strategies as st

from heddle.graphs.graph import EdgeSet, Graph, hetero_graph
from heddle.graphs.pytree import leaves_with_paths

DTYPES = (np.float32, np.float64, np.int32, np.int64, np.bool_, np.uint8)

leaf_kinds = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=2).map(tuple))
"""(dtype, shape of a row) of one array."""

pytree_kinds = st.recursive(
    st.none() | leaf_kinds.map(lambda leaf_kind: ("leaf", leaf_kind)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=4,
)


def filled(leaf_kind, rows, rng):
    """Return a pytree of that kind with random values in `rows` rows."""
    if leaf_kind is None:
        return None
    if isinstance(leaf_kind, dict):
        return {key: filled(value, rows, rng) for key, value in leaf_kind.items()}
    if isinstance(leaf_kind, list):
        return [filled(value, rows, rng) for value in leaf_kind]
    dtype, shape = leaf_kind[1]
    return rng.integers(0, 2 if dtype is np.bool_ else 100, (rows, *shape)).astype(dtype)


@st.composite
def graph_lists(draw, min_size=1, max_size=4):
    """Draw single graphs whose features share their pytrees."""
    kinds = draw(pytree_kinds), draw(pytree_kinds), draw(pytree_kinds)
    ids = draw(st.sampled_from((np.int32, np.int64)))
    return [draw(_single(kinds, ids)) for _ in range(draw(st.integers(min_size, max_size)))]


@st.composite
def _single(draw, kinds, ids):
    n = draw(st.integers(0, 5))
    e = draw(st.integers(0, 7)) if n else 0
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    return Graph(
        filled(kinds[0], n, rng),
        filled(kinds[1], e, rng),
        rng.integers(0, max(n, 1), e).astype(ids),
        rng.integers(0, max(n, 1), e).astype(ids),
        filled(kinds[2], 1, rng),
        np.array([n], ids),
        np.array([e], ids),
    )


@st.composite
def hetero_lists(draw, min_size=1, max_size=3):
    """Draw single heterogeneous graphs of the same types, relations and pytrees."""
    types = draw(st.lists(st.sampled_from(("a", "b", "c")), min_size=1, unique=True))
    relation = st.tuples(st.sampled_from(types), st.sampled_from("rs"), st.sampled_from(types))
    relations = draw(st.lists(relation, unique=True, max_size=3))
    node_kinds = {node_type: draw(pytree_kinds) for node_type in types}
    edge_kinds = {key: draw(pytree_kinds) for key in relations}

    def one():
        rng = np.random.default_rng(draw(st.integers(0, 9999)))
        n = {node_type: int(rng.integers(0, 5)) for node_type in types}
        edges = {}
        for key in relations:
            e = int(rng.integers(0, 7)) if n[key[0]] and n[key[2]] else 0
            ends = rng.integers(0, max(n[key[0]], 1), e), rng.integers(0, max(n[key[2]], 1), e)
            edges[key] = EdgeSet(filled(edge_kinds[key], e, rng), *ends, np.array([e]))
        nodes = {node_type: filled(node_kinds[node_type], n[node_type], rng) for node_type in types}
        return hetero_graph(nodes, edges, {node_type: np.array([n[node_type]]) for node_type in types})

    return [one() for _ in range(draw(st.integers(min_size, max_size)))]


def assert_equal(actual, expected):
    """Compare two pytrees of arrays: structure, dtypes, shapes and values."""
    assert type(actual) is type(expected)
    one, other = dict(leaves_with_paths(actual)), dict(leaves_with_paths(expected))
    assert one.keys() == other.keys()
    for path, array in one.items():
        assert isinstance(array, np.ndarray), path
        assert array.dtype == other[path].dtype, path
        np.testing.assert_array_equal(array, other[path], err_msg=path)


def assert_apart(actual, given):
    """Check that no two arrays share memory."""
    for _, one in leaves_with_paths(actual):
        for _, other in leaves_with_paths(given):
            assert not np.shares_memory(one, other)
