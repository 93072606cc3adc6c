"""The checkpoint of a script: all that training goes on from, in one file that is there whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heddle.artifacts import write_atomically
from heddle.errors import HeddleError
from heddle_pyg.turnkey.optimizers import Held

FILE = "checkpoint.pt"


def write_checkpoint(
    folder: str | Path, model: nn.Module, held: Sequence[Held], scaler: Any, progress: dict[str, Any]
) -> None:
    """Write weights, the state of optimisers and schedules, and `progress`, plain numbers, in place of the last."""
    content = {
        "model": model.state_dict(),
        "optimizers": [of.optimizer.state_dict() for of in held],
        "schedulers": [None if of.scheduler is None else of.scheduler.state_dict() for of in held],
        "scaler": scaler.state_dict(),
        "progress": progress,
    }
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: torch.save(content, temporary))


def read_checkpoint(
    folder: str | Path, model: nn.Module, held: Sequence[Held], scaler: Any
) -> dict[str, Any] | None:
    """Take over what `write_checkpoint` wrote and return its progress; None where there is nothing yet.

    Raises:
        HeddleError: a file that can't be read, or one of another script.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(content["model"])
        for of, own, schedule in zip(held, content["optimizers"], content["schedulers"], strict=True):
            of.optimizer.load_state_dict(own)
            if of.scheduler is not None:
                of.scheduler.load_state_dict(schedule)
        scaler.load_state_dict(content["scaler"])
        return dict(content["progress"])
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise HeddleError(
            f"{path}: found a checkpoint that doesn't fit ({reason}), expected one of this script; "
            "remove it or name another folder"
        ) from error
