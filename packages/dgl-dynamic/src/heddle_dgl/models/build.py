"""Builders: from a model's options and a ModelSpec to a model that forecasts, one function a model."""

from collections.abc import Callable
from functools import partial, wraps
from itertools import pairwise
from typing import Any

from heddle.errors import ConfigError, nearest
from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.sage import SAGE
from heddle.nn.model import ModelSpec
from heddle.workflow.loaders.snapshot_links import FEATURES
from heddle_dgl.cells import GraphGRU, GraphLSTM, GraphRNN
from heddle_dgl.cells.reference_diffusion import ReferenceDiffusion
from heddle_dgl.cells.tgcn import TGCN
from heddle_dgl.models import A3TGCN, EvolveGCN, Recurrent
from heddle_dgl.models.evolve import EvolveLayer
from heddle_dgl.models.links import SnapshotLinks
from heddle_dgl.models.stacking import MakeCell, MakeLayer, integrate, stack_cells, stack_seq_model
from heddle_dgl.options import (
    DcrnnOptions,
    EvolveOptions,
    GcrnLstmOptions,
    GcrnOptions,
    HeadOptions,
    TgcnOptions,
)

Builder = Callable[[Any, ModelSpec], Any]

LAYERS = ("gcn", "cheb", "diffusion", "sage", "gat")
HEADS = ("decoder", "last")


def _of_links_too(build: Builder) -> Builder:
    """Return a builder that makes models of links in time as well, without a head."""

    @wraps(build)
    def built(options: Any, model_spec: ModelSpec) -> Any:
        if model_spec.level != "link":
            return build(options, model_spec)
        return SnapshotLinks(
            build(options, model_spec._replace(level="step", in_dim=FEATURES, out_dim=1, window=(1, 1)))
        )

    return built


@_of_links_too
def gcrn_gru(options: GcrnOptions, model_spec: ModelSpec) -> Any:
    """Build the recurrent graph network with GRU cells (Seo et al. 2018).

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: an unknown layer or head; a task that isn't a forecast or about links.
    """
    return _recurrent(integrate(GraphGRU, _layer(options)), options, model_spec)


@_of_links_too
def gcrn_lstm(options: GcrnLstmOptions, model_spec: ModelSpec) -> Any:
    """Build the recurrent graph network with LSTM cells, with or without peepholes (Seo et al. 2018, model 2).

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: an unknown layer or head; a task that isn't a forecast or about links.
    """
    cell = integrate(GraphLSTM, _layer(options), peephole=options.peephole)
    return _recurrent(cell, options, model_spec)


@_of_links_too
def gcrn_rnn(options: GcrnOptions, model_spec: ModelSpec) -> Any:
    """Build the recurrent graph network with plain cells: h' = tanh(conv x + conv h).

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: an unknown layer or head; a task that isn't a forecast or about links.
    """
    return _recurrent(integrate(GraphRNN, _layer(options)), options, model_spec)


@_of_links_too
def dcrnn(options: DcrnnOptions, model_spec: ModelSpec) -> Any:
    """Build DCRNN (Li et al. 2018): GRU cells with diffusion convolutions, as in its paper or in its code.

    `options.convention` is "paper" or "reference", the code.

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: an unknown convention or head; a task that isn't a forecast or about links.
    """
    kinds = {"paper": DiffusionConv, "reference": ReferenceDiffusion}
    convention = options.convention
    if convention not in kinds:
        valid = list(kinds)
        raise ConfigError(
            f"model.convention: found {convention!r}, expected one of {valid}{nearest(convention, valid)}"
        )
    layer = partial(kinds[convention], steps=options.steps, bias=False)
    return _recurrent(integrate(GraphGRU, layer), options, model_spec)


@_of_links_too
def tgcn(options: TgcnOptions, model_spec: ModelSpec) -> Any:
    """Build T-GCN (Zhao et al. 2019).

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: a task that isn't a forecast or about links.
    """
    width = _checked(model_spec)
    cells = stack_cells(TGCN, width, options.hidden, options.layers)
    return Recurrent(cells, model_spec.window[1], model_spec.out_dim)


@_of_links_too
def a3tgcn(options: TgcnOptions, model_spec: ModelSpec) -> Any:
    """Build A3T-GCN (Bai et al. 2021).

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: a task that isn't a forecast or about links.
    """
    return A3TGCN(TGCN(_checked(model_spec), options.hidden), model_spec.window[1], model_spec.out_dim)


@_of_links_too
def evolvegcn(options: EvolveOptions, model_spec: ModelSpec) -> Any:
    """Build EvolveGCN (Pareja et al. 2020), version "O" or "H".

    Args:
        options: the `model` node of the configuration.
        model_spec: widths and window of a forecast; for links in time, of their snapshots.

    Returns: a ForecastModel, or SnapshotLinks for links.

    Raises:
        ConfigError: another version; a task that isn't a forecast or about links.
    """
    version = options.version
    if version not in ("O", "H"):
        raise ConfigError(f"model.version: found {version!r}, expected 'O' or 'H'; choose one")
    widths = [_checked(model_spec), *[options.hidden] * options.layers]
    layers = tuple(EvolveLayer(i, o, version) for i, o in pairwise(widths))
    return EvolveGCN(layers, model_spec.window[1], model_spec.out_dim)


def _recurrent(cell: MakeCell, options: HeadOptions, model_spec: ModelSpec) -> Any:
    """Return cells with a decoder, or with one product of the last state, as `head` asks."""
    width, head = _checked(model_spec), options.head
    if head == "decoder":
        return stack_seq_model(width, model_spec.out_dim, options.layers, cell, options.hidden, options.tau)
    if head == "last":
        cells = stack_cells(cell, width, options.hidden, options.layers)
        return Recurrent(cells, model_spec.window[1], model_spec.out_dim)
    raise ConfigError(f"model.head: found {head!r}, expected one of {list(HEADS)}{nearest(head, HEADS)}")


def _layer(options: GcrnOptions) -> MakeLayer:
    name = options.layer
    if name == "gcn":
        return GCN
    if name == "cheb":
        return partial(ChebConv, order=options.order, bias=False)
    if name == "diffusion":
        return partial(DiffusionConv, steps=options.order, bias=False)
    if name == "sage":
        return SAGE
    if name == "gat":
        return partial(GAT, heads=1)
    raise ConfigError(f"model.layer: found {name!r}, expected one of {list(LAYERS)}{nearest(name, LAYERS)}")


def _checked(model_spec: ModelSpec) -> int:
    """Return the width of the signal, or say that the task is another."""
    if model_spec.level != "step" or not isinstance(model_spec.in_dim, int):
        raise ConfigError(
            f"model: found a task about each {model_spec.level}, expected a forecast; choose data=traffic or another "
            "signal, or a model such as model=gcn"
        )
    return model_spec.in_dim
