"""from_native: PyG's Data or HeteroData as a graph of numpy arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from heddle.errors import GraphError, problem
from heddle.graphs.graph import EdgeSet, Graph, HeteroGraph, PyTree, hetero_graph
from heddle.graphs.pytree import tree_map
from heddle.graphs.validate import validate
from heddle_pyg.native.fields import LAYOUT, STRUCTURE, PygFields, read_leaves


def from_native(native: Data | HeteroData) -> Graph | HeteroGraph:
    """Return Data or HeteroData as a Graph or HeteroGraph of numpy arrays that share no memory with it.

    What `to_native` made comes back as it was. Of anything else, the tensors with a row per node become `nodes` (the
    array "x" alone, or a dict of all), those with a row per edge `edges` (edge_attr as "x", edge_weight as "weight"),
    "u" and other tensors with a row per graph `globals`; further attributes are left out. Without `ptr` or `batch`
    it is one graph.

    Raises:
        GraphError: no edge_index, a vector `batch` that isn't sorted, or a broken rule (see `heddle.graphs.validate`).
    """
    fields = _layout_of(native)
    graph = tree_map(_array, tensors_of(native))
    if fields is not None:
        graph = _cast(graph, fields.dtypes)
    return validate(graph, finite=False)


def tensors_of(native: Data | HeteroData) -> Graph | HeteroGraph:
    """Return what `from_native` returns, but of the native's own tensors, ids in int64, and unchecked.

    Raises:
        GraphError: neither Data nor HeteroData, no edge_index, or a vector `batch` that isn't sorted.
    """
    fields = _layout_of(native)
    if isinstance(native, HeteroData):
        return _from_hetero_data(native, fields)
    if not isinstance(native, Data):
        got = f"a {type(native).__name__}"
        raise GraphError(problem("from_native", got, "Data or HeteroData", "wrap it in Data(...)"))
    (store,) = native.stores
    n_node = _n_node(store, "data")
    senders, receivers, n_edge = _ends(store, n_node, "data")
    if fields is not None:
        nodes, edges = read_leaves(store, fields.nodes[""]), read_leaves(store, fields.edges[""])
        return Graph(nodes, edges, senders, receivers, read_leaves(store, fields.globals), n_node, n_edge)
    tensors = {
        key: value
        for key, value in store.items()
        if key not in STRUCTURE and isinstance(value, Tensor) and value.ndim
    }
    per_node = {key: value for key, value in tensors.items() if key != "u" and store.is_node_attr(key)}
    others = {key: value for key, value in tensors.items() if key not in per_node}
    per_graph = {key: x for key, x in others.items() if len(x) == len(n_node) and "edge" not in key}
    per_edge = {key: x for key, x in others.items() if key not in per_graph and store.is_edge_attr(key)}
    nodes, edges = _simple(per_node, "x"), _edge_pytree(per_edge)
    return Graph(nodes, edges, senders, receivers, _simple(per_graph, "u"), n_node, n_edge)


def _from_hetero_data(data: HeteroData, fields: PygFields | None) -> HeteroGraph:
    nodes, edges, n_node = {}, {}, {}
    for node_type, store in data.node_items():
        n_node[node_type] = _n_node(store, f"data[{node_type!r}]")
        if fields is not None:
            nodes[node_type] = read_leaves(store, fields.nodes[node_type])
        else:
            names = [key for key in store.node_attrs() if key not in STRUCTURE]
            nodes[node_type] = _simple(
                {key: store[key] for key in names if isinstance(store[key], Tensor)}, "x"
            )
    for key, store in data.edge_items():
        senders, receivers, n_edge = _ends(store, n_node[key[0]], f"data[{key!r}]")
        if fields is not None:
            features = read_leaves(store, fields.edges[key])
        else:
            names = [name for name in store.edge_attrs() if name not in STRUCTURE]
            features = _edge_pytree({name: store[name] for name in names if isinstance(store[name], Tensor)})
        edges[key] = EdgeSet(features, senders, receivers, n_edge)
    return hetero_graph(nodes, edges, n_node)


def _n_node(store: Any, where: str) -> Tensor:
    """Return how many nodes each graph has: by ptr, by a sorted batch vector, or one graph of them all."""
    if isinstance(store.get("ptr"), Tensor):
        return store["ptr"].diff()
    batch = store.get("batch")
    if isinstance(batch, Tensor):
        if bool((batch.diff() < 0).any()):
            at = int((batch.diff() < 0).nonzero()[0]) + 1
            got = f"{int(batch[at])} after {int(batch[at - 1])}"
            do = "sort nodes by graph, as Batch.from_data_list does"
            raise GraphError(problem(f"{where}.batch[{at}]", got, "an ascending vector", do))
        return batch.bincount()
    known = store.num_nodes
    if known is None:
        do = "set data.num_nodes"
        raise GraphError(problem(f"{where}.num_nodes", "None", "the number of nodes", do))
    return torch.tensor([int(known)])


def _ends(store: Any, n_node: Tensor, where: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return (senders, receivers, edges of each graph); an edge belongs to its sender's graph."""
    edge_index = store.get("edge_index")
    if not isinstance(edge_index, Tensor) or edge_index.ndim != 2 or len(edge_index) != 2:
        got = (
            f"shape {tuple(edge_index.shape)}"
            if isinstance(edge_index, Tensor)
            else type(edge_index).__name__
        )
        do = "set edge_index; torch_geometric.utils makes one of an adj_t"
        raise GraphError(problem(f"{where}.edge_index", got, "a tensor [2, num_edges]", do))
    senders, receivers = edge_index.as_subclass(Tensor)
    if len(n_node) == 1:
        return senders, receivers, torch.tensor([len(senders)])
    graph_ids = torch.searchsorted(n_node.cumsum(0), senders.contiguous(), right=True)
    return senders, receivers, graph_ids.clamp_(max=max(len(n_node) - 1, 0)).bincount(minlength=len(n_node))


def _simple(tensors: Mapping[str, Tensor], usual: str) -> PyTree:
    """Return the one tensor of the usual name itself, several as a dict, none as None."""
    return tensors[usual] if set(tensors) == {usual} else dict(tensors) or None


def _edge_pytree(tensors: Mapping[str, Tensor]) -> PyTree:
    if set(tensors) == {"edge_attr"}:
        return tensors["edge_attr"]
    keys = {"edge_attr": "x", "edge_weight": "weight"}
    return {keys.get(name, name.removeprefix("edge_")): value for name, value in tensors.items()} or None


def _layout_of(native: Any) -> PygFields | None:
    """Return the PygFields that `to_native` left, also after PyG's batching, which makes lists of non-tensors."""
    fields = native[LAYOUT] if isinstance(native, (Data, HeteroData)) and LAYOUT in native else None
    fields = fields[0] if isinstance(fields, list) and fields else fields
    return fields if isinstance(fields, PygFields) else None


def _cast(graph: Graph | HeteroGraph, dtypes: Mapping[Any, Mapping[str, Any]]) -> Graph | HeteroGraph:
    """Return the graph with ids and counts in the dtypes that they had."""

    def cast(value: Any, key: Any) -> Any:
        return value._replace(
            **{name: getattr(value, name).astype(dtype) for name, dtype in dtypes[key].items()}
        )

    if isinstance(graph, Graph):
        return cast(graph, "")
    n_node = {
        node_type: count.astype(dtypes[node_type]["n_node"]) for node_type, count in graph.n_node.items()
    }
    return graph._replace(edges={key: cast(edges, key) for key, edges in graph.edges.items()}, n_node=n_node)


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return np.array((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
