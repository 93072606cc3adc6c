"""PlacedGraph: the operators of one graph on a device, under a token that changes with what the graph holds."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
import torch

from heddle.errors import GraphError, problem
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import Graph
from heddle.graphs.pytree import tree_map
from heddle.nn.model import edge_weight, prepare_propagations
from heddle.ops.propagation import Propagation, PropagationSpec
from heddle_torch.digest import digest
from heddle_torch.placement import to_tensor


class PlacedGraph(NamedTuple):
    """What aggregation needs of a graph.

    Attributes:
        propagations: signature of an PropagationSpec -> Propagation of tensors.
        token: digest of the edges, weights and number of nodes; equal graphs have equal tokens.
        n_nodes: number of nodes.
    """

    propagations: Mapping[str, Propagation]
    token: int
    n_nodes: int


class PlacedGraphs:
    """Places graphs on a device, each once for as long as it is among the last `keep` used; thread-safe.

    Graphs are known by content, not identity, so that edges which were written over are seen.
    """

    def __init__(
        self, specs: Sequence[PropagationSpec], device: torch.device, dtype: torch.dtype, keep: int = 64
    ):
        self._specs, self._device, self._dtype, self._keep = tuple(specs), device, dtype, keep
        self._placed: OrderedDict[int, PlacedGraph] = OrderedDict()
        self._lock = RLock()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_placed": OrderedDict(), "_lock": None}  # a copy places graphs anew

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_lock": RLock()}

    def placed(self, graph: Graph) -> PlacedGraph:
        """Return the PlacedGraph of a single graph of numpy arrays."""
        token = graph_digest(graph)
        with self._lock:
            if token not in self._placed:
                self._placed[token] = self._make(graph)
                if len(self._placed) > self._keep:
                    self._placed.popitem(last=False)
            self._placed.move_to_end(token)
            return self._placed[token]

    def _make(self, graph: Graph) -> PlacedGraph:
        return place_graph(graph, self._specs, self._device, self._dtype)


def place_graph(
    graph: Graph, specs: Sequence[PropagationSpec], device: torch.device, dtype: torch.dtype
) -> PlacedGraph:
    """Build the propagations of `specs` for a graph and bring them to the device, loops as edges among the others.

    Raises:
        GraphError: an edge weight that isn't finite.
    """
    weight = edge_weight(graph.edges)
    if weight is not None and not np.isfinite(weight).all():
        at = int(np.flatnonzero(~np.isfinite(weight))[0])
        expected, do = "a finite number", "leave the edge out, or give it a weight"
        raise GraphError(problem(f"edges['weight'][{at}]", np.asarray(weight)[at], expected, do))
    propagations = prepare_propagations(graph, tuple(dict.fromkeys(specs)))
    placed = {
        key: tree_map(lambda leaf: to_tensor(leaf, device, dtype), with_loop_edges(propagation))
        for key, propagation in propagations.items()
    }
    return PlacedGraph(placed, graph_digest(graph), int(np.sum(graph.n_node)))


def graph_digest(graph: Graph) -> int:
    """Return 128 bits of a graph's edges, their weights and its number of nodes."""
    weight = edge_weight(graph.edges)
    parts = [graph.n_node, graph.senders, graph.receivers, *([] if weight is None else [weight])]
    return digest(*map(np.asarray, parts))


def with_loop_edges(propagation: Propagation) -> Propagation:
    """Return a propagation whose diagonal lies among its edges, so that one product does it all."""
    if propagation.loop is None:
        return propagation
    adjacency, loops = propagation.adjacency, np.flatnonzero(propagation.loop)
    if not len(loops):
        return propagation._replace(loop=None)
    weight = np.ones(adjacency.n_edges) if propagation.weight is None else propagation.weight
    joined = build_adjacency(
        np.concatenate([adjacency.senders, loops]),
        np.concatenate([adjacency.receivers, loops]),
        adjacency.n_senders,
        adjacency.n_receivers,
    )
    return Propagation(joined, np.concatenate([weight, propagation.loop[loops]])[joined.order])
