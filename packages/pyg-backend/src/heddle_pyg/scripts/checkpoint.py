"""Checkpoints of scripts as version 0.1.0 wrote them, a file of torch's; later ones: `heddle.workflow.checkpoint`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heddle.errors import CheckpointError
from heddle.scripts.training import workflow_row
from heddle.workflow.progress import Progress
from heddle_torch.train.optimizers import Scheduled

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
