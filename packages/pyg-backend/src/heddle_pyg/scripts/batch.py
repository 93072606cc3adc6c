"""TorchBatch: a mini-batch as tensors, one bipartite block of edges for each layer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from heddle.graphs.graph import EdgeType
from heddle.graphs.pytree import leaves_with_paths, tree_map
from heddle.nn.model import Batch
from heddle.sampling.blocks import Block, blocks


class TorchBlock(NamedTuple):
    """The edges of one layer.

    Attributes:
        edge_index: relation -> [2, n_edges] int64: senders, receivers.
        n_senders, n_receivers: node type -> number of its first nodes that are read, and computed.
        edge_features: relation -> the feature matrices of these edges, as those of nodes; of relations that have some.
    """

    edge_index: Mapping[EdgeType, Tensor]
    n_senders: Mapping[str, int]
    n_receivers: Mapping[str, int]
    edge_features: Mapping[EdgeType, list[Tensor]] = {}


class TorchBatch(NamedTuple):
    """What a module sees.

    Attributes:
        features: node type -> its feature matrices: floats [n, d], or int64 codes [n, columns].
        ids: node type -> [n] int64, the nodes' rows in the whole graph.
        blocks: in the order in which layers want them.
        kinds: the node type asked about, or of the graphs' nodes, or the types of both ends of links and edges.
        index: [m] positions among the nodes of the type, or among the graphs, or [m, 2] of both ends.
        targets: [m] int64 classes, [m, t] floats of labels or values, or [m] floats 0 and 1 for links; None when
            predicting.
        mask: shape of `targets`, False where one doesn't count; None when predicting.
        rows: node type -> [n, d] rows of a TorchNodeEmbedding that lives in several processes; {} for none.
        weights: [m] what each target weighs; None for all alike.
        groups: [m] int64, the group of each target of a ranking; None for none.
        asked: the feature matrices of the asked edges' own columns, as those of nodes; () for none.
        graph_ids: [n] int64, the graph of each node where whole graphs are asked about; else None.
    """

    features: Mapping[str, list[Tensor]]
    ids: Mapping[str, Tensor]
    blocks: tuple[TorchBlock, ...]
    kinds: tuple[str, ...]
    index: Any
    targets: Tensor | None
    mask: Tensor | None = None
    divisor: Tensor | None = None
    rows: Mapping[str, Tensor] = {}
    weights: Tensor | None = None
    groups: Tensor | None = None
    asked: Sequence[Tensor] = ()
    graph_ids: Tensor | None = None

    def embeddings(self, outputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return for each of `kinds` the rows [n, d] that the n entries of `index` ask about.

        Args:
            outputs: node type -> [n_nodes, d], what a module made of the sample.
        """
        columns = [self.index] if self.index.ndim == 1 else list(self.index.unbind(1))
        return tuple(outputs[node_type][positions] for node_type, positions in zip(self.kinds, columns))


def torch_batch(batch: Batch, kinds: tuple[str, ...], device: torch.device, dtype: torch.dtype) -> TorchBatch:
    """Return a sampled batch, with its sample as `prepared["sample"]`, on the device; floats in `dtype`."""

    def tensor(array: np.ndarray) -> Tensor:
        moved = torch.from_numpy(np.ascontiguousarray(array))
        if moved.is_floating_point():
            return moved.to(device, dtype)
        return moved.to(device, torch.int64)

    def optional(array: Any) -> Any:
        return None if array is None else tensor(array)

    def edges(senders: np.ndarray, receivers: np.ndarray) -> Tensor:
        return tensor(np.stack([senders, receivers]))

    def edge_features(block: Block) -> dict[EdgeType, list[Tensor]]:
        features = {key: batch.graph.edges[key].features for key in block.span}
        return {
            key: matrices(tree_map(lambda x: x[block.span[key]], of), tensor)  # noqa: B023
            for key, of in features.items()
            if of is not None
        }

    sample, nodes = batch.prepared["sample"], batch.graph.nodes
    nodes_of = {node_type: nodes[node_type] for node_type in sample.nodes}
    return TorchBatch(
        {
            node_type: [] if has_ids_alone(pytree) else matrices(pytree, tensor)
            for node_type, pytree in nodes_of.items()
        },
        {node_type: tensor(ids) for node_type, ids in sample.nodes.items()},
        tuple(
            TorchBlock(
                {key: edges(block.senders[key], block.receivers[key]) for key in block.senders},
                block.n_senders,
                block.n_receivers,
                edge_features(block),
            )
            for block in blocks(sample)
        ),
        kinds,
        tensor(batch.index),
        optional(batch.targets),
        None if batch.mask is None else torch.from_numpy(batch.mask).to(device),
        weights=optional(batch.weights),
        groups=optional(batch.groups),
        asked=() if batch.asked is None else matrices(batch.asked, tensor),
        graph_ids=optional(batch.prepared.get("graph_ids")),
    )


def has_ids_alone(pytree: Any) -> bool:
    """Tell whether a part's nodes have no features, but their ids instead."""
    return isinstance(pytree, np.ndarray) and pytree.ndim == 1


def matrices(pytree: Any, tensor: Any) -> list[Tensor]:
    """Return the leaves of a pytree of features as matrices [n, columns]."""
    tensors = (tensor(array) for _, array in leaves_with_paths(pytree))
    return [x if x.ndim > 1 else x[:, None] for x in tensors]
