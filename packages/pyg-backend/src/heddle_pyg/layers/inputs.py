"""Inputs of a PortableModule: graphs of Heddle's or PyG's as one kind of graph, and what stands for its edges."""

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from heddle.errors import GraphError, problem
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.graphs.pytree import leaves, leaves_with_paths
from heddle.nn.model import edge_weight
from heddle_pyg.native import tensors_of
from heddle_torch.digest import is_transformed


class Inputs(NamedTuple):
    """A graph as it was given.

    Attributes:
        graph: of the caller's own arrays.
        edge_arrays: the arrays that stand for the edges, by identity.
        sizes: what else a propagation depends on.
    """

    graph: Graph | HeteroGraph
    edge_arrays: list[Any]
    sizes: Hashable


def read_inputs(graph: Any, edge_index: Tensor | None, weight: Tensor | None) -> Inputs:
    """Return what a PortableModule was called with as Inputs, without a copy.

    Args:
        graph: a Graph, HeteroGraph, Data or HeteroData of tensors; or node features [n_nodes, d], with `edge_index`.
        edge_index: [2, n_edges] int, senders above receivers; None for a graph that has its edges.
        weight: [n_edges] weights of the edges of `edge_index`, or None.

    Raises:
        GraphError: node features without edge_index, ids or weights of another shape or type, complex features, weights
            that want a gradient, edges that a transformation of `torch.func` goes over.
    """
    read: Graph | HeteroGraph
    sizes: tuple[Any, ...] = ()
    if isinstance(graph, Graph):
        read, edge_arrays = graph, leaves(graph._replace(nodes=None, globals=None))
    elif isinstance(graph, HeteroGraph):
        read, edge_arrays = graph, leaves(graph._replace(nodes={}))
    elif isinstance(graph, (Data, HeteroData)):
        read, sizes = tensors_of(graph), tuple(store.num_nodes for store in graph.node_stores)
        items = [item for store in graph.stores for item in store.items()]
        edge_arrays = [value for key, value in items if isinstance(value, Tensor) and key not in ("x", "y")]
    elif edge_index is None:
        raise GraphError(
            f"PortableModule: found a {type(graph).__name__} without edge_index, expected a graph, or x with "
            "edge_index; call module(x, edge_index)"
        )
    else:
        if edge_index.ndim != 2 or edge_index.shape[0] != 2:
            got = f"shape {tuple(edge_index.shape)}"
            raise GraphError(
                problem("edge_index", got, "[2, n_edges], senders above receivers", "transpose it")
            )
        n_node, n_edge = torch.tensor([len(graph)]), torch.tensor([edge_index.shape[1]])
        edges = None if weight is None else {"weight": weight}
        read = Graph(graph, edges, edge_index[0], edge_index[1], None, n_node, n_edge)
        edge_arrays = leaves([edge_index, weight])
    _check_weights(read)
    _check_edges(read)
    check_constant(edge_arrays)
    return Inputs(read, edge_arrays, (sizes, *((path, len(x)) for path, x in leaves_with_paths(read.nodes))))


def check_constant(edge_arrays: Iterable[Any]) -> None:
    """Refuse edges that a transformation of `torch.func` goes over. Raises GraphError."""
    if any(isinstance(array, Tensor) and is_transformed(array) for array in edge_arrays):
        expected = "constants, since propagations are prepared once"
        raise GraphError(problem("edges", "a tensor that torch.func goes over", expected, "call it for each"))


def as_tensor(leaf: Any, like: Tensor) -> Any:
    """Return a numpy array or tensor as a tensor of its shape on the device of `like`, floats in its dtype.

    A numpy array is copied. Other leaves come back as they are.
    """
    if isinstance(leaf, np.ndarray):
        leaf = torch.from_numpy(np.array(leaf, leaf.dtype.newbyteorder("="), order="C"))
    if not isinstance(leaf, Tensor):
        return leaf
    return leaf.to(like.device, like.dtype) if leaf.is_floating_point() else leaf.to(like.device)


def as_array(leaf: Any) -> Any:
    """Return a tensor as a numpy array that shares its memory where it can; other leaves as they are.

    Features that a transformation of `torch.func` goes over have no values: they are zeros of their shape, as what is
    prepared depends on edges alone.
    """
    if not isinstance(leaf, Tensor):
        return leaf
    if is_transformed(leaf):
        return np.broadcast_to(np.float32(0), tuple(leaf.shape))
    values = leaf.detach().cpu().resolve_conj().resolve_neg()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def _check_weights(graph: Graph | HeteroGraph) -> None:
    features = (
        [graph.edges] if isinstance(graph, Graph) else [entry.features for entry in graph.edges.values()]
    )
    weights = [edge_weight(pytree) for pytree in features]
    if any(isinstance(weight, Tensor) and weight.requires_grad for weight in weights):
        raise GraphError(
            "edge_weight: found a tensor that requires a gradient, expected constants, since propagations are prepared "
            "once; pass edge_weight.detach()"
        )


def _check_edges(graph: Graph | HeteroGraph) -> None:
    """Check ids, weights and the kind of the features' numbers; ids' range is checked where edges are sorted."""
    sets: list[tuple[str, Any, Any]]
    if isinstance(graph, Graph):
        sets = [("", graph, graph.edges)]
    else:
        sets = [(f"{key}: ", entry, entry.features) for key, entry in graph.edges.items()]
    for name, entry, features in sets:
        count, weight = len(entry.senders), edge_weight(features)
        for end in ("senders", "receivers"):
            ids = getattr(entry, end)
            if not _whole(ids):
                raise GraphError(
                    problem(f"{name}{end}", f"dtype {ids.dtype}", "integers", "cast them to int64")
                )
        if weight is not None and len(weight) != count:
            got, expected = f"{len(weight)} weights", f"{count}, one for each edge"
            raise GraphError(problem(f"{name}edge_weight", got, expected, "give each edge one"))
    for path, leaf in leaves_with_paths(graph.nodes):
        if leaf.is_complex() if isinstance(leaf, Tensor) else np.iscomplexobj(leaf):
            do = "give real and imaginary parts by themselves"
            raise GraphError(problem(f"nodes{path}", f"dtype {leaf.dtype}", "real numbers", do))


def _whole(ids: Any) -> bool:
    """Tell whether ids are integers."""
    if isinstance(ids, Tensor):
        return not (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool)
    return np.asarray(ids).dtype.kind in "iu"
