"""Parts: what a sampler finds around seeds, as graphs with the features of their nodes and edges."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from heddle.errors import PluginError
from heddle.graphs.adjacency import build_adjacency
from heddle.graphs.graph import EdgeSet, EdgeType, Graph, HeteroGraph, hetero_graph
from heddle.graphs.pytree import tree_map
from heddle.sampling.reference import ReferenceSampler
from heddle.sampling.rows import sum_rows
from heddle.sampling.store import GraphStore
from heddle.sampling.types import ONE_RELATION, ONE_TYPE, Fanout, HeteroSample, Sample, Sampler

log = logging.getLogger(__name__)


def take(x: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return rows of x: [n, ...], [m] int -> [m, ...]."""
    return np.take(x, ids, axis=0)


class SamplingKernels(NamedTuple):
    """What parts are cut with.

    Attributes:
        sampler: (SampleGraph, threads) -> Sampler.
        gather: (x [n, ...], ids [m]) -> x[ids].
        adjacency: as `heddle.graphs.adjacency.build_adjacency`.
        sum_rows: as `heddle.sampling.rows.sum_rows`.
    """

    sampler: Callable[..., Sampler] = ReferenceSampler
    gather: Callable[..., Any] = take
    adjacency: Callable[..., Any] = build_adjacency
    sum_rows: Callable[..., Any] = sum_rows


CORES = SamplingKernels()


def kernels_of(registry: Any) -> SamplingKernels:
    """Return the kernels on numpy arrays that are installed; else core's own, and the reason in the log."""
    names = {
        "sampler": "neighbor_sample",
        "gather": "gather",
        "adjacency": "build_adjacency",
        "sum_rows": "sum_rows",
    }
    kernels: dict[str, Any] = {}
    for field, name in names.items():
        try:
            kernels[field] = registry.find_kernel(name, library="numpy", device="cpu")
        except PluginError as error:
            log.warning("mini-batches: %s runs in plain numpy, the same but slowly: %s", name, error)
    return SamplingKernels(**kernels)


class Part(NamedTuple):
    """A part of a graph.

    Attributes:
        graph: the sampled nodes, seeds first, and edges, in the order of the sample. Nodes of a type without features
            have their ids in the whole graph instead, [n_nodes] int64.
        sample: as it was drawn.
    """

    graph: Any
    sample: Any


class Parts:
    """Cuts parts out of one graph; any number of threads may do so at a time.

    Args:
        threads: that one part is sampled with.
    """

    def __init__(self, store: GraphStore, kernels: SamplingKernels = CORES, threads: int = 1):
        self.store, self.kernels = store, kernels
        self._sampler = kernels.sampler(store.graph, threads=threads)

    def around(self, seeds: Any, fanout: Fanout, key: int, seed_time: Any = None) -> Part:
        """Return the part around seeds: [n] ids, or node type -> ids in a heterogeneous graph. Raises as `Sampler`.

        Args:
            seed_time: like `seeds`, the time of each: nothing newer is taken. None in a graph without times.
        """
        sample = self.sample(seeds, fanout, key, seed_time)
        return Part(self._cut(sample), sample)

    def sample(self, seeds: Any, fanout: Fanout, key: int, seed_time: Any = None) -> Any:
        """Return the sample of some seeds alone, without any features.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids.
            fanout: neighbours to take at each hop.
            key: of the draws.
            seed_time: like seeds, up to when each knows; None for no times.
        """
        return self._sampler.sample(seeds, fanout, key=key, seed_time=seed_time)

    def _cut(self, sample: Sample | HeteroSample) -> Graph | HeteroGraph:
        if isinstance(sample, Sample):
            counts = np.array([len(sample.nodes)]), np.array([len(sample.edges)])
            nodes = self._nodes(ONE_TYPE, sample.nodes)
            edges = self.edge_features(ONE_RELATION, sample.edges)
            return Graph(nodes, edges, sample.senders, sample.receivers, None, *counts)
        sets = {
            key: EdgeSet(
                self.edge_features(key, taken),
                sample.senders[key],
                sample.receivers[key],
                np.array([len(taken)]),
            )
            for key, taken in sample.edges.items()
        }
        nodes_by_type = {node_type: self._nodes(node_type, ids) for node_type, ids in sample.nodes.items()}
        return hetero_graph(
            nodes_by_type, sets, {node_type: np.array([len(ids)]) for node_type, ids in sample.nodes.items()}
        )

    def _nodes(self, node_type: str, ids: np.ndarray) -> Any:
        features = self.store.nodes.get(node_type)
        if features is None:
            return ids.astype(np.int64)
        return tree_map(lambda x: self._rows(x, ids), features)

    def edge_features(self, key: EdgeType, taken: np.ndarray) -> Any:
        """Return the features of some edges of a relation, a pytree of [n, ...]; None where it has none.

        Args:
            taken: [n] int, their positions in the relation, as a sample names them.
        """
        features, order = self.store.edges.get(key), self.store.order[key]
        if features is None:
            return None
        rows = taken if order is None else order[taken]
        return tree_map(lambda x: self._rows(x, rows), features)

    def _rows(self, x: Any, ids: np.ndarray) -> Any:
        return self.kernels.gather(x, ids) if isinstance(x, np.ndarray) else x[ids]
