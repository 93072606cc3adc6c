"""Native graphs and samples as Python objects that free what they own."""

import ctypes
import weakref

import numpy as np

from heddle.errors import GraphError
from heddle.sampling.types import InEdges, SampleGraph
from heddle_kernels.calls.sampling import IN_EDGES
from heddle_kernels.library import FLOAT32, FLOAT64, INT32, INT64, native
from heddle_kernels.memory import pointer


class NativeGraph:
    """A graph checked and held by the library; the arrays stay numpy's, and are kept alive here.

    Raises:
        GraphError: names the array, a bad position and what it holds.
    """

    def __init__(self, graph: SampleGraph, threads: int):
        kinds = list(graph.n_node)
        self.keep = graph
        n_node = np.array(list(graph.n_node.values()), np.int64)
        times, hashes = (
            (ctypes.c_void_p * len(kinds))(*(pointer(of.get(node_type)) for node_type in kinds))
            for of in (graph.node_time, graph.key_hashes)
        )
        relations = (IN_EDGES.ctype * len(graph.edges))(
            *(_struct(edges, kinds.index(key[0]), kinds.index(key[2])) for key, edges in graph.edges.items())
        )
        self.handle = ctypes.c_void_p()
        try:
            native.sample_graph_new(
                n_node=pointer(n_node),
                node_time=times,
                key_hashes=hashes,
                types=len(kinds),
                relations=relations,
                n_relations=len(relations),
                threads=threads,
                graph=ctypes.byref(self.handle),
            )
        except GraphError as error:
            message = str(error)
            for position, key in enumerate(graph.edges):
                message = message.replace(f"sample_graph: relation {position}: ", f"edges[{key!r}].", 1)
            raise GraphError(message) from None
        weakref.finalize(self, native.sample_graph_free, self.handle)


class NativeSample:
    """What the library draws samples in: one thread's."""

    def __init__(self, graph: NativeGraph):
        self.graph = graph
        self.handle = ctypes.c_void_p()
        native.sample_new(graph=graph.handle, sample=ctypes.byref(self.handle))
        weakref.finalize(self, native.sample_free, self.handle)


def _struct(edges: InEdges, source: int, target: int) -> ctypes.Structure:
    index = INT32 if edges.senders.dtype == np.int32 else INT64
    narrow = edges.weight is not None and edges.weight.dtype == np.float32
    return IN_EDGES.ctype(
        **{name: pointer(array) for name, array in edges._asdict().items()},
        edges=len(edges.senders),
        source=source,
        target=target,
        index=index,
        weight_dtype=FLOAT32 if narrow else FLOAT64,
    )
