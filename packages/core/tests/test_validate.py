"""validate: what it lets through, and what it says of graphs that break a rule."""

import re
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest

from heddle.errors import GraphError
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, hetero_graph
from heddle.graphs.validate import validate

WRITES = ("author", "writes", "paper")
CITES = ("paper", "cites", "paper")


class Pair(NamedTuple):
    left: object
    right: object


def ints(*values):
    return np.array(values, np.int64)


def graph(**changes):
    """Two graphs in a batch, of 3 and 2 nodes, 3 and 1 edges, with nested features; fields may be replaced."""
    nodes = {"x": np.ones((5, 2), np.float32), "pair": (np.zeros(5), None)}
    whole = Graph(
        nodes, np.ones((4, 1)), ints(0, 1, 2, 4), ints(1, 2, 0, 3), np.ones((2, 1)), ints(3, 2), ints(3, 1)
    )
    return whole._replace(**changes)


def hetero(**changes):
    """Two authors and three papers, two relations; fields may be replaced."""
    edges = {
        CITES: EdgeSet(None, ints(2, 1), ints(0, 0), ints(2)),
        WRITES: EdgeSet(np.ones((2, 1)), ints(0, 1), ints(0, 2), ints(2)),
    }
    nodes = {"paper": np.ones((3, 2)), "author": None}
    return hetero_graph(nodes, edges, {"author": ints(2), "paper": ints(3)})._replace(**changes)


def edge_set(**changes):
    """The hetero graph with changes in the edges of WRITES."""
    whole = hetero()
    return whole._replace(edges={**whole.edges, WRITES: whole.edges[WRITES]._replace(**changes)})


def with_bad(array, at, value):
    array = np.array(array)
    array[at] = value
    return array


NO_EDGES = EdgeSet(None, ints(), ints(), ints(0))

VALID = {
    "batch": graph(),
    "single": graph(n_node=ints(5), n_edge=ints(4), globals=None),
    "no features": graph(nodes=None, edges=None, globals=None),
    "no edges": graph(edges=None, senders=ints(), receivers=ints(), n_edge=ints(0, 0)),
    "no nodes": Graph(np.ones((0, 3)), None, ints(), ints(), None, ints(0), ints(0)),
    "no graphs": Graph(None, None, ints(), ints(), None, ints(), ints()),
    "an empty graph in the batch": graph(n_node=ints(3, 0, 2), n_edge=ints(3, 0, 1), globals=None),
    "loops and repeated edges": graph(senders=ints(0, 0, 0, 4), receivers=ints(0, 1, 1, 4)),
    "int32 and unsigned ids": graph(
        senders=np.array([0, 1, 2, 4], np.int32), receivers=np.array([1, 2, 0, 3], np.uint64)
    ),
    "integers, booleans and complex features": graph(
        nodes=(np.ones(5, bool), np.ones((5, 2, 2), complex), ints(*range(5)))
    ),
    "named tuple of features": graph(nodes=Pair(np.ones(5), {"deep": [np.ones((5, 1))]})),
    "float16": graph(nodes=np.full((5, 40000), 60000, np.float16)),
    "hetero": hetero(),
    "hetero of nothing": HeteroGraph({}, {}, {}),
    "a read-only mapping": hetero(nodes=MappingProxyType(hetero().nodes)),
    "hetero batch": HeteroGraph(
        {"a": None, "b": np.ones((2, 1))},
        {("a", "r", "b"): EdgeSet(None, ints(0, 1), ints(0, 1), ints(1, 1))},
        {"a": ints(1, 1), "b": ints(1, 1)},
    ),
}

# name -> (graph, what its message must tell)
BROKEN = {
    "sender too large": (graph(senders=ints(0, 1, 5, 4)), "senders[2]: found 5, expected an id below 5"),
    "receiver too large": (
        graph(receivers=ints(1, 2, 0, 99)),
        "receivers[3]: found 99, expected an id below 5",
    ),
    "sender huge": (graph(senders=ints(0, 2**62, 1, 4)), f"senders[1]: found {2**62}"),
    "unsigned sender above int64": (
        graph(senders=np.array([0, 1, 2**64 - 1, 4], np.uint64)),
        f"senders[2]: found {2**64 - 1}",
    ),
    "sender negative": (
        graph(senders=ints(0, -1, 2, 4)),
        "senders[1]: found -1, expected an id of at least 0",
    ),
    "receiver negative": (graph(receivers=ints(-7, 2, 0, 3)), "receivers[0]: found -7"),
    "first of several bad": (graph(senders=ints(0, -1, -2, 9)), "senders[1]: found -1"),
    "ids in an empty graph": (graph(nodes=None, n_node=ints(0, 0)), "expected an id below 0"),
    "float senders": (
        graph(senders=np.array([0.0, 1, 2, 4])),
        "senders: found dtype float64, expected integers",
    ),
    "float receivers": (graph(receivers=np.array([1.5, 2, 0, 3])), "receivers: found dtype float64"),
    "empty float senders": (graph(senders=np.array([]), receivers=ints(), n_edge=ints(0, 0)), "float64"),
    "bool senders": (graph(senders=np.array([True, False, True, True])), "senders: found dtype bool"),
    "text senders": (graph(senders=np.array(["a", "b", "c", "d"])), "senders: found dtype <U1"),
    "object senders": (graph(senders=np.array([0, 1, 2, 4], object)), "senders: found dtype object"),
    "complex receivers": (graph(receivers=np.array([1, 2, 0, 3j])), "receivers: found dtype complex128"),
    "date receivers": (graph(receivers=np.array([1, 2, 0, 3], "M8[s]")), "receivers: found dtype datetime64"),
    "list of senders": (graph(senders=[0, 1, 2, 4]), "senders: found a list, expected an array"),
    "no senders": (graph(senders=None), "senders: found None, expected an array"),
    "text for senders": (graph(senders="0124"), "senders: found a str"),
    "senders of two axes": (
        graph(senders=ints(0, 1, 2, 4)[:, None]),
        "senders: found shape (4, 1), expected one axis",
    ),
    "scalar senders": (graph(senders=np.int64(3)), "senders: found shape ()"),
    "edge index in one array": (graph(senders=np.zeros((2, 4), np.int64)), "senders: found shape (2, 4)"),
    "receivers short": (graph(receivers=ints(1, 2, 0)), "receivers: length: found 3, expected 4"),
    "receivers long": (graph(receivers=ints(1, 2, 0, 3, 3)), "receivers: length: found 5, expected 4"),
    "n_edge sum": (graph(n_edge=ints(3, 2)), "n_edge: found a sum of 5, expected 4"),
    "n_edge length": (graph(n_edge=ints(3, 1, 0)), "n_edge: length: found 3, expected 2"),
    "n_edge negative": (graph(n_edge=ints(5, -1)), "n_edge[1]: found -1, expected a count of at least 0"),
    "n_edge float": (graph(n_edge=np.array([3.0, 1.0])), "n_edge: found dtype float64"),
    "n_edge scalar": (graph(n_edge=np.int64(4)), "n_edge: found shape ()"),
    "n_edge a number": (graph(n_edge=4), "n_edge: found shape ()"),
    "n_edge none": (graph(n_edge=None), "n_edge: found None"),
    "n_edge overflow": (graph(n_edge=ints(2**62, 2**62)), "n_edge: found a sum of 9223372036854775808"),
    "n_node sum small": (
        graph(n_node=ints(3, 1)),
        "nodes['x']: found 5 rows, expected 4 rows, the sum of n_node",
    ),
    "n_node sum large": (graph(n_node=ints(3, 3)), "nodes['x']: found 5 rows, expected 6 rows"),
    "n_node negative": (graph(n_node=ints(6, -1)), "n_node[1]: found -1"),
    "n_node float": (graph(n_node=np.array([3.0, 2.0])), "n_node: found dtype float64"),
    "n_node of two axes": (graph(n_node=ints(3, 2)[None]), "n_node: found shape (1, 2)"),
    "n_node list": (graph(n_node=[3, 2]), "n_node: found a list"),
    "n_node overflow": (graph(nodes=None, n_node=ints(2**62, 2**62)), "n_node: found a sum of"),
    "edge to the next graph": (
        graph(receivers=ints(1, 3, 0, 3)),
        "receivers[1]: found 3, expected a node of graph 0",
    ),
    "edge to the graph before": (
        graph(senders=ints(0, 1, 2, 2)),
        "senders[3]: found 2, expected a node of graph 1 (3 to 4)",
    ),
    "edge across an empty graph": (
        graph(n_node=ints(3, 0, 2), n_edge=ints(3, 0, 1), globals=None, senders=ints(0, 1, 2, 1)),
        "senders[3]: found 1, expected a node of graph 2",
    ),
    "edge in a graph of no nodes": (
        graph(n_node=ints(5, 0), receivers=ints(1, 2, 0, 3)),
        "senders[3]: found 4, expected a node of graph 1",
    ),
    "nodes short": (graph(nodes=np.ones((4, 2))), "nodes: found 4 rows, expected 5 rows"),
    "nodes scalar": (graph(nodes=np.float32(1)), "nodes: found the scalar 1.0"),
    "nodes a number": (graph(nodes=3), "nodes: found the scalar 3"),
    "ragged pytree": (
        graph(nodes={"x": np.ones((5, 2)), "y": np.ones(4)}),
        "nodes['y']: found 4 rows, expected 5 rows",
    ),
    "ragged deep pytree": (graph(nodes=Pair(np.ones(5), [np.ones(6)])), "nodes.right[0]: found 6 rows"),
    "ragged lists": (graph(nodes=[[1, 2], [3], [4, 5], [6, 7], [8, 9]]), "nodes[0][0]: found the scalar 1"),
    "ragged object array": (
        graph(nodes=np.array([[1, 2], [3], [4], [5], [6]], object)),
        "nodes: found dtype object, expected numbers or booleans",
    ),
    "text features": (graph(nodes=np.array(["a"] * 5)), "nodes: found dtype <U1"),
    "bytes features": (graph(nodes=np.array([b"a"] * 5)), "nodes: found dtype |S1"),
    "a word": (graph(nodes="features"), "nodes: found a str, expected an array"),
    "structured features": (graph(nodes=np.zeros(5, [("a", float)])), "expected numbers or booleans"),
    "date features": (graph(nodes=np.zeros(5, "M8[s]")), "nodes: found dtype datetime64"),
    "masked features": (
        graph(nodes=np.ma.masked_array(np.ones((4, 1)))),
        "nodes: found a masked array, expected",
    ),
    "a set of features": (graph(nodes={1, 2}), "nodes: found dtype object"),
    "NaN in nodes": (
        graph(nodes={"x": with_bad(np.ones((5, 2)), (3, 1), np.nan)}),
        "nodes['x'][3, 1]: found nan",
    ),
    "inf in nodes": (
        graph(nodes=with_bad(np.ones(5), 2, np.inf)),
        "nodes[2]: found inf, expected a finite number",
    ),
    "-inf in nodes": (
        graph(nodes=with_bad(np.ones((5, 2, 2)), (4, 0, 1), -np.inf)),
        "nodes[4, 0, 1]: found -inf",
    ),
    "NaN in float16": (graph(nodes=with_bad(np.ones(5, np.float16), 0, np.nan)), "nodes[0]: found nan"),
    "NaN in complex": (
        graph(nodes=with_bad(np.ones(5, complex), 1, complex(0, np.nan))),
        "nodes[1]: found nanj",
    ),
    "NaN in edges": (graph(edges=with_bad(np.ones((4, 1)), (2, 0), np.nan)), "edges[2, 0]: found nan"),
    "NaN in globals": (graph(globals=with_bad(np.ones((2, 1)), (1, 0), np.nan)), "globals[1, 0]: found nan"),
    "edges short": (
        graph(edges=np.ones((3, 1))),
        "edges: found 3 rows, expected 4 rows, the length of senders",
    ),
    "edges nested short": (graph(edges={"w": np.ones(5)}), "edges['w']: found 5 rows, expected 4 rows"),
    "globals long": (
        graph(globals=np.ones((3, 1))),
        "globals: found 3 rows, expected 2 rows, the length of n_node",
    ),
    "not a graph": (np.ones(3), "validate: found a ndarray, expected a Graph or a HeteroGraph"),
    "a dict": ({"nodes": None}, "validate: found a dict"),
    "a plain tuple": (tuple(graph()), "validate: found a tuple"),
    "none": (None, "validate: found a NoneType"),
    "hetero: sender of the source type": (
        edge_set(senders=ints(0, 2)),
        "writes', 'paper')].senders[1]: found 2, expected an id below 2",
    ),
    "hetero: receiver of the target type": (
        edge_set(receivers=ints(0, 3)),
        ".receivers[1]: found 3, expected an id below 3",
    ),
    "hetero: negative": (edge_set(receivers=ints(-1, 2)), ".receivers[0]: found -1"),
    "hetero: float ids": (edge_set(senders=np.array([0.0, 1.0])), ".senders: found dtype float64"),
    "hetero: ends of unlike length": (edge_set(senders=ints(0)), ".receivers: length: found 2, expected 1"),
    "hetero: n_edge sum": (edge_set(n_edge=ints(3)), ".n_edge: found a sum of 3, expected 2"),
    "hetero: n_edge of two graphs": (edge_set(n_edge=ints(1, 1)), ".n_edge: length: found 2, expected 1"),
    "hetero: features short": (
        edge_set(features=np.ones((1, 1))),
        ".features: found 1 rows, expected 2 rows",
    ),
    "hetero: features NaN": (edge_set(features=np.array([1, np.nan])), ".features[1]: found nan"),
    "hetero: a tuple of edges": (
        hetero(edges={WRITES: (None, ints(0), ints(0), ints(1))}),
        "found a tuple, expected an EdgeSet",
    ),
    "hetero: no edges": (hetero(edges={WRITES: None}), "found a NoneType, expected an EdgeSet"),
    "hetero: unknown source type": (
        hetero(edges={("editor", "reads", "paper"): NO_EDGES}),
        "found 'editor', expected a node type",
    ),
    "hetero: unknown target type": (
        hetero(edges={("author", "reads", "book"): NO_EDGES}),
        "found 'book', expected a node type",
    ),
    "hetero: edge keys unsorted": (
        hetero(edges=dict(reversed(hetero().edges.items()))),
        "edges: keys: found ('author', 'writes', 'paper') after",
    ),
    "hetero: node keys unsorted": (
        hetero(nodes=dict(reversed(hetero().nodes.items()))),
        "nodes: keys: found 'author' after 'paper'",
    ),
    "hetero: n_node keys unsorted": (hetero(n_node={"paper": ints(3), "author": ints(2)}), "n_node: keys"),
    "hetero: a type without counts": (
        hetero(n_node={"paper": ints(3)}),
        "nodes: found ['author', 'paper'], expected the node types",
    ),
    "hetero: a type without nodes": (hetero(nodes={"paper": None}), "nodes: found ['paper']"),
    "hetero: relation by name": (
        hetero(edges={"writes": NO_EDGES}),
        "edges: key: found 'writes', expected (source, relation, target)",
    ),
    "hetero: relation of two": (hetero(edges={("author", "paper"): NO_EDGES}), "edges: key"),
    "hetero: relation of numbers": (hetero(edges={("author", 1, "paper"): NO_EDGES}), "edges: key"),
    "hetero: node type a number": (
        hetero(nodes={0: None}, n_node={0: ints(1)}),
        "nodes: key: found 0, expected a string",
    ),
    "hetero: nodes a list": (hetero(nodes=[np.ones((3, 2))]), "nodes: found a list, expected a dict"),
    "hetero: edges none": (hetero(edges=None), "edges: found a NoneType, expected a dict"),
    "hetero: n_node an array": (hetero(n_node=ints(2, 3)), "n_node: found a ndarray, expected a dict"),
    "hetero: counts of unlike length": (
        hetero(n_node={"author": ints(2), "paper": ints(2, 1)}),
        "n_node['paper']: found 2, expected 1, as many graphs",
    ),
    "hetero: n_node sum": (
        hetero(n_node={"author": ints(2), "paper": ints(4)}),
        "nodes['paper']: found 3 rows, expected 4 rows",
    ),
    "hetero: n_node negative": (
        hetero(n_node={"author": ints(-2), "paper": ints(3)}),
        "n_node['author'][0]: found -2",
    ),
    "hetero: nodes NaN": (
        hetero(nodes={"author": None, "paper": np.full((3, 1), np.nan)}),
        "nodes['paper'][0, 0]: found nan",
    ),
    "hetero: edge across graphs": (
        HeteroGraph(
            {"a": None, "b": None},
            {("a", "r", "b"): EdgeSet(None, ints(0, 1), ints(1, 0), ints(1, 1))},
            {"a": ints(1, 1), "b": ints(1, 1)},
        ),
        ".receivers[0]: found 1, expected a node of graph 0",
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_valid(name):
    assert validate(VALID[name]) is VALID[name]


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name):
    broken, message = BROKEN[name]
    with pytest.raises(GraphError) as error:
        validate(broken)
    assert message in str(error.value)
    assert re.fullmatch(r".+: found .+, expected .+; .+", str(error.value))


def test_not_finite_on_demand():
    missing = graph(nodes=np.full((5, 2), np.nan))
    assert validate(missing, finite=False) is missing


def test_first_bad_edge_of_a_million():
    n = 1_000_000
    receivers = np.arange(n)
    receivers[777_777] = n
    whole = Graph(None, None, np.arange(n), receivers, None, ints(n), ints(n))
    with pytest.raises(GraphError, match=r"receivers\[777777\]: found 1000000, expected an id below 1000000"):
        validate(whole)


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_other_arrays(library):
    """Arrays of other libraries are read, with gradients and bfloat16 too."""
    xp = pytest.importorskip(library)
    asarray = xp.asarray
    nodes = {"x": asarray(np.ones((5, 2), np.float32)), "b": xp.ones((5,), dtype=xp.bfloat16)}
    if library == "torch":
        nodes["x"].requires_grad_()
    whole = graph(nodes=nodes, senders=asarray(np.array([0, 1, 2, 4], np.int32)))
    assert validate(whole) is whole
    with pytest.raises(GraphError, match=r"senders\[1\]: found -1"):
        validate(graph(senders=asarray(np.array([0, -1, 2, 4], np.int32))))
    with pytest.raises(GraphError, match=r"nodes\[0, 0\]: found nan"):
        validate(graph(nodes=xp.full((5, 2), float("nan"), dtype=xp.bfloat16)))


def test_inside_jit_is_reported():
    jax = pytest.importorskip("jax")
    with pytest.raises(GraphError, match="validate outside jit"):
        jax.jit(lambda ids: validate(graph(senders=ids)).senders)(np.array([0, 1, 2, 4]))
