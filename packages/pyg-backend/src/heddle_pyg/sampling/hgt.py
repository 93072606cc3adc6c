"""HGTSampler and HGTLoader: PyG's layer-wise heterogeneous sampling, without torch-sparse."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import BaseSampler, HeteroSamplerOutput, NodeSamplerInput
from torch_geometric.sampler.utils import to_hetero_csc

from heddle.errors import ConfigError, problem
from heddle.sampling.types import HeteroSample, InEdges, SampleGraph, Sampler
from heddle_pyg.sampling.neighbors import SamplerKernel, batch_key, default_kernel, hetero_output


class HGTSampler(BaseSampler):
    """Samples `num_samples` nodes of each type at each hop, those with many edges into the sample first.

    Like PyG's sampler of that name, except that all edges between sampled nodes are returned, also into nodes that
    have more than 50. The same for any number of threads and workers, as `PygNeighborSampler`.

    Args:
        data: the graph.
        num_samples: nodes to take at each hop, for every type or by type.
        is_sorted, share_memory: as for PyG's.
        seed, kernel, threads: as for `PygNeighborSampler`.
    """

    def __init__(
        self,
        data: HeteroData,
        num_samples: Sequence[int] | Mapping[str, Sequence[int]],
        is_sorted: bool = False,
        share_memory: bool = False,
        *,
        seed: int = 0,
        kernel: SamplerKernel | None = None,
        threads: int = 0,
    ):
        if not isinstance(data, HeteroData):
            got = f"a {type(data).__name__}"
            raise ConfigError(
                problem("HGTSampler: data", got, "a HeteroData", "use PygNeighborSampler otherwise")
            )
        self.node_types, self.edge_types = data.metadata()
        if isinstance(num_samples, Sequence):
            num_samples = {node_type: num_samples for node_type in self.node_types}
        self.num_samples = dict(num_samples)
        colptr, row, self.perm = to_hetero_csc(data, "cpu", share_memory, is_sorted)
        edges = {key: InEdges(colptr[key].numpy(), row[key].numpy()) for key in self.edge_types}
        n_node = {node_type: int(data[node_type].num_nodes) for node_type in self.node_types}
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._sampler: Sampler = (kernel or default_kernel())(SampleGraph(n_node, edges), threads=threads)

    def set_epoch(self, epoch: int) -> None:
        """Make this epoch's samples differ from others'; running workers see it. Call it between epochs."""
        self._epoch.fill_(epoch)

    def sample_from_nodes(self, inputs: NodeSamplerInput, **_: Any) -> HeteroSamplerOutput:
        """Return a HeteroSamplerOutput of nodes and edges around nodes of one type, by HGT's budget sampling."""
        seeds = {inputs.input_type: inputs.node}
        key = batch_key(self.seed, int(self._epoch), seeds)
        arrays = {node_type: ids.numpy() for node_type, ids in seeds.items()}
        sample = self._sampler.budget_sample(arrays, self.num_samples, key=key)
        assert isinstance(sample, HeteroSample)
        out = hetero_output(sample, {}, induced=True)
        out.metadata = (inputs.input_id, inputs.time)
        return out

    def sample_from_edges(self, *_: Any, **__: Any) -> HeteroSamplerOutput:
        """Refuse: HGT's sampling starts from nodes.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "HGTSampler: found links, expected nodes to start from; use PygNeighborSampler for links"
        )

    @property
    def edge_permutation(self) -> dict[Any, Any]:
        """The place of each sampled edge in the caller's order, by relation."""
        return self.perm


class HGTLoader(NodeLoader):
    """PyG's HGTLoader with this module's sampler, which `hgt_sampler` may hand in ready-made.

    Args:
        data, num_samples, input_nodes, is_sorted, **options: as for `torch_geometric.loader.HGTLoader`.
    """

    def __init__(
        self,
        data: HeteroData,
        num_samples: Sequence[int] | Mapping[str, Sequence[int]],
        input_nodes: Any,
        is_sorted: bool = False,
        *,
        hgt_sampler: HGTSampler | None = None,
        **options: Any,
    ):
        share_memory = options.get("num_workers", 0) > 0
        sampler = hgt_sampler or HGTSampler(data, num_samples, is_sorted, share_memory)
        super().__init__(data, sampler, input_nodes, **options)
