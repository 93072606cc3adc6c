"""Inputs: what a graph holds besides its structure, so that whatever a model leaves unread can be named."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from heddle.engines.hookspecs import ModelInfo
from heddle.graphs.dynamic.snapshots import Snapshot
from heddle.graphs.graph import EdgeType, Graph, HeteroGraph, PyTree
from heddle.nn.capabilities import FIXED_FEATURES
from heddle.options.input_kinds import EDGE_CODES, NODE_CODES
from heddle.sampling.store import GraphStore

_ENTRIES = {"x": "features", "codes": "codes", "weight": "weights"}
"""Entry of a pytree of features -> what it is called; any other is called by its own name."""


class Input(NamedTuple):
    """One array of features.

    Attributes:
        name: "node features", "edge codes" ...: whose it is, and its entry of the pytree.
        where: node type, or "source.relation.target"; "" where the graph has one of them.
    """

    name: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.name} of {self.where}" if self.where else self.name


def inputs_of(graphs: Any) -> list[Input]:
    """Return the inputs that a dataset's graphs, or a GraphStore, hold; of several graphs, those of the first.

    >>> import numpy as np
    >>> ends = np.array([0]), np.array([1])
    >>> graph = Graph(np.ones((2, 3)), {"weight": np.ones(1)}, *ends, None, np.array([2]), np.array([1]))
    >>> [str(found) for found in inputs_of(graph)]
    ['node features', 'edge weights']
    """
    if isinstance(graphs, Snapshot):
        graphs = graphs.graph
    if isinstance(graphs, Graph):
        of = {"node": graphs.nodes, "edge": graphs.edges, "graph": graphs.globals}
        return [Input(input_kind) for part, pytree in of.items() for input_kind in _kinds(part, pytree)]
    if isinstance(graphs, HeteroGraph):
        return _by_type(graphs.nodes, {key: of.features for key, of in graphs.edges.items()})
    if isinstance(graphs, GraphStore):
        return _by_type(graphs.nodes, graphs.edges)
    return inputs_of(graphs[0]) if isinstance(graphs, Sequence) and len(graphs) else []


def _by_type(nodes: Mapping[str, PyTree], edges: Mapping[EdgeType, PyTree]) -> list[Input]:
    of_nodes = [
        Input(name, node_type) for node_type, pytree in nodes.items() for name in _kinds("node", pytree)
    ]
    return of_nodes + [
        Input(name, ".".join(key)) for key, pytree in edges.items() for name in _kinds("edge", pytree)
    ]


def unused_inputs(graphs: Any, uses: frozenset[str]) -> list[str]:
    """Return, by name, the inputs of a dataset's graphs whose kind isn't among those that a model uses."""
    return [str(entry) for entry in inputs_of(graphs) if entry.name not in uses]


def unreadable_inputs(info: ModelInfo) -> tuple[str, ...]:
    """Return the kinds of input that a model can't be given: codes, where nothing embeds them."""
    if info.backends:
        return NODE_CODES, EDGE_CODES
    return (NODE_CODES,) if FIXED_FEATURES.name in info.capabilities else ()


def without_inputs(graphs: Any, kinds: Collection[str]) -> Any:
    """Return graphs without the features of some kinds: of one graph or of a list."""
    if not kinds:
        return graphs
    if isinstance(graphs, Graph):
        nodes, edges, of_graphs = (
            _without(part, pytree, kinds)
            for part, pytree in (("node", graphs.nodes), ("edge", graphs.edges), ("graph", graphs.globals))
        )
        return graphs._replace(nodes=nodes, edges=edges, globals=of_graphs)
    if isinstance(graphs, HeteroGraph):
        return graphs._replace(
            nodes={node_type: _without("node", pytree, kinds) for node_type, pytree in graphs.nodes.items()},
            edges={
                key: of._replace(features=_without("edge", of.features, kinds))
                for key, of in graphs.edges.items()
            },
        )
    return [without_inputs(graph, kinds) for graph in graphs] if isinstance(graphs, (list, tuple)) else graphs


def _without(part: str, pytree: PyTree, kinds: Collection[str]) -> PyTree:
    if not isinstance(pytree, Mapping):
        return None if f"{part} features" in kinds else pytree
    kept = {
        name: value for name, value in pytree.items() if f"{part} {_ENTRIES.get(name, name)}" not in kinds
    }
    if len(kept) == len(pytree):
        return pytree
    return kept["x"] if list(kept) == ["x"] else kept or None


def _kinds(part: str, pytree: PyTree) -> Iterator[str]:
    if isinstance(pytree, Mapping):
        for name, value in pytree.items():
            if value is not None:
                yield f"{part} {_ENTRIES.get(name, name)}"
    elif pytree is not None:
        yield f"{part} features"
