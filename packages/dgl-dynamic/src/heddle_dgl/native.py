"""Graphs as DGLGraphs and back, to the bit."""

from typing import Any

import numpy as np
import torch

from heddle.errors import GraphError
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, hetero_graph
from heddle.graphs.pytree import leaves, tree_map
from heddle_dgl.kernels import import_dgl

_NOTE = "_heddle"
"""Attribute of a DGLGraph that holds what DGL has no place for: the pytrees and counts."""


def to_native(graph: Graph | HeteroGraph) -> Any:
    """Return a DGLGraph; nodes' and edges' features as "x", or "x0", "x1" ... where there are several.

    What DGL has no place for (how features are nested, globals, the sizes of a batch) goes along as an attribute, which
    `from_native` reads and DGL's own transformations drop.

    Raises:
        GraphError: a HeteroGraph without relations.
        PluginError: DGL isn't installed, or can't be imported.
    """
    dgl = import_dgl()
    if isinstance(graph, Graph):
        count = int(np.sum(graph.n_node))
        native = dgl.graph((_ids(graph.senders), _ids(graph.receivers)), num_nodes=count)
        _fill(native.ndata, graph.nodes)
        _fill(native.edata, graph.edges)
        note: Any = graph._replace(senders=graph.senders[:0], receivers=graph.receivers[:0])
        note = note._replace(nodes=_skeleton(graph.nodes), edges=_skeleton(graph.edges))
    else:
        ends = {key: (_ids(e.senders), _ids(e.receivers)) for key, e in graph.edges.items()}
        counts = {node_type: int(np.sum(n)) for node_type, n in graph.n_node.items()}
        native = dgl.heterograph(ends, num_nodes_dict=counts) if ends else None
        edges = {
            key: e._replace(features=_skeleton(e.features), senders=e.senders[:0], receivers=e.receivers[:0])
            for key, e in graph.edges.items()
        }
        note = graph._replace(nodes={k: _skeleton(n) for k, n in graph.nodes.items()}, edges=edges)
        if native is None:
            raise GraphError(
                "to_native: found no relation, expected at least one; DGL keeps no graph without"
            )
        for node_type, pytree in graph.nodes.items():
            _fill(native.nodes[node_type].data, pytree)
        for key, e in graph.edges.items():
            _fill(native.edges[key].data, e.features)
    setattr(
        native, _NOTE, tree_map(lambda leaf: np.array(leaf) if isinstance(leaf, np.ndarray) else leaf, note)
    )
    return native


def from_native(native: Any) -> Graph | HeteroGraph:
    """Return a DGLGraph as a Graph, or with several types as a HeteroGraph, of numpy arrays of their own."""
    note = getattr(native, _NOTE, None)
    if isinstance(note, HeteroGraph) or (note is None and not native.is_homogeneous):
        return _hetero(native, note)
    senders, receivers = (_array(ends) for ends in native.edges())
    if note is None:
        counts, edges = native.batch_num_nodes(), native.batch_num_edges()
        return Graph(
            _features(native.ndata),
            _features(native.edata),
            senders,
            receivers,
            None,
            _array(counts),
            _array(edges),
        )
    return Graph(
        _refill(native.ndata, note.nodes),
        _refill(native.edata, note.edges),
        senders.astype(note.senders.dtype),
        receivers.astype(note.receivers.dtype),
        *tree_map(np.array, (note.globals, note.n_node, note.n_edge)),
    )


def _hetero(native: Any, note: Any) -> HeteroGraph:
    nodes, edges, counts = {}, {}, {}
    for node_type in native.ntypes:
        data = native.nodes[node_type].data
        nodes[node_type] = _features(data) if note is None else _refill(data, note.nodes[node_type])
        counts[node_type] = (
            np.array([native.num_nodes(node_type)]) if note is None else np.array(note.n_node[node_type])
        )
    for key in native.canonical_etypes:
        senders, receivers = (_array(ends) for ends in native.edges(etype=key))
        data = native.edges[key].data
        features = _features(data) if note is None else _refill(data, note.edges[key].features)
        n_edge = np.array([len(senders)]) if note is None else np.array(note.edges[key].n_edge)
        edges[key] = EdgeSet(features, senders, receivers, n_edge)
    return hetero_graph(nodes, edges, counts)


def _ids(ids: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(ids, np.int64))


def _array(tensor: torch.Tensor) -> np.ndarray:
    return np.array(tensor.cpu().numpy())


def _skeleton(pytree: Any) -> Any:
    """Return the pytree with numbers in place of arrays."""
    positions = iter(range(len(leaves(pytree))))
    return tree_map(lambda _: next(positions), pytree)


def _names(count: int) -> list[str]:
    return ["x"] if count == 1 else [f"x{position}" for position in range(count)]


def _fill(data: Any, pytree: Any) -> None:
    arrays = leaves(pytree)
    for name, array in zip(_names(len(arrays)), arrays):
        data[name] = torch.from_numpy(np.array(array))


def _refill(data: Any, skeleton: Any) -> Any:
    names = _names(len(leaves(skeleton)))
    return tree_map(lambda position: _array(data[names[position]]), skeleton)


def _features(data: Any) -> Any:
    """Return the fields of a DGLGraph that Heddle didn't make: one array as itself, several by name."""
    named = {str(name): _array(data[name]) for name in data}
    return next(iter(named.values())) if len(named) == 1 else named or None
