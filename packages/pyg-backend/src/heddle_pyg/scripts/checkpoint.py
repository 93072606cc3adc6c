"""Checkpoints of scripts as version 0.1.0 wrote them, a file of torch's; later ones: `heddle.workflow.checkpoint`."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heddle.errors import CheckpointError
from heddle.scripts.training import workflow_row
from heddle.workflow.progress import Progress
from heddle_pyg.scripts.hetero_module import HeteroModule
from heddle_torch.train.optimizers import Scheduled

log = logging.getLogger(__name__)

FILE = "checkpoint.pt"


def read_first_checkpoint(
    folder: str | Path, model: nn.Module, held: Sequence[Scheduled], state: Any
) -> Progress | None:
    """Set a module and its optimisers to what a checkpoint of 0.1.0 holds and return its progress; None for no file.

    Raises:
        CheckpointError: a file that can't be read, or one of another script.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        _read_no_edges(model, content["model"], held)
        model.load_state_dict(content["model"])
        for of, optimizer_state, schedule in zip(
            held, content["optimizers"], content["schedulers"], strict=True
        ):
            of.optimizer.load_state_dict(optimizer_state)
            if of.scheduler is not None:
                of.scheduler.load_state_dict(schedule)
        rows = [workflow_row(row) for row in content["progress"]["rows"]]
        return Progress(state, int(content["progress"]["epoch"]), rows)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path}: found a checkpoint that doesn't fit ({reason}), expected one of this script; "
            "remove it or name another folder"
        ) from error


def _read_no_edges(model: nn.Module, saved: Mapping[str, Any], held: Sequence[Scheduled]) -> None:
    """Make a HeteroModule one of 0.1.0, which read no features of edges, where a checkpoint has no weights of them."""
    for name, module in model.named_modules():
        if not isinstance(module, HeteroModule) or not (module.edge_inputs or module.edge_codes):
            continue
        prefix = f"{name}." if name else ""
        if any(key.startswith((f"{prefix}edge_inputs.", f"{prefix}edge_codes.")) for key in saved):
            continue
        left = {id(p) for part in (module.edge_inputs, module.edge_codes) for p in part.parameters()}
        module.edge_inputs, module.edge_codes = nn.ModuleDict(), nn.ModuleDict()
        for of in held:
            for group in of.optimizer.param_groups:
                group["params"] = [p for p in group["params"] if id(p) not in left]
        log.warning("a checkpoint of 0.1.0, whose HeteroModule reads no features of edges: nor does this one")
