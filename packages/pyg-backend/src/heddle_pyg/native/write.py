"""to_native: a graph as PyG's Data or HeteroData."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, PyTree, num_nodes
from heddle.graphs.pytree import tree_map
from heddle.graphs.validate import validate
from heddle_pyg.native.fields import LAYOUT, STRUCTURE, PygFields, name_leaves


def to_native(graph: Graph | HeteroGraph, copy: bool = True) -> Data | HeteroData:
    """Return the graph as Data or HeteroData; `from_native` gives back the very same graph.

    Node features are called "x" (or by their keys), edge features "edge_attr" and "edge_weight", globals "u";
    edge_index is int64. Several graphs in one batch, or none, get the vectors `batch` and `ptr`, per node type. How
    features were nested, and the dtypes of ids and counts, is kept in the attribute `heddle_layout`. With
    `copy=False` features share memory with the graph's where they can.

    Raises:
        GraphError: the graph breaks a rule (see `heddle.graphs.validate`), or a dtype that torch doesn't know.
    """
    validate(graph, finite=False)
    if isinstance(graph, HeteroGraph):
        return _to_hetero_data(graph, copy)
    data, taken = Data(), set(STRUCTURE)
    nodes, edges = name_leaves(graph.nodes, "node", taken), name_leaves(graph.edges, "edge", taken)
    globals_ = name_leaves(graph.globals, "graph", taken)
    _write_nodes(data, graph.nodes, nodes, graph.n_node, num_nodes(graph), copy)
    _write_edges(data, EdgeSet(graph.edges, graph.senders, graph.receivers, graph.n_edge), edges, copy)
    _write(data, graph.globals, globals_, copy)
    data[LAYOUT] = PygFields({"": nodes}, {"": edges}, globals_, {"": _dtypes(graph)})
    return data


def _to_hetero_data(graph: HeteroGraph, copy: bool) -> HeteroData:
    data = HeteroData()
    nodes, edges = {}, {}
    for node_type, pytree in graph.nodes.items():
        nodes[node_type] = name_leaves(pytree, "node", set(STRUCTURE))
        count = graph.n_node[node_type]
        _write_nodes(data[node_type], pytree, nodes[node_type], count, int(np.asarray(count).sum()), copy)
    for key, edge_set in graph.edges.items():
        edges[key] = name_leaves(edge_set.features, "edge", set(STRUCTURE))
        _write_edges(data[key], edge_set, edges[key], copy)
    data[LAYOUT] = PygFields(nodes, edges, None, _hetero_dtypes(graph))
    return data


def _write(store: Any, pytree: PyTree, names: PyTree, copy: bool) -> None:
    tree_map(lambda leaf, name: store.__setitem__(name, _tensor(leaf, copy)), pytree, names)


def _write_nodes(store: Any, pytree: PyTree, names: PyTree, n_node: Any, total: int, copy: bool) -> None:
    _write(store, pytree, names, copy)
    store["num_nodes"] = total
    count = _tensor(n_node, True).long()
    if len(count) != 1:
        store["ptr"] = torch.cat([count.new_zeros(1), count.cumsum(0)])
        store["batch"] = torch.repeat_interleave(count)


def _write_edges(store: Any, edges: EdgeSet, names: PyTree, copy: bool) -> None:
    store["edge_index"] = torch.stack(
        [_tensor(ids, False).long() for ids in (edges.senders, edges.receivers)]
    )
    _write(store, edges.features, names, copy)


def _dtypes(edges: Graph | EdgeSet) -> dict[str, Any]:
    fields = [name for name in ("senders", "receivers", "n_node", "n_edge") if hasattr(edges, name)]
    return {name: _dtype(getattr(edges, name)) for name in fields}


def _hetero_dtypes(graph: HeteroGraph) -> dict[Any, dict[str, Any]]:
    nodes = {node_type: {"n_node": _dtype(count)} for node_type, count in graph.n_node.items()}
    return {**nodes, **{key: _dtypes(edges) for key, edges in graph.edges.items()}}


def _dtype(ids: Any) -> np.dtype:
    return _tensor(ids, False).cpu().numpy().dtype


def _tensor(leaf: Any, copy: bool) -> Tensor:
    if isinstance(leaf, Tensor):
        return leaf.clone() if copy else leaf
    array = np.asarray(leaf)
    shareable = array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0
    if copy or not shareable:
        array = np.array(array, array.dtype.newbyteorder("="), order="C")
    try:
        return torch.from_numpy(array)
    except TypeError as error:
        do = "cast it with astype('float32')"
        raise GraphError(problem("to_native", f"dtype {array.dtype}", "one that torch knows", do)) from error
