"""Structure: the operators of one graph on a device, under a token that changes with what the graph holds."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import NamedTuple

import numpy as np
import torch

from heddle.adjacency import build_adjacency
from heddle.graph import Graph
from heddle.model import edge_weight, prepare_supports
from heddle.nest import map_nest
from heddle.support import AggregateSpec, Support
from heddle_torch.digest import digest
from heddle_torch.place import to_tensor


class Structure(NamedTuple):
    """What aggregation needs of a graph.

    Attributes:
        supports: signature of an AggregateSpec -> Support of tensors.
        token: digest of the edges, weights and number of nodes; equal graphs have equal tokens.
        n_nodes: number of nodes.
    """

    supports: Mapping[str, Support]
    token: int
    n_nodes: int


class Structures:
    """Places graphs on a device, each once for as long as it is among the last `keep` used; thread-safe.

    Graphs are known by content, not identity, so that edges which were written over are seen.
    """

    def __init__(
        self, specs: Sequence[AggregateSpec], device: torch.device, dtype: torch.dtype, keep: int = 64
    ):
        self._specs, self._device, self._dtype, self._keep = tuple(specs), device, dtype, keep
        self._placed: OrderedDict[int, Structure] = OrderedDict()
        self._lock = RLock()

    def place(self, graph: Graph) -> Structure:
        """Return the Structure of a single graph of numpy arrays."""
        token = graph_digest(graph)
        with self._lock:
            if token not in self._placed:
                self._placed[token] = self._make(graph)
                if len(self._placed) > self._keep:
                    self._placed.popitem(last=False)
            self._placed.move_to_end(token)
            return self._placed[token]

    def _make(self, graph: Graph) -> Structure:
        return place_structure(graph, self._specs, self._device, self._dtype)


def place_structure(
    graph: Graph, specs: Sequence[AggregateSpec], device: torch.device, dtype: torch.dtype
) -> Structure:
    """Build the supports of `specs` for a graph and bring them to the device, loops as edges among the others."""
    supports = prepare_supports(graph, tuple(dict.fromkeys(specs)))
    placed = {
        key: map_nest(lambda leaf: to_tensor(leaf, device, dtype), with_loop_edges(support))
        for key, support in supports.items()
    }
    return Structure(placed, graph_digest(graph), int(np.sum(graph.n_node)))


def graph_digest(graph: Graph) -> int:
    """Return 128 bits of a graph's edges, their weights and its number of nodes."""
    weight = edge_weight(graph.edges)
    parts = [graph.n_node, graph.senders, graph.receivers, *([] if weight is None else [weight])]
    return digest(*map(np.asarray, parts))


def with_loop_edges(support: Support) -> Support:
    """Return a support whose diagonal lies among its edges, so that one product does it all."""
    if support.loop is None:
        return support
    adjacency, loops = support.adjacency, np.flatnonzero(support.loop)
    if not len(loops):
        return support._replace(loop=None)
    weight = np.ones(adjacency.n_edges) if support.weight is None else support.weight
    joined = build_adjacency(
        np.concatenate([adjacency.senders, loops]),
        np.concatenate([adjacency.receivers, loops]),
        adjacency.n_senders,
        adjacency.n_receivers,
    )
    return Support(joined, np.concatenate([weight, support.loop[loops]])[joined.order])
