"""rounds: what a step of each layer keeps, gathers and sums, in floats a node and an edge; what a plan adds up."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.layers.linear import Linear
from heddle.nn.layers.sage import SAGE
from heddle.nn.model import LayeredEncoder


class Round(NamedTuple):
    """One layer in training, in floats; counted from the formulas, rounded up where a compiler may keep more.

    Attributes:
        node: kept or made for each node until the way back has used it.
        edge: the same for each edge.
        sent: read from each sender, forward; as many come back.
        received: read from each receiver.
        summed: added up at each receiver.
        hops: aggregations one after the other, each reading and summing as much.
        loops: whether every node has an edge to itself besides those of the graph.
        returns: whether gradients flow back to the senders: not to features that are data.
        propagations: operators of its own that are stored with the graph.
    """

    node: int
    edge: int
    sent: int
    received: int = 0
    summed: int = 0
    hops: int = 1
    loops: bool = False
    returns: bool = True
    propagations: int = 1


def rounds_of(encoder: Any, in_dim: int) -> tuple[Round, ...]:
    """Return the Round of each layer of an encoder; of a third party's, what is known of its widths.

    Args:
        encoder: as a model builder returns it; its `layers` are read, without them its `out_dim`.
        in_dim: width of the features that the first layer sees.
    """
    if not isinstance(encoder, LayeredEncoder) or not encoder.layers:
        return (_unknown(in_dim, int(encoder.out_dim)),)
    return tuple(_round(layer, in_dim, first=i == 0) for i, layer in enumerate(encoder.layers))


def _round(layer: Any, in_dim: int, first: bool) -> Round:
    made = _ROUNDS.get(type(layer))
    if made is None:
        return _unknown(in_dim, int(layer.out_dim))
    layer_round = made(layer)
    reads_data = first and isinstance(layer, _AGGREGATES_FIRST) and _narrow(layer) == layer.in_dim
    return layer_round._replace(returns=not reads_data)


def _narrow(layer: Any) -> int:
    """Width at which an aggregation without parameters is taken: features or results, whichever is narrower."""
    whole = isinstance(layer, GIN) or (isinstance(layer, SAGE) and layer.aggregator == "max")
    result: int = layer.in_dim if whole else min(layer.in_dim, layer.out_dim)
    return result


def _gcn(layer: GCN) -> Round:
    sent = _narrow(layer)
    return Round(3 * layer.out_dim + sent, sent, sent, summed=sent)


def _sage(layer: SAGE) -> Round:
    sent = _narrow(layer)
    kept = sent + sent // 4 if layer.aggregator == "max" else sent
    return Round(4 * layer.out_dim + 2 * sent, kept, sent, summed=sent)


def _gin(layer: GIN) -> Round:
    inside = 6 * (layer.hidden or layer.out_dim)
    return Round(layer.in_dim + inside + 3 * layer.out_dim, layer.in_dim, layer.in_dim, summed=layer.in_dim)


def _gat(layer: GAT) -> Round:
    width, heads = layer.heads * layer.head_dim, layer.heads
    if layer.version == 1:
        edge, sent, received = 2 * width + 4 * heads, width + heads, heads
    else:
        edge, sent, received = 4 * width + 4 * heads, width, width
    return Round(4 * width, edge, sent, received, width + 2 * heads, loops=True)


def _cheb(layer: ChebConv) -> Round:
    sent, hops = _narrow(layer), layer.order - 1
    return Round(2 * layer.order * sent + 4 * layer.out_dim, sent, sent, summed=sent, hops=hops)


def _diffusion(layer: DiffusionConv) -> Round:
    sent, hops = _narrow(layer), 2 * layer.steps
    node = 2 * (hops + 1) * sent + 4 * layer.out_dim
    return Round(node, sent, sent, summed=sent, hops=hops, propagations=2)


def _graph_network(layer: GraphNetwork) -> Round:
    hidden, edge_out = layer.hidden or layer.out_dim, layer.edge_out or layer.out_dim
    node = 6 * hidden + 3 * layer.out_dim
    return Round(node, 4 * hidden + edge_out + layer.edge_dim, hidden, hidden, edge_out)


def _linear(layer: Linear) -> Round:
    return Round(3 * layer.out_dim, 0, 0, hops=0, propagations=0)


def _unknown(in_dim: int, out_dim: int) -> Round:
    width = max(in_dim, out_dim)
    return Round(6 * width, 4 * width, width, width, width)


_ROUNDS: Mapping[type, Callable[[Any], Round]] = {
    GCN: _gcn,
    SAGE: _sage,
    GIN: _gin,
    GAT: _gat,
    ChebConv: _cheb,
    DiffusionConv: _diffusion,
    GraphNetwork: _graph_network,
    Linear: _linear,
}

_AGGREGATES_FIRST = (GCN, SAGE, GIN, ChebConv, DiffusionConv)
