"""Builders: from a model's options and a ModelSpec to an Encoder, one function a model."""

from collections.abc import Callable, Mapping

from heddle.errors import CapabilityError, ConfigError
from heddle.nn.capabilities import HOMOGENEOUS, RELATIONS
from heddle.nn.layers.base import BundledLayer, Layer
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.linear import Linear
from heddle.nn.layers.sage import SAGE
from heddle.nn.model import Encoder, ModelSpec
from heddle.nn.models.edge_inputs import EdgeInputs, edge_inputs_of
from heddle.nn.models.options import (
    ChebOptions,
    DiffusionOptions,
    GatOptions,
    GcnOptions,
    GinOptions,
    GraphNetworkOptions,
    HeteroSageOptions,
    HgtOptions,
    RelationalOptions,
    RgcnOptions,
    SageOptions,
    StackOptions,
)
from heddle.nn.models.stack import Stack
from heddle.options.input_kinds import EDGE_WEIGHTS

_WEIGHTS, _NOTHING = frozenset({EDGE_WEIGHTS}), frozenset[str]()


def gcn(options: GcnOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of GCN layers."""
    return _stack(options, signature, lambda i, o, last: GCN(i, o), edge_inputs_of(signature), _WEIGHTS)


def sage(options: SageOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of GraphSAGE layers."""
    mean = options.aggregator == "mean"
    edges, reads = edge_inputs_of(signature, weighted=mean), _WEIGHTS if mean else _NOTHING
    return _stack(options, signature, lambda i, o, last: SAGE(i, o, options.aggregator), edges, reads)


def gin(options: GinOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of GIN layers; for graphs, all layers' outputs side by side as in the paper's readout."""
    edges = edge_inputs_of(signature, mean=False)
    return _stack(
        options, signature, lambda i, o, last: GIN(i, o, options.hidden, options.norm), edges, _WEIGHTS
    )


def mlp(options: StackOptions, signature: ModelSpec) -> Encoder:
    """Build linear layers that see no edges."""
    return _stack(options, signature, lambda i, o, last: Linear(i, o))


def gat(options: GatOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of GAT layers; the last one averages `out_heads` heads, the others put `heads` side by side."""

    def layer(in_dim: int, out_dim: int, last: bool) -> Layer:
        heads = options.out_heads if last else options.heads
        return GAT(in_dim, out_dim, heads, not last, options.version, options.attention_dropout)

    return _stack(options, signature, layer, edge_inputs_of(signature, weighted=False))


def cheb(options: ChebOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of Chebyshev convolutions of order `order`."""
    from heddle.nn.layers.cheb import ChebConv

    return _stack(options, signature, lambda i, o, last: ChebConv(i, o, options.order), reads=_WEIGHTS)


def diffusion(options: DiffusionOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of diffusion convolutions of walks of up to `steps` steps each way."""
    from heddle.nn.layers.diffusion import DiffusionConv

    return _stack(options, signature, lambda i, o, last: DiffusionConv(i, o, options.steps), reads=_WEIGHTS)


def graph_network(options: GraphNetworkOptions, signature: ModelSpec) -> Encoder:
    """Build rounds of graph networks; they read edge features where there are any."""
    from heddle.nn.layers.graph_network import GraphNetwork
    from heddle.nn.models.graph_network import GraphNetworkStack

    hidden = options.hidden

    rounds: list[GraphNetwork] = []

    def layer(in_dim: int, out_dim: int, last: bool) -> Layer:
        assert isinstance(signature.edge_dim, int)
        edge_dim = hidden if rounds else signature.edge_dim
        rounds.append(
            GraphNetwork(in_dim, out_dim, edge_dim, edge_out=hidden, hidden=hidden, norm=options.norm)
        )
        return rounds[-1]

    stack = _stack(options, signature, layer)
    return GraphNetworkStack(
        tuple(rounds), stack.activation, stack.dropout, stack.activate_last, embedding=stack.embedding
    )


def widths(
    options: StackOptions | GraphNetworkOptions | RelationalOptions, signature: ModelSpec, in_dim: int
) -> list[int]:
    """Return in_dim, hidden ..., out: the last layer of a node task has the width of its targets."""
    if options.layers < 1 or options.hidden < 1:
        raise ConfigError(
            f"model: found layers={options.layers}, hidden={options.hidden}, expected at least 1 of each"
        )
    out = signature.out_dim if signature.level == "node" else options.hidden
    return [in_dim, *[options.hidden] * (options.layers - 1), out]


def _stack(
    options: StackOptions | GraphNetworkOptions,
    signature: ModelSpec,
    layer: Callable[[int, int, bool], Layer],
    edges: EdgeInputs | None = None,
    reads: frozenset[str] = _NOTHING,
) -> Stack:
    if signature.relations:
        raise CapabilityError(
            f"model={options.name}: found a heterogeneous graph with {len(signature.relations)} relations, "
            "expected a homogeneous one",
            "model",
            RELATIONS.name,
        )
    in_dim, embedding = signature.in_dim, None
    assert isinstance(in_dim, int)
    if not in_dim and signature.level == "graph":
        in_dim = 1  # every node is a 1
    elif not in_dim:
        in_dim = options.hidden
        embedding = (signature.n_node[""], in_dim)
    dims = widths(options, signature, in_dim)
    jump, residual = (
        (options.jump, options.residual) if isinstance(options, StackOptions) else ("last", False)
    )
    last = len(dims) - 2
    return Stack(
        tuple(layer(dims[i], dims[i + 1], i == last) for i in range(last + 1)),
        options.activation,
        options.dropout,
        activate_last=signature.level == "graph",
        jump=jump if signature.level == "graph" else "last",
        residual=residual,
        embedding=embedding,
        edges=edges,
        reads=reads,
    )


def rgcn(options: RgcnOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of R-GCN layers over the relations of the graph."""
    from heddle.nn.layers.rgcn import RGCN

    def layer(in_dim: Mapping[str, int], out_dim: int, last: bool) -> BundledLayer:
        how = options.bases, options.blocks, options.root
        return RGCN(signature.relations, in_dim, out_dim, *how)

    return _relational(options, signature, layer, edge_inputs_of(signature), _WEIGHTS)


def hetero_sage(options: HeteroSageOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of HeteroSAGE layers over the relations of the graph."""
    from heddle.nn.layers.hetero_sage import HeteroSAGE

    return _relational(
        options,
        signature,
        lambda i, o, last: HeteroSAGE(signature.relations, i, o, options.combine),
        edge_inputs_of(signature),
        _WEIGHTS,
    )


def hgt(options: HgtOptions, signature: ModelSpec) -> Encoder:
    """Build a stack of HGT layers over the relations of the graph, between linear layers if they are asked for.

    Without, the last layer is of the targets' width, with one head, and a node's own features reach its results along
    edges alone.
    """
    from heddle.nn.layers.hgt import HGT

    project, hidden = options.project, options.hidden
    inner = signature
    if project and signature.relations:
        assert not isinstance(signature.in_dim, int)
        inner = signature._replace(
            in_dim=dict.fromkeys(signature.in_dim, hidden), out_dim=hidden if signature.level == "node" else 0
        )
    encoder = _relational(
        options,
        inner,
        lambda i, o, last: HGT(signature.relations, i, o, options.heads if project or not last else 1),
        edge_inputs_of(signature, weighted=False),
    )
    if not project:
        return encoder
    from heddle.nn.models.projected import ProjectedEncoder

    assert not isinstance(signature.in_dim, int)
    rows = {kind: width or signature.n_node[kind] for kind, width in signature.in_dim.items()}
    out = signature.out_dim if signature.level == "node" else 0
    return ProjectedEncoder(encoder, tuple(sorted(rows.items())), hidden, out, options.activation)


def _relational(
    options: RelationalOptions,
    signature: ModelSpec,
    layer: Callable[[Mapping[str, int], int, bool], BundledLayer],
    edges: EdgeInputs | None = None,
    reads: frozenset[str] = _NOTHING,
) -> Encoder:
    from heddle.nn.models.relational import RelationalStack

    if not signature.relations:
        raise CapabilityError(
            f"model={options.name}: found a homogeneous graph, expected one with relations",
            "model",
            HOMOGENEOUS.name,
        )
    assert not isinstance(signature.in_dim, int)
    first = {kind: width or signature.n_node[kind] for kind, width in signature.in_dim.items()}
    out = widths(options, signature, 0)[1:]
    layers = tuple(
        layer(first if i == 0 else dict.fromkeys(first, out[i - 1]), out_dim, i == len(out) - 1)
        for i, out_dim in enumerate(out)
    )
    return RelationalStack(layers, options.activation, options.dropout, options.plan, edges, reads)
