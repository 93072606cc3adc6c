"""PortableModule: a portable model, encoder or layer as an nn.Module that PyG users can put into code of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Data, HeteroData

from heddle.engines.optim import matching_names
from heddle.engines.optim_groups import table_names
from heddle.errors import GraphError
from heddle.graphs.graph import Graph, HeteroGraph, num_nodes
from heddle.graphs.memo import Memo
from heddle.graphs.pytree import tree_map
from heddle.nn.heads import GraphHead, NodeHead
from heddle.nn.layers.base import HeteroLayer, Layer, no_dropout
from heddle.nn.model import Batch, Encoder, Model
from heddle.nn.params import initialise
from heddle_pyg.layers.adapt import HeteroLayerEncoder, LayerEncoder, as_encoder
from heddle_pyg.layers.inputs import Inputs, as_array, as_tensor, read_inputs
from heddle_pyg.layers.register import register_parameters
from heddle_pyg.layers.widths import check_features
from heddle_torch.arrays.ops import TorchOps
from heddle_torch.arrays.tables import sparse_ops
from heddle_torch.digest import contents_version, outside_transforms
from heddle_torch.kernels import ops_on


class PortableModule(nn.Module):
    """A portable Model, Encoder, Layer or HeteroLayer with its parameters, named as everywhere in Heddle.

    The keys of `state_dict` are the portable names, so weights of any engine load with `load_state_dict`. What is
    prepared of a graph's edges is kept for as long as the graph's own arrays live and hold the same.

    >>> conv = PortableModule(GCN(3, 4))
    >>> conv(torch.ones(2, 3), torch.tensor([[0], [1]])).shape
    torch.Size([2, 4])
    >>> list(conv.state_dict())
    ['weight', 'bias']
    """

    def __init__(
        self,
        part: Model | Encoder | Layer | HeteroLayer,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        sparse: str | Sequence[str] = (),
    ):
        """Draw the parameters from `seed`, the same numbers that every engine starts from.

        Args:
            sparse: names of tables of embeddings whose gradients are sparse, as a pattern or several.

        Raises:
            ConfigError: a pattern that matches no table.
        """
        super().__init__()
        self.part, self._memo = as_encoder(part), Memo(version=contents_version)
        drawn, specs = np.float64 if dtype == torch.float64 else np.float32, part.params()
        self._sparse = matching_names("PortableModule.sparse", sparse, table_names(specs))
        register_parameters(self, initialise(specs, seed, drawn), dtype, self._sparse)

    def forward(
        self,
        graph: Graph | HeteroGraph | Data | HeteroData | Any,
        edge_index: Tensor | None = None,
        edge_weight: Tensor | None = None,
        index: Tensor | None = None,
    ) -> Any:
        """Return node embeddings, for a Model its outputs; dropout is drawn from torch's own generator in training.

        Args:
            graph: a graph of Heddle's or PyG's; or node features [n_nodes, d], with the edges in the next two.
            edge_index: [2, n_edges] int64, senders above receivers, as in PyG.
            edge_weight: [n_edges], constant: propagations are built from its values.
            index: what a Model is asked about; by default all nodes, or all graphs.

        Raises:
            GraphError: node features without edge_index, or of another width than the first layer reads; weights that
                want a gradient; links that aren't named.
        """
        params = dict(self.named_parameters())
        like = next(iter(params.values()), torch.empty(0))
        given, prepared, ops = self._prepared(graph, edge_index, edge_weight, like)
        check_features(self.part, given.graph)
        placed = _tensors(given.graph, like)
        dropout = functional.dropout if self.training else no_dropout
        if not isinstance(self.part, Model):
            return self.part.apply(ops, params, placed, prepared, dropout)
        asked = _everything(self.part, placed, like.device) if index is None else index
        return self.part.apply(ops, params, Batch(placed, prepared, asked), dropout)

    @torch.compiler.disable  # what is prepared is constant in what is compiled, and made by numpy
    def _prepared(
        self, graph: Any, edge_index: Tensor | None, edge_weight: Tensor | None, like: Tensor
    ) -> tuple[Inputs, Any, TorchOps]:
        """Return the inputs, what is prepared of their edges, kept for as long as these hold the same, and the ops."""
        ops = ops_on(like.device)
        ops = sparse_ops(ops, like.dtype) if self._sparse else ops
        with outside_transforms():  # tensors made inside one end with it
            given = read_inputs(graph, edge_index, edge_weight)
            key = like.dtype, like.device, given.sizes, torch.is_inference_mode_enabled()
            prepared = self._memo.get(
                given.edge_arrays,
                key,
                lambda: _tensors(self.part.prepare(tree_map(as_array, given.graph)), like),
            )
        return given, prepared, ops

    def extra_repr(self) -> str:
        return repr(
            self.part.layer if isinstance(self.part, LayerEncoder | HeteroLayerEncoder) else self.part
        )


def _tensors(pytree: Any, like: Tensor) -> Any:
    return tree_map(lambda leaf: as_tensor(leaf, like), pytree)


def _everything(model: Model, graph: Any, device: torch.device) -> Tensor:
    """Return the index of all nodes or all graphs."""
    if isinstance(model.head, NodeHead):
        node_type = model.head.target_type
        count = int(graph.n_node[node_type].sum()) if node_type else num_nodes(graph)
    elif isinstance(model.head, GraphHead):
        count = len(graph.n_node)
    else:
        name = type(model.head).__name__
        raise GraphError(
            f"PortableModule: found no index for a {name}, expected [m, 2] or [m, 3]; pass index=links"
        )
    return torch.arange(count, device=device)
