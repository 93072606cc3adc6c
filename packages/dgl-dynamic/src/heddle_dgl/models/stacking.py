"""integrate and stack_seq_model: from a cell and a graph layer to a model, as in DynaGraph's paper."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from heddle.errors import ConfigError
from heddle_dgl.models.seq import SeqModel

MakeLayer = Callable[[int, int], Any]
"""(in_dim, out_dim) -> a layer."""

MakeCell = Callable[[int, int], Any]
"""(in_dim, hidden) -> a cell."""


def integrate(cell: type, layer: MakeLayer, **options: Any) -> MakeCell:
    """Put a graph layer into the gates of a recurrent cell: returns (in_dim, hidden) -> cell.

    Args:
        cell: GraphRNN, GraphGRU, GraphLSTM, or one of your own.
        layer: a layer class of core's (made without a bias of its own, since gates have one), or any (in_dim, out_dim)
            -> layer. One without the split into `aggregate` and `update` (attention) works too, without a cache.
        options: of the cell, e.g. `peephole=False`.

    >>> from heddle.nn.layers.gcn import GCN
    >>> from heddle_dgl.cells import GraphLSTM
    >>> gcrn = integrate(GraphLSTM, GCN, peephole=False)
    >>> gcrn(2, 64).hidden
    64
    """
    made = layer
    if isinstance(layer, type) and any(field.name == "bias" for field in fields(layer)):

        def made(in_dim: int, out_dim: int) -> Any:
            return layer(in_dim, out_dim, bias=False)

    def make(in_dim: int, hidden: int) -> Any:
        return cell(made(in_dim, hidden), made(hidden, hidden), **options)

    return make


def stack_cells(make: MakeCell, in_dim: int, hidden: int, num_layers: int) -> tuple[Any, ...]:
    """Return `num_layers` cells of width `hidden`, one on top of the other.

    The first reads `in_dim` features, the others the state below.

    Args:
        make: (in_dim, hidden) -> a cell.

    Raises:
        ConfigError: less than one layer or feature.
    """
    if min(in_dim, hidden, num_layers) < 1:
        raise ConfigError(
            f"layers: found in_dim={in_dim}, hidden={hidden}, num_layers={num_layers}, expected at least 1 of each"
        )
    return tuple(make(in_dim if layer == 0 else hidden, hidden) for layer in range(num_layers))


def stack_seq_model(
    in_feats: int,
    out_feats: int,
    num_layers: int,
    gcrn: MakeCell,
    hidden: int = 64,
    tau: float | None = 2000.0,
) -> SeqModel:
    """Stack dynamic GNN layers to an encoder that reads `in_feats` features and a decoder that writes `out_feats`.

    Args:
        num_layers: of the encoder and of the decoder, each.
        gcrn: (in_dim, hidden) -> a cell.
        hidden: width of the states.
        tau: of scheduled sampling, see SeqModel; 0 never feeds the truth to the decoder, None paces it by the run's
            steps.

    >>> from heddle.nn.layers.gcn import GCN
    >>> from heddle_dgl.cells import GraphGRU
    >>> model = stack_seq_model(2, 1, 2, integrate(GraphGRU, GCN))
    >>> len(model.encoder), model.decoder[0].in_dim
    (2, 1)
    """
    encoder = stack_cells(gcrn, in_feats, hidden, num_layers)
    decoder = stack_cells(gcrn, out_feats, hidden, num_layers)
    return SeqModel(encoder, decoder, out_feats, tau)
