"""PygNeighborSampler: PyG's neighbour sampling on core's samplers, without pyg-lib and torch-sparse."""

import functools
import logging
import warnings
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import torch
import torch_geometric.sampler
from torch import Tensor
from torch_geometric.sampler import HeteroSamplerOutput, SamplerOutput
from torch_geometric.sampler.base import SubgraphType

from heddle.engines.plugins import load_plugins
from heddle.errors import PluginError
from heddle.sampling import ReferenceSampler, sample_key
from heddle.sampling.types import Fanout, HeteroSample, InEdges, Sample, SampleGraph, Sampler, homogeneous

SamplerKernel = Callable[..., Sampler]

log = logging.getLogger(__name__)


@functools.cache
def default_kernel() -> SamplerKernel:
    """Return the installed "neighbor_sample" kernel, or core's slow reference and say why in the log."""
    try:
        return load_plugins().find_kernel("neighbor_sample", library="numpy", device="cpu")
    except PluginError as error:
        log.warning("neighbour sampling runs in plain Python, the same samples but slowly: %s", error)
        return ReferenceSampler


class PygNeighborSampler(torch_geometric.sampler.NeighborSampler):
    """A sampler for PyG's NeighborLoader, LinkNeighborLoader, NodeLoader and LinkLoader.

    >>> sampler = PygNeighborSampler(data, [15, 10], seed=7)
    >>> loader = NeighborLoader(data, [15, 10], neighbor_sampler=sampler, batch_size=1024)

    It takes what PyG's takes, weights and times of edges and induced heterogeneous subgraphs among it, and draws the
    same samples whatever the number of threads and of loader workers: a batch depends on `seed`, on the epoch and on
    the seeds it starts from. Call `set_epoch` before each epoch; a loader that doesn't shuffle would otherwise give
    every epoch the same batches.

    Args:
        data, num_neighbors, **options: as for `torch_geometric.sampler.NeighborSampler`.
        seed: another seed gives other samples.
        kernel: `(SampleGraph, threads=0) -> Sampler`; by default `default_kernel()`.
        threads: most threads for a batch; 0 for the kernel's own setting. In a forked worker it is one.
    """

    def __init__(
        self,
        data: Any,
        num_neighbors: Any,
        *,
        seed: int = 0,
        kernel: SamplerKernel | None = None,
        threads: int = 0,
        **options: Any,
    ):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*without a 'pyg-lib' installation.*", UserWarning)
            try:
                super().__init__(data, num_neighbors, **options)
            except ImportError:
                # PyG refuses weights and times of edges without pyg-lib, once it has prepared all but these:
                if getattr(self, "edge_time", None) is None and getattr(self, "edge_weight", None) is None:
                    raise
                self.num_neighbors = num_neighbors
                self.replace = options.get("replace", False)
                self.subgraph_type = SubgraphType(options.get("subgraph_type", "directional"))
                self.disjoint = options.get("disjoint", False)
                self.temporal_strategy = options.get("temporal_strategy", "uniform")
                self.keep_orig_edges = False
        self.seed = seed
        self._kernel = default_kernel() if kernel is None else kernel
        self._threads = threads
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by workers that already run
        self._sampler: Sampler | None = None
        self._open()

    def set_epoch(self, epoch: int) -> None:
        """Make this epoch's samples differ from others'; running workers see it. Call it between epochs."""
        self._epoch.fill_(epoch)

    @property
    def edge_permutation(self) -> Any:
        """The place of each sampled edge in the caller's order, by relation where there are several."""
        if self.sample_direction == "backward" and isinstance(self.perm, dict):
            return {self.to_restored_edge_type[key]: perm for key, perm in self.perm.items()}
        return self.perm

    def sample_from_edges(self, inputs: Any, neg_sampling: Any = None) -> SamplerOutput | HeteroSamplerOutput:
        """Sample around links, and around negative ones where they are asked for.

        PyG draws negative edges from torch's generator, which is set for the batch meanwhile.

        Args:
            inputs: PyG's EdgeSamplerInput.
            neg_sampling: PyG's NegativeSampling, or None.
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self._key(inputs.row, inputs.col) >> 1)
            return super().sample_from_edges(inputs, neg_sampling)

    def _sample(
        self, seed: Tensor | dict[str, Tensor], seed_time: Any = None, **_: Any
    ) -> SamplerOutput | HeteroSamplerOutput:
        fanout = Fanout(
            self.num_neighbors.get_values(self.edge_types if isinstance(seed, dict) else None),
            replace=self.replace,
            disjoint=self.disjoint,
            induced=self.subgraph_type == SubgraphType.induced,
            newest=self.is_temporal and self.temporal_strategy == "last",
        )
        key = self._key(seed)
        sample = self._open().sample(_numpy(seed), fanout, key=key, seed_time=_numpy(seed_time))
        backward = self.sample_direction == "backward"
        if isinstance(sample, Sample):
            return _output(sample, backward, fanout.induced)
        return hetero_output(sample, self.to_restored_edge_type if backward else {}, fanout.induced)

    def _key(self, *columns: Tensor | Mapping[str, Tensor]) -> int:
        return batch_key(self.seed, int(self._epoch), *columns)

    def _open(self) -> Sampler:
        """Return the sampler of the graph, which a worker that was spawned builds anew."""
        if self._sampler is None:
            self._sampler = self._kernel(self._graph(), threads=self._threads)
        return self._sampler

    def _graph(self) -> SampleGraph:
        """Return the graph that PyG prepared, sharing its memory."""
        if not self.is_hetero:
            weight, time = _numpy(self.edge_weight), _numpy(self.edge_time)
            edges = InEdges(self.colptr.numpy(), self.row.numpy(), weight, time)
            return homogeneous(edges, int(self.num_nodes), _numpy(self.node_time))
        relations = {key: self.to_rel_type[key] for key in self.edge_types}
        weights, times = _numpy(self.edge_weight) or {}, _numpy(self.edge_time) or {}
        edges_by_type = {
            key: InEdges(
                self.colptr_dict[name].numpy(),
                self.row_dict[name].numpy(),
                weights.get(name),
                times.get(name),
            )
            for key, name in relations.items()
        }
        n_node = {node_type: int(self.num_nodes[node_type]) for node_type in self.node_types}
        return SampleGraph(n_node, edges_by_type, _numpy(self.node_time) or {})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_sampler": None}


def batch_key(seed: int, epoch: int, *columns: Tensor | Mapping[str, Tensor]) -> int:
    """Return what a batch's random numbers depend on: the seed, the epoch, and the ids it starts from."""
    content = blake2b(digest_size=8)
    for column in columns:
        for node_type, ids in column.items() if isinstance(column, Mapping) else [("", column)]:
            content.update(f"{node_type}:{ids.numel()}:".encode())
            content.update(ids.contiguous().numpy().data)
    return sample_key(seed, epoch, int.from_bytes(content.digest(), "little"))


def _numpy(value: Any) -> Any:
    """Return tensors, in a mapping or alone, as numpy arrays that share their memory; None stays None."""
    if isinstance(value, Mapping):
        return {key: tensor.detach().numpy() for key, tensor in value.items()}
    return None if value is None else value.detach().numpy()


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(array).long()


def _tensors(columns: Mapping[Any, Any]) -> dict[Any, Tensor]:
    return {key: _tensor(column) for key, column in columns.items()}


def _output(sample: Sample, backward: bool, induced: bool) -> SamplerOutput:
    """Return a sample as PyG's; of a walk along the edges instead of against them, both ends change places."""
    row, col = _tensor(sample.senders), _tensor(sample.receivers)
    return SamplerOutput(
        node=_tensor(sample.nodes),
        row=col if backward else row,
        col=row if backward else col,
        edge=_tensor(sample.edges),
        batch=None if sample.tree is None else _tensor(sample.tree),
        num_sampled_nodes=None if induced else list(sample.nodes_per_hop),
        num_sampled_edges=None if induced else list(sample.edges_per_hop),
    )


def hetero_output(sample: HeteroSample, restored: Mapping[Any, Any], induced: bool) -> HeteroSamplerOutput:
    """Return a sample as PyG's; `restored` names relations that were sampled backward by their own names."""

    def by_relation(columns: Mapping[Any, Any]) -> dict[Any, Any]:
        return {restored.get(key, key): column for key, column in columns.items()}

    row, col = by_relation(_tensors(sample.senders)), by_relation(_tensors(sample.receivers))
    return HeteroSamplerOutput(
        node=_tensors(sample.nodes),
        row=col if restored else row,
        col=row if restored else col,
        edge=by_relation(_tensors(sample.edges)),
        batch=None if sample.tree is None else _tensors(sample.tree),
        num_sampled_nodes=None
        if induced
        else {k: list(counts) for k, counts in sample.nodes_per_hop.items()},
        num_sampled_edges=None
        if induced
        else by_relation({key: list(counts) for key, counts in sample.edges_per_hop.items()}),
    )
