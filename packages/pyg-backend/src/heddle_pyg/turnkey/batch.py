"""TorchBatch: a mini-batch as tensors, one bipartite block of edges for each layer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.data.minibatch import MiniBatch
from heddle.graph import EdgeType
from heddle.nest import leaves_with_paths
from heddle.sampling.blocks import blocks


class TorchBlock(NamedTuple):
    """The edges of one layer.

    Attributes:
        edge_index: relation -> [2, n_edges] int64: senders, receivers.
        n_senders, n_receivers: node type -> number of its first nodes that are read, and computed.
    """

    edge_index: Mapping[EdgeType, Tensor]
    n_senders: Mapping[str, int]
    n_receivers: Mapping[str, int]


class TorchBatch(NamedTuple):
    """What a module sees.

    Attributes:
        features: node type -> its feature matrices: floats [n, d], or int64 codes [n, columns].
        ids: node type -> [n] int64, the nodes' rows in the whole graph.
        blocks: in the order in which layers want them.
        kinds, index, targets: as in `heddle.data.minibatch.MiniBatch`.
        rows: node type -> [n, d] rows of a TorchNodeEmbedding that lives in several processes; {} for none.
    """

    features: Mapping[str, list[Tensor]]
    ids: Mapping[str, Tensor]
    blocks: tuple[TorchBlock, ...]
    kinds: tuple[str, ...]
    index: Any
    targets: Tensor
    rows: Mapping[str, Tensor] = {}

    def embeddings(self, outputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return for each of `kinds` the rows of a module's outputs that are asked about."""
        columns = [self.index] if self.index.ndim == 1 else list(self.index.unbind(1))
        return tuple(outputs[kind][places] for kind, places in zip(self.kinds, columns))


def torch_batch(batch: MiniBatch, device: torch.device, dtype: torch.dtype) -> TorchBatch:
    """Return a mini-batch on the device, features and float targets in `dtype`."""

    def tensor(array: np.ndarray) -> Tensor:
        found = torch.from_numpy(np.ascontiguousarray(array))
        if found.is_floating_point():
            return found.to(device, dtype)
        return found.to(device, torch.int64)

    def edges(senders: np.ndarray, receivers: np.ndarray) -> Tensor:
        return tensor(np.stack([senders, receivers]))

    sample, nodes = batch.part.sample, batch.part.graph.nodes
    own = {kind: nodes[kind] for kind in sample.nodes}
    return TorchBatch(
        {kind: [] if has_ids_alone(nest) else matrices(nest, tensor) for kind, nest in own.items()},
        {kind: tensor(ids) for kind, ids in sample.nodes.items()},
        tuple(
            TorchBlock(
                {key: edges(block.senders[key], block.receivers[key]) for key in block.senders},
                block.n_senders,
                block.n_receivers,
            )
            for block in blocks(sample)
        ),
        batch.kinds,
        tensor(batch.index),
        tensor(batch.targets),
    )


def has_ids_alone(nest: Any) -> bool:
    """Tell whether a part's nodes have no features, but their ids instead."""
    return isinstance(nest, np.ndarray) and nest.ndim == 1


def matrices(nest: Any, tensor: Any) -> list[Tensor]:
    """Return the leaves of a nest of features as matrices [n, columns]."""
    found = (tensor(array) for _, array in leaves_with_paths(nest))
    return [x if x.ndim > 1 else x[:, None] for x in found]
