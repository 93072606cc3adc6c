"""CudaNeighborSampler: samples drawn on a device, equal to core's reference to the bit.

For graphs without times and weights, and samples without trees: weights need a logarithm that devices round otherwise.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from heddle.errors import ConfigError, problem
from heddle.sampling.checked_graph import open_graph
from heddle.sampling.request import open_request
from heddle.sampling.result import id_dtype
from heddle.sampling.stream import MASK, branch
from heddle.sampling.types import Fanout, HeteroSample, Sample, SampleGraph
from heddle_kernels.cuda.device import check, fault, stream
from heddle_kernels.cuda.library import call
from heddle_kernels.torch.define import id_code

_FREE = torch.iinfo(torch.int64).max


class CudaNeighborSampler:
    """Samples of one graph, which is copied to a device with a table of 8 bytes for each node.

    Each hop along a relation waits twice for the device, to learn how many edges and nodes there are. One sample is
    drawn at a time.

    Args:
        graph: numpy arrays, as for every sampler.
        device: where to draw and to leave the samples, whose arrays are torch tensors.

    Raises:
        GraphError: arrays that don't fit each other.
        ConfigError: times or weights.
    """

    def __init__(self, graph: SampleGraph, device: Any = "cuda"):
        self.graph = open_graph(graph)
        weighted = any(edges.weight is not None for edges in graph.edges.values())
        if graph.is_temporal or weighted:
            _refuse("weights of edges" if weighted else "times")
        self._edges = [
            (torch.from_numpy(edges.indptr).to(device), torch.from_numpy(edges.senders).to(device))
            for edges in self.graph.edges.values()
        ]
        self._tables = [
            torch.full((n,), _FREE, dtype=torch.int64, device=device) for n in graph.n_node.values()
        ]

    def sample(self, seeds: Any, fanout: Fanout, *, key: int = 0) -> Sample | HeteroSample:
        """Sample in-neighbours of the seeds, hop by hop; see `heddle.sampling.types.Sampler.sample`.

        Raises:
            ConfigError: disjoint, induced, newest, layered or leaves.
        """
        request = open_request(self.graph, seeds, fanout)
        for name in ("disjoint", "induced", "newest", "layered", "leaves"):
            if getattr(fanout, name):
                _refuse(f"fanout.{name}")
        nodes = [torch.from_numpy(ids).to(table.device) for ids, table in zip(request.seeds, self._tables)]
        try:
            return self._grow(nodes, request.sizes.tolist(), fanout.replace, key & MASK)
        finally:
            for table, ids in zip(self._tables, nodes):
                table[ids] = _FREE

    def _grow(
        self, nodes: list[Tensor], sizes: list[list[int]], replace: bool, key: int
    ) -> Sample | HeteroSample:
        """Sample from the seeds in `nodes`, which grows."""
        kinds = {node_type: position for position, node_type in enumerate(self.graph.n_node)}
        for table, ids in zip(self._tables, nodes):  # of a seed given twice, the first place counts
            table.scatter_reduce_(0, ids, torch.arange(len(ids), device=ids.device), "amin")
        begins, ends = [0] * len(nodes), [[len(ids)] for ids in nodes]
        edges: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in self._edges]
        for hop in range(len(sizes[0]) if sizes else 0):
            for r, (source, _, target) in enumerate(self.graph.edges):
                to, of = kinds[target], kinds[source]
                frontier = nodes[to][begins[to] : ends[to][-1]]
                drawn = self._draw(r, of, frontier, begins[to], sizes[r][hop], replace, branch(key, hop, r))
                taken, receivers, ids = drawn
                nodes[of] = self._enter(of, ids, nodes[of])
                edges[r].append((self._tables[of][ids], receivers, taken))
            begins = [end[-1] for end in ends]
            for end, ids in zip(ends, nodes):
                end.append(len(ids))
        check()
        return self._result(nodes, ends, edges)

    def _draw(
        self, r: int, source: int, frontier: Tensor, first: int, size: int, replace: bool, key: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (places in the graph, receivers' places in the sample, senders' ids) of a hop's edges."""
        indptr, senders = self._edges[r]
        n, rows = len(frontier), len(indptr) - 1
        counts = torch.empty_like(frontier)
        asked = {
            "indptr": indptr.data_ptr(),
            "nodes": frontier.data_ptr(),
            "n": n,
            "rows": rows,
            "edges": len(senders),
            "size": size,
            "replace": replace,
            "index": id_code("neighbor_sample", indptr, senders),
            "fault": fault(indptr).data_ptr(),
            "stream": stream(indptr),
        }
        call("sample_count", counts=counts.data_ptr(), **asked)
        totals = counts.cumsum(0)
        total = int(totals[-1]) if n else 0
        taken, receivers, ids = (totals.new_empty(total) for _ in range(3))
        call(
            "sample_draw",
            senders=senders.data_ptr(),
            ends=totals.data_ptr(),
            taken=taken.data_ptr(),
            receivers=receivers.data_ptr(),
            ids=ids.data_ptr(),
            n_node=len(self._tables[source]),
            first=first,
            key=key,
            **asked,
        )
        return taken, receivers, ids

    def _enter(self, node_type: int, ids: Tensor, nodes: Tensor) -> Tensor:
        """Give nodes without a place the next ones, in the order of `ids`; return all nodes."""
        count, held, table = len(ids), len(nodes), self._tables[node_type]
        if not count:
            return nodes
        is_new = torch.empty_like(ids)
        claimed = {"ids": ids.data_ptr(), "table": table.data_ptr(), "is_new": is_new.data_ptr()}
        call("sample_claim", **claimed, count=count, stream=stream(table))
        rank = is_new.cumsum(0)
        grown = torch.cat((nodes, nodes.new_empty(int(rank[-1]))))
        given = {"rank": rank.data_ptr(), "nodes": grown.data_ptr(), "count": count, "held": held}
        call("sample_enter", **claimed, **given, stream=stream(table))
        return grown

    def _result(
        self,
        nodes: Sequence[Tensor],
        ends: Sequence[Sequence[int]],
        edges_of_hops: Sequence[Sequence[tuple[Tensor, Tensor, Tensor]]],
    ) -> Sample | HeteroSample:
        dtype = torch.int32 if id_dtype(self.graph).__name__ == "int32" else torch.int64
        nothing = (self._tables[0].new_empty(0),) * 3 if self._tables else ()
        columns = [
            [torch.cat(parts).to(dtype) for parts in zip(*(hops or (nothing,)))] for hops in edges_of_hops
        ]  # per relation: senders, receivers, edges
        per_hop = [tuple(b - a for a, b in pairwise((0, *end))) for end in ends]
        edges_per_hop = [tuple(len(taken) for *_, taken in hops) for hops in edges_of_hops]
        ids = [each.to(dtype) for each in nodes]
        if self.graph.is_homogeneous:
            senders, receivers, edges = columns[0]
            return Sample(ids[0], senders, receivers, edges, per_hop[0], edges_per_hop[0], None)
        keys, kinds = list(self.graph.edges), list(self.graph.n_node)
        senders_of, receivers_of, edges_of = (
            {key: column[position] for key, column in zip(keys, columns)} for position in range(3)
        )
        nodes_per_hop, per_relation = dict(zip(kinds, per_hop)), dict(zip(keys, edges_per_hop))
        taken = senders_of, receivers_of, edges_of, nodes_per_hop, per_relation, None
        return HeteroSample(dict(zip(kinds, ids)), *taken)


def _refuse(what: str) -> None:
    do = "use heddle_kernels.sampling.NeighborSampler"
    raise ConfigError(problem("neighbor_sample on a device", what, "none", do))
