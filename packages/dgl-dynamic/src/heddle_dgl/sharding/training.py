"""sharded_forecast: from the `sharding` node to a Program of several processes."""

from typing import Any

from heddle.engines.launch import Launch
from heddle.engines.sharding.settings import Sharding
from heddle.errors import ConfigError
from heddle.nn.layers.base import Aggregates
from heddle_dgl.cells.reference_diffusion import ReferenceDiffusion
from heddle_dgl.cells.tgcn import TGCN
from heddle_dgl.models import EvolveGCN
from heddle_dgl.models.base import CellModel
from heddle_dgl.sharding.group import CountedGroup
from heddle_dgl.sharding.learners import PartLearner, WindowLearner
from heddle_dgl.train.learners import ForecastLearner

SPLITS = ("windows", "halo")


def learner_for(
    sharding: Sharding, launch: Launch, group: CountedGroup, model: Any, rest: tuple[Any, ...]
) -> ForecastLearner:
    """Return the learner that `sharding` asks for; "auto" shares out windows, which sends gradients alone.

    Args:
        rest: arguments of ForecastLearner.

    Raises:
        ConfigError: a split that this engine lacks, or a model that can't be cut.
    """
    name = "windows" if sharding.name == "auto" else sharding.name
    if name not in SPLITS:
        raise ConfigError(
            f"sharding={name}: found backend dgl-dynamic, which shares out windows or cuts a graph, expected "
            f"{' or '.join(SPLITS)}, or auto; choose sharding=windows"
        )
    if sharding.devices not in (None, launch.processes):
        raise ConfigError(
            f"sharding.devices: found {sharding.devices}, expected {launch.processes}, one for each process; set "
            f"launch.processes={sharding.devices}"
        )
    if name == "windows":
        return WindowLearner(group, *rest)
    _check_cut(model)
    return PartLearner(group, sharding.partition, *rest)


def _check_cut(model: Any) -> None:
    """Check that a model's sums run along edges alone. Raises ConfigError."""
    cells = model.cells if isinstance(model, CellModel) else ()
    layers = [layer for cell in cells if not isinstance(cell, TGCN) for layer in (cell.x_layer, cell.h_layer)]
    odd = [
        type(layer).__name__
        for layer in layers
        if not isinstance(layer, Aggregates) or isinstance(layer, ReferenceDiffusion)
    ]
    if isinstance(model, EvolveGCN) and any(layer.version == "H" for layer in model.layers):
        odd.append("EvolveGCN-H, which ranks all nodes")
    if odd:
        raise ConfigError(
            f"sharding=halo: found {odd[0]}, expected layers whose messages have no parameters; choose sharding=windows"
        )
