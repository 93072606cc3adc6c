"""Optimisers of torch, from the `optim` config node, with a state of named arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError, nearest
from heddle.optim import Optim, check_optim

_MOMENTS = {
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
}


def build_optimizer(optim: Optim, params: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """Return the optimiser that `optim` describes, over `params` by name.

    Parameters outside weight_decay_on form a group of their own without decay.

    Raises:
        ConfigError: see `check_optim`.
    """
    decaying = check_optim(optim, list(params))
    groups: list[dict[str, Any]] = [
        {"params": [params[name] for name in params if name in decaying], "weight_decay": optim.weight_decay},
        {"params": [params[name] for name in params if name not in decaying], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    common: dict[str, Any] = {"lr": optim.lr, "fused": True}
    if optim.name == "sgd":
        return torch.optim.SGD(groups, momentum=optim.momentum, **common)
    kind = torch.optim.Adam if optim.name == "adam" else torch.optim.AdamW
    return kind(groups, betas=optim.betas, eps=optim.eps, **common)


def optimizer_arrays(optimizer: torch.optim.Optimizer, params: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return copies of the learning rate as "optim/lr" and of each parameter's moments as "optim/NAME/MOMENT"."""
    arrays = {"optim/lr": np.array(optimizer.param_groups[0]["lr"], np.float64)}
    for name, param in params.items():
        for moment, value in optimizer.state.get(param, {}).items():
            if isinstance(value, Tensor):
                arrays[f"optim/{name}/{moment}"] = np.array(value.detach().cpu().numpy())
    return arrays


def restore_optimizer(
    optimizer: torch.optim.Optimizer, params: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]
) -> None:
    """Set the learning rate and the moments from what `optimizer_arrays` returned, to the bit.

    Raises:
        CheckpointError: moments of another optimiser, of an unknown parameter, or of another shape.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        name, _, moment = key.removeprefix("optim/").rpartition("/")
        if key.startswith("optim/") and key != "optim/lr":
            if name not in params:
                raise CheckpointError(
                    f"checkpoint: found {key!r} of a parameter that the model lacks{nearest(name, list(params))}; "
                    "resume with the model that wrote it"
                )
            found.setdefault(name, {})[moment] = array
    expected = _MOMENTS[type(optimizer).__name__.lower()]
    for name, moments in found.items():
        if set(moments) != set(expected):
            raise CheckpointError(
                f"checkpoint: found moments {sorted(moments)} of {name!r}, expected {sorted(expected)} of "
                f"{type(optimizer).__name__}; resume with the optimiser that wrote it"
            )
        param = params[name]
        for moment, array in moments.items():
            if moment != "step" and array.shape != tuple(param.shape):
                raise CheckpointError(
                    f"checkpoint: optim/{name}/{moment}: found shape {array.shape}, expected {tuple(param.shape)}; "
                    "resume with the model that wrote it"
                )
        optimizer.state[param] = {
            moment: torch.from_numpy(np.array(array)).to(param.device) for moment, array in moments.items()
        }
    for group in optimizer.param_groups:
        group["lr"] = float(arrays["optim/lr"])
