"""Builders: from a model's options and a ModelSpec to an Encoder, one function a model."""

from collections.abc import Callable, Mapping
from dataclasses import replace

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


def gcn(options: GcnOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of GCN layers."""
    return _stack(options, model_spec, lambda i, o, last: GCN(i, o), edge_inputs_of(model_spec), _WEIGHTS)


def sage(options: SageOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of GraphSAGE layers."""
    mean = options.aggregator == "mean"
    edges, reads = edge_inputs_of(model_spec, weighted=mean), _WEIGHTS if mean else _NOTHING
    return _stack(options, model_spec, lambda i, o, last: SAGE(i, o, options.aggregator), edges, reads)


def gin(options: GinOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of GIN layers; for graphs, all layers' outputs side by side as in the paper's readout."""
    edges = edge_inputs_of(model_spec, mean=False)
    return _stack(
        options, model_spec, lambda i, o, last: GIN(i, o, options.hidden, options.norm), edges, _WEIGHTS
    )


def mlp(options: StackOptions, model_spec: ModelSpec) -> Encoder:
    """Build linear layers that see no edges."""
    return _stack(options, model_spec, lambda i, o, last: Linear(i, o))


def gat(options: GatOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of GAT layers; the last one averages `out_heads` heads, the others put `heads` side by side."""

    def layer(in_dim: int, out_dim: int, last: bool) -> Layer:
        heads = options.out_heads if last else options.heads
        return GAT(in_dim, out_dim, heads, not last, options.version, options.attention_dropout)

    return _stack(options, model_spec, layer, edge_inputs_of(model_spec, weighted=False))


def cheb(options: ChebOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of Chebyshev convolutions of order `order`."""
    from heddle.nn.layers.cheb import ChebConv

    return _stack(options, model_spec, lambda i, o, last: ChebConv(i, o, options.order), reads=_WEIGHTS)


def diffusion(options: DiffusionOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of diffusion convolutions of walks of up to `steps` steps each way."""
    from heddle.nn.layers.diffusion import DiffusionConv

    return _stack(options, model_spec, lambda i, o, last: DiffusionConv(i, o, options.steps), reads=_WEIGHTS)


def graph_network(options: GraphNetworkOptions, model_spec: ModelSpec) -> Encoder:
    """Build rounds of graph networks; they read edge features where there are any."""
    from heddle.nn.layers.graph_network import GraphNetwork
    from heddle.nn.models.graph_network import GraphNetworkStack

    hidden = options.hidden

    rounds: list[GraphNetwork] = []

    def layer(in_dim: int, out_dim: int, last: bool) -> Layer:
        assert isinstance(model_spec.edge_dim, int)
        edge_dim = hidden if rounds else model_spec.edge_dim
        rounds.append(
            GraphNetwork(in_dim, out_dim, edge_dim, edge_out=hidden, hidden=hidden, norm=options.norm)
        )
        return rounds[-1]

    stack = _stack(options, model_spec, layer)
    return GraphNetworkStack(
        tuple(rounds), stack.activation, stack.dropout, stack.activate_last, embedding=stack.embedding
    )


def widths(
    options: StackOptions | GraphNetworkOptions | RelationalOptions, model_spec: ModelSpec, in_dim: int
) -> list[int]:
    """Return in_dim, hidden ..., out: the last layer of a node task has the width of its targets.

    Raises:
        ConfigError: no layer, or no hidden column.
    """
    if options.layers < 1 or options.hidden < 1:
        raise ConfigError(
            f"model: found layers={options.layers}, hidden={options.hidden}, expected at least 1 of each"
        )
    answers = model_spec.level == "node" and not _has_mlp(options)
    out = model_spec.out_dim if answers else options.hidden
    return [in_dim, *[options.hidden] * (options.layers - 1), out]


def _has_mlp(options: object) -> bool:
    """Tell whether an MLP answers from the embeddings."""
    return isinstance(options, RelationalOptions) and options.head == "mlp"


def _stack(
    options: StackOptions | GraphNetworkOptions,
    model_spec: ModelSpec,
    layer: Callable[[int, int, bool], Layer],
    edges: EdgeInputs | None = None,
    reads: frozenset[str] = _NOTHING,
) -> Stack:
    if model_spec.relations:
        raise CapabilityError(
            f"model={options.name}: found a heterogeneous graph with {len(model_spec.relations)} relations, "
            "expected a homogeneous one",
            "model",
            RELATIONS.name,
        )
    in_dim, embedding = model_spec.in_dim, None
    assert isinstance(in_dim, int)
    if not in_dim and model_spec.level == "graph":
        in_dim = 1  # every node is a 1
    elif not in_dim:
        in_dim = options.hidden
        embedding = (model_spec.n_node[""], in_dim)
    dims = widths(options, model_spec, in_dim)
    jump, residual = (
        (options.jump, options.residual) if isinstance(options, StackOptions) else ("last", False)
    )
    last = len(dims) - 2
    return Stack(
        tuple(layer(dims[i], dims[i + 1], i == last) for i in range(last + 1)),
        options.activation,
        options.dropout,
        activate_last=model_spec.level == "graph",
        jump=jump if model_spec.level == "graph" else "last",
        residual=residual,
        embedding=embedding,
        edges=edges,
        reads=reads,
    )


def rgcn(options: RgcnOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of R-GCN layers over the relations of the graph."""
    from heddle.nn.layers.rgcn import RGCN

    def layer(in_dim: Mapping[str, int], out_dim: int, last: bool) -> BundledLayer:
        how = options.bases, options.blocks, options.root
        return RGCN(model_spec.relations, in_dim, out_dim, *how)

    return _relational(options, model_spec, layer, edge_inputs_of(model_spec), _WEIGHTS)


def hetero_sage(options: HeteroSageOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of HeteroSAGE layers over the relations of the graph."""
    from heddle.nn.layers.hetero_sage import HeteroSAGE

    inner = _projected_spec(options, model_spec) if options.project else model_spec
    encoder = _relational(
        options,
        inner,
        lambda i, o, last: HeteroSAGE(model_spec.relations, i, o, options.combine),
        edge_inputs_of(model_spec),
        _WEIGHTS,
    )
    return _projected(options, model_spec, encoder, 0) if options.project else encoder


def _projected_spec(options: RelationalOptions, model_spec: ModelSpec) -> ModelSpec:
    """Return what an encoder sees behind linear layers that bring all types to one width."""
    if isinstance(model_spec.in_dim, int):
        return model_spec
    return model_spec._replace(in_dim=dict.fromkeys(model_spec.in_dim, options.hidden))


def _projected(options: RelationalOptions, model_spec: ModelSpec, encoder: Encoder, out: int) -> Encoder:
    """Return an encoder behind these linear layers, and before one of width `out` unless that is 0."""
    from heddle.nn.models.projected import ProjectedEncoder

    assert not isinstance(model_spec.in_dim, int)
    rows = {
        node_type: width or model_spec.n_node[node_type] for node_type, width in model_spec.in_dim.items()
    }
    return ProjectedEncoder(encoder, tuple(sorted(rows.items())), options.hidden, out, options.activation)


def hgt(options: HgtOptions, model_spec: ModelSpec) -> Encoder:
    """Build a stack of HGT layers over the relations of the graph, between linear layers if they are asked for.

    Each layer adds to what a node is, with a gelu of its own, so that nothing cuts what is handed on. Without linear
    layers the activation lies between layers, the last layer is of the targets' width, with one head, and a node's own
    features reach its results along edges alone.
    """
    from heddle.nn.layers.hgt import HGT

    project, hidden = options.project, options.hidden
    stacked = replace(options, activation="none") if project else options
    inner = model_spec
    if project and model_spec.relations:
        inner = _projected_spec(options, model_spec)._replace(
            out_dim=hidden if model_spec.level == "node" else 0
        )
    encoder = _relational(
        stacked,
        inner,
        lambda i, o, last: HGT(model_spec.relations, i, o, options.heads if project or not last else 1),
        edge_inputs_of(model_spec, weighted=False),
    )
    if not project:
        return encoder
    out = model_spec.out_dim if model_spec.level == "node" and not _has_mlp(options) else 0
    return _projected(options, model_spec, encoder, out)


def _relational(
    options: RelationalOptions,
    model_spec: ModelSpec,
    layer: Callable[[Mapping[str, int], int, bool], BundledLayer],
    edges: EdgeInputs | None = None,
    reads: frozenset[str] = _NOTHING,
) -> Encoder:
    from heddle.nn.models.relational import RelationalStack

    if not model_spec.relations:
        raise CapabilityError(
            f"model={options.name}: found a homogeneous graph, expected one with relations",
            "model",
            HOMOGENEOUS.name,
        )
    assert not isinstance(model_spec.in_dim, int)
    first = {
        node_type: width or model_spec.n_node[node_type] for node_type, width in model_spec.in_dim.items()
    }
    out = widths(options, model_spec, 0)[1:]
    layers = tuple(
        layer(first if i == 0 else dict.fromkeys(first, out[i - 1]), out_dim, i == len(out) - 1)
        for i, out_dim in enumerate(out)
    )
    return RelationalStack(layers, options.activation, options.dropout, options.plan, edges, reads)
