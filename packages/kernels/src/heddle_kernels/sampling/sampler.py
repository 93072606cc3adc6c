"""NeighborSampler: core's `Sampler`, drawn natively."""

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from heddle.graphs.graph import Array
from heddle.sampling.budget import open_budget
from heddle.sampling.checked_graph import open_graph
from heddle.sampling.request import Request, open_request
from heddle.sampling.result import Gathered, id_dtype, make_sample
from heddle.sampling.stream import MASK
from heddle.sampling.types import Fanout, HeteroSample, Sample, SampleGraph
from heddle.sampling.walk import open_walk
from heddle_kernels.calls.sampling import REQUEST
from heddle_kernels.library import INT32, INT64, native
from heddle_kernels.memory import pointer
from heddle_kernels.sampling.handles import NativeGraph, NativeSample


class NeighborSampler:
    """Samples of one graph, equal to those of `heddle.sampling.ReferenceSampler` on any number of threads.

    Each thread that calls it draws in memory of its own, 4 bytes for each node of the graph and what the largest
    sample takes. A forked child, such as a data loader's worker, draws on one thread.

    Args:
        graph: its arrays are read in place and must not be written to.
        threads: most threads for a call; 0 for the library's setting.

    Raises:
        GraphError: arrays that don't fit each other, an id out of range, a negative weight.
    """

    def __init__(self, graph: SampleGraph, threads: int = 0):
        self.graph = open_graph(graph)
        self.threads = threads
        self._native = NativeGraph(self.graph, threads)
        self._of_thread = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.graph, self.threads)

    def sample(
        self, seeds: Any, fanout: Fanout, *, key: int = 0, seed_time: Any = None
    ) -> Sample | HeteroSample:
        """Sample in-neighbours of the seeds, hop by hop.

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids. Repeats are allowed.
            fanout, key: neighbours to take at each hop, and what draws depend on.
            seed_time: like seeds, the time of each; what is newer isn't taken. None for the seeds' own times.

        Returns: Sample for a homogeneous graph, HeteroSample otherwise; an empty one without seeds.

        Raises:
            GraphError: a seed out of range or without its time.
            ConfigError: a fanout that can't be followed.
        """
        request = open_request(self.graph, seeds, fanout, seed_time)
        return self._draw(native.neighbor_sample, request, request.sizes, key, fanout)

    def budget_sample(
        self, seeds: Any, sizes: Mapping[str, Sequence[int]], *, key: int = 0, most: int = 50
    ) -> Sample | HeteroSample:
        """Sample nodes of each type layer by layer, those with many edges into the sample first (HGT's way).

        Args:
            seeds: [n] int ids, in a heterogeneous graph node type -> ids.
            sizes: node type -> nodes to take at each hop, all equally long; only these types are entered.
            key: what draws depend on.
            most: in-edges of a node that count for each relation, drawn where there are more. -1 for all.

        Returns: as `sample`, with induced edges.
        """
        _, request, table = open_budget(self.graph, seeds, sizes, most)
        return self._draw(native.budget_sample, request, table, key, Fanout((), induced=True), most)

    def random_walk(self, start: Any, length: int, *, key: int = 0, p: float = 1.0, q: float = 1.0) -> Array:
        """Walk against the edges of a homogeneous graph: [n] start ids -> [n, length + 1] ids.

        Args:
            key: which walks are drawn; one key gives the same ones.
            p: odds against going back to the node before.
            q: odds against going to a node that the node before has no edge from, as in node2vec.
        """
        _, nodes = open_walk(self.graph, start, length, p, q)
        out: np.ndarray = np.empty((len(nodes), length + 1), id_dtype(self.graph))
        native.random_walk(
            graph=self._native.handle,
            start=pointer(nodes),
            out=pointer(out),
            count=len(nodes),
            length=length,
            p=p,
            q=q,
            key=key & MASK,
            index=INT32 if out.dtype == np.int32 else INT64,
            threads=self.threads,
        )
        return out

    def _draw(
        self, function: Any, request: Request, sizes: np.ndarray, key: int, fanout: Fanout, most: int = -1
    ) -> Sample | HeteroSample:
        if not hasattr(self._of_thread, "sample"):
            self._of_thread.sample = NativeSample(self._native)

        def call(request: Any, sample: Any) -> None:
            function(graph=self._native.handle, sample=sample, request=request)

        return draw(
            call, self.graph, self._of_thread.sample.handle, request, sizes, key, fanout, self.threads, most
        )


def draw(
    call: Callable[..., None],
    graph: SampleGraph,
    sample: ctypes.c_void_p,
    request: Request,
    sizes: np.ndarray,
    key: int,
    fanout: Fanout,
    threads: int,
    most: int = -1,
) -> Sample | HeteroSample:
    """Call a native sampler and return what it drew, as arrays.

    Args:
        call: (request, sample) -> None, a native function.
        graph: whose types and dtype of ids the result has.
        sample: what the library draws in.
        request: seeds and times, as `open_request` gives them.
        sizes: [n_relations or n_types, hops] int, how many to draw.
        key: of the random draws.
        fanout: with replacement, disjoint, induced and window.
        threads: 0 for the library's choice.
        most: nodes of a type and hop for `budget_sample`; -1 elsewhere.

    Raises:
        GraphError: an id of a seed that is out of range.
    """
    seeds = np.concatenate([np.zeros(0, np.int64), *request.seeds])
    n_seeds = np.array([len(ids) for ids in request.seeds], np.int64)
    first_tree, sizes = np.array(request.first_tree, np.int64), np.ascontiguousarray(sizes)
    leaves = np.array(request.leaves, np.int32) if fanout.leaves else None
    asked = REQUEST.ctype(
        seeds=pointer(seeds),
        n_seeds=pointer(n_seeds),
        first_tree=pointer(first_tree),
        seed_time=pointer(request.seed_time),
        roots=pointer(request.roots),
        sizes=pointer(sizes),
        leaves=pointer(leaves),
        hops=sizes.shape[1],
        most=most,
        window=fanout.window or 0,
        key=key & MASK,
        replace=fanout.replace,
        trees=request.trees,
        induced=fanout.induced,
        newest=fanout.newest,
        layered=fanout.layered,
        threads=threads,
    )
    call(request=ctypes.byref(asked), sample=sample)
    return _read(graph, sample, sizes.shape[1], fanout, request.trees, threads)


def _read(
    graph: SampleGraph, sample: ctypes.c_void_p, hops: int, fanout: Fanout, trees: bool, threads: int
) -> Sample | HeteroSample:
    n_kinds, n_relations = len(graph.n_node), len(graph.edges)
    nodes_per_hop = np.zeros((n_kinds, hops + 1), np.int64)
    edges_per_hop = np.zeros((n_relations, 1 if fanout.induced else hops), np.int64)
    native.sample_sizes(
        sample=sample, nodes_per_hop=pointer(nodes_per_hop), edges_per_hop=pointer(edges_per_hop)
    )
    n_nodes, n_edges = nodes_per_hop.sum(1), edges_per_hop.sum(1)
    dtype = id_dtype(graph)
    nodes: np.ndarray = np.empty(int(n_nodes.sum()), dtype)
    tree = np.empty_like(nodes) if trees else None
    columns: dict[str, np.ndarray] = {
        name: np.empty(int(n_edges.sum()), dtype) for name in ("senders", "receivers", "edges")
    }
    native.sample_read(
        sample=sample,
        nodes=pointer(nodes),
        tree=pointer(tree),
        **{name: pointer(column) for name, column in columns.items()},
        index=INT32 if dtype is np.int32 else INT64,
        threads=threads,
    )
    by_kind, by_relation = np.cumsum(n_nodes)[:-1], np.cumsum(n_edges)[:-1]
    senders, receivers, edges = (_split(column, by_relation) for column in columns.values())
    gathered = Gathered(
        _split(nodes, by_kind),
        None if tree is None else _split(tree, by_kind),
        nodes_per_hop.tolist(),
        senders,
        receivers,
        edges,
        [()] * n_relations if fanout.induced else edges_per_hop.tolist(),
        fanout.layered,
    )
    return make_sample(graph, gathered)


def _split(column: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    """Return the parts of a column between `ends`, as views."""
    return np.split(column, ends)
