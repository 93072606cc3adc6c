"""Embeddings of a whole graph, layer by layer: every node once a layer, and no edge left out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from heddle.graphs.pytree import tree_map
from heddle.sampling.blocks import blocks
from heddle.sampling.parts import Parts
from heddle.sampling.types import Fanout
from heddle_pyg.scripts.batch import matrices
from heddle_pyg.scripts.hetero_module import HeteroModule

CHUNK = 1 << 14
"""Nodes that are computed in one call."""


@torch.no_grad()
def embed_whole(
    model: HeteroModule, parts: Parts, device: torch.device, chunk: int = CHUNK
) -> dict[str, np.ndarray]:
    """Return node type -> [n_nodes, dim_out]: what the module gives for samples of all edges.

    Memory: two layers' embeddings of all nodes, and what `chunk` nodes and their edges take.
    """
    was_training = model.training
    model.eval()
    dtype = next(model.parameters()).dtype
    counts = parts.store.graph.n_node

    def rows(node_type: str, start: int) -> np.ndarray:
        return np.arange(start, min(start + chunk, counts[node_type]))

    def tensor(array: np.ndarray) -> torch.Tensor:
        moved = torch.from_numpy(np.array(array)).to(device)
        return moved.to(dtype) if moved.is_floating_point() else moved.long()

    def inputs(node_type: str, ids: np.ndarray) -> torch.Tensor:
        features = parts.store.nodes.get(node_type)
        pytree = tree_map(lambda x: x[ids[0] : ids[-1] + 1], features)
        return model.encode(node_type, matrices(pytree, tensor), tensor(ids))

    x = {
        node_type: np.concatenate(
            [inputs(node_type, rows(node_type, start)).cpu().numpy() for start in range(0, n, chunk)]
        )
        for node_type, n in counts.items()
        if n
    }
    for layer in range(model.n_layers):
        chunks: dict[str, list[np.ndarray]] = {node_type: [] for node_type in x}
        for node_type, pieces in chunks.items():
            for start in range(0, counts[node_type], chunk):
                part = parts.sample({node_type: rows(node_type, start)}, Fanout((-1,)), key=0)
                pieces.append(_one(model, layer, x, parts, part, node_type, tensor))
        x = {node_type: np.concatenate(pieces) for node_type, pieces in chunks.items()}
    model.train(was_training)
    return x


def _one(
    model: HeteroModule,
    layer: int,
    x: Mapping[str, np.ndarray],
    parts: Parts,
    sample: Any,
    node_type: str,
    tensor: Any,
) -> Any:
    (block,) = blocks(sample)
    fed = {name: tensor(x[name][ids]) for name, ids in sample.nodes.items() if len(ids)}
    edges = {
        key: tensor(np.stack([senders, block.receivers[key]]))
        for key, senders in block.senders.items()
        if key[2] == node_type
    }
    features = {key: matrices(parts.edge_features(key, block.edges[key]), tensor) for key in edges}
    return model.layer(layer, fed, edges, block.n_receivers, features)[node_type].cpu().numpy()
