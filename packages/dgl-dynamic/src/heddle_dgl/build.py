"""Builders: from a `model` config node and a Signature to a model that forecasts, one function a model."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from itertools import pairwise
from typing import Any

from heddle.errors import ConfigError, nearest
from heddle.layers.cheb import ChebConv
from heddle.layers.diffusion import DiffusionConv
from heddle.layers.gat import GAT
from heddle.layers.gcn import GCN
from heddle.layers.sage import SAGE
from heddle.model import Signature
from heddle.workflow.snapshot_links import FEATURES
from heddle_dgl.cells import GraphGRU, GraphLSTM, GraphRNN
from heddle_dgl.cells.tgcn import TGCN
from heddle_dgl.diffusion import ReferenceDiffusion
from heddle_dgl.models import A3TGCN, EvolveGCN, Recurrent
from heddle_dgl.models.evolve import EvolveLayer
from heddle_dgl.models.links import SnapshotLinks
from heddle_dgl.stacking import MakeCell, MakeLayer, integrate, stack_cells, stack_seq_model

Config = Mapping[str, Any]

LAYERS = ("gcn", "cheb", "diffusion", "sage", "gat")
HEADS = ("decoder", "last")


def _of_links_too(build: Callable[[Config, Signature], Any]) -> Callable[[Config, Signature], Any]:
    """Return a builder that makes models of links in time as well, without a head."""

    @wraps(build)
    def built(config: Config, signature: Signature) -> Any:
        if signature.level != "link":
            return build(config, signature)
        return SnapshotLinks(
            build(config, signature._replace(level="step", in_dim=FEATURES, out_dim=1, window=(1, 1)))
        )

    return built


@_of_links_too
def gcrn_gru(config: Config, signature: Signature) -> Any:
    """Build the GRU of Seo et al. (2018)."""
    return _recurrent(integrate(GraphGRU, _layer(config)), config, signature)


@_of_links_too
def gcrn_lstm(config: Config, signature: Signature) -> Any:
    """Build model 2 of Seo et al. (2018)."""
    cell = integrate(GraphLSTM, _layer(config), peephole=bool(config.get("peephole", True)))
    return _recurrent(cell, config, signature)


@_of_links_too
def gcrn_rnn(config: Config, signature: Signature) -> Any:
    """Build the simplest of recurrent graph networks."""
    return _recurrent(integrate(GraphRNN, _layer(config)), config, signature)


@_of_links_too
def dcrnn(config: Config, signature: Signature) -> Any:
    """Build DCRNN (Li et al. 2018); `convention` "reference" follows its code, see `ReferenceDiffusion`."""
    kinds = {"paper": DiffusionConv, "reference": ReferenceDiffusion}
    convention = config.get("convention") or "paper"
    if convention not in kinds:
        valid = list(kinds)
        raise ConfigError(
            f"model.convention: found {convention!r}, expected one of {valid}{nearest(str(convention), valid)}"
        )
    layer = partial(kinds[convention], steps=int(config["steps"]), bias=False)
    return _recurrent(integrate(GraphGRU, layer), config, signature)


@_of_links_too
def tgcn(config: Config, signature: Signature) -> Any:
    """Build T-GCN (Zhao et al. 2019)."""
    width = _checked(signature)
    cells = stack_cells(TGCN, width, config["hidden"], config["layers"])
    return Recurrent(cells, signature.window[1], signature.out_dim)


@_of_links_too
def a3tgcn(config: Config, signature: Signature) -> Any:
    """Build A3T-GCN (Bai et al. 2021)."""
    return A3TGCN(TGCN(_checked(signature), config["hidden"]), signature.window[1], signature.out_dim)


@_of_links_too
def evolvegcn(config: Config, signature: Signature) -> Any:
    """Build EvolveGCN (Pareja et al. 2020), version O or H."""
    version = config.get("version") or "O"
    if version not in ("O", "H"):
        raise ConfigError(f"model.version: found {version!r}, expected 'O' or 'H'; choose one")
    widths = [_checked(signature), *[config["hidden"]] * config["layers"]]
    layers = tuple(EvolveLayer(i, o, version) for i, o in pairwise(widths))
    return EvolveGCN(layers, signature.window[1], signature.out_dim)


def _recurrent(cell: MakeCell, config: Config, signature: Signature) -> Any:
    """Return cells with a decoder, or with one product of the last state, as `config["head"]` asks."""
    width, head = _checked(signature), config.get("head") or "decoder"
    if head == "decoder":
        tau = None if config.get("tau") is None else float(config["tau"])
        return stack_seq_model(width, signature.out_dim, config["layers"], cell, config["hidden"], tau)
    if head == "last":
        cells = stack_cells(cell, width, config["hidden"], config["layers"])
        return Recurrent(cells, signature.window[1], signature.out_dim)
    raise ConfigError(f"model.head: found {head!r}, expected one of {list(HEADS)}{nearest(str(head), HEADS)}")


def _layer(config: Config) -> MakeLayer:
    name = config.get("layer") or "cheb"
    if name == "gcn":
        return GCN
    if name == "cheb":
        return partial(ChebConv, order=int(config.get("order") or 2), bias=False)
    if name == "diffusion":
        return partial(DiffusionConv, steps=int(config.get("order") or 2), bias=False)
    if name == "sage":
        return SAGE
    if name == "gat":
        return partial(GAT, heads=1)
    raise ConfigError(
        f"model.layer: found {name!r}, expected one of {list(LAYERS)}{nearest(str(name), LAYERS)}"
    )


def _checked(signature: Signature) -> int:
    """Return the width of the signal, or say that the task is another."""
    if signature.level != "step" or not isinstance(signature.in_dim, int):
        raise ConfigError(
            f"model: found a task about each {signature.level}, expected a forecast; choose data=traffic or another "
            "signal, or a model such as model=gcn"
        )
    return signature.in_dim
