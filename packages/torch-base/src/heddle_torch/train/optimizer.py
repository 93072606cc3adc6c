"""Optimisers of torch, from the `optim` config node, with a state of named arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError, nearest
from heddle.optim import check_optim

_MOMENTS = {
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
}


def build_optimizer(optim: Mapping[str, Any], params: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """Return the optimiser that the `optim` node describes, over `params` by name.

    Read: name (adam, adamw, sgd), lr, weight_decay, weight_decay_on (a glob over parameter names, or several),
    betas, eps, momentum. Parameters outside weight_decay_on form a group of their own without decay.

    Raises:
        ConfigError: see `check_optim`.
    """
    decaying, decay = check_optim(optim, list(params)), float(optim.get("weight_decay") or 0)
    groups: list[dict[str, Any]] = [
        {"params": [params[name] for name in params if name in decaying], "weight_decay": decay},
        {"params": [params[name] for name in params if name not in decaying], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    common: dict[str, Any] = {"lr": float(optim.get("lr", 0.01)), "fused": True}
    name = optim.get("name", "adam")
    if name == "sgd":
        return torch.optim.SGD(groups, momentum=float(optim.get("momentum") or 0), **common)
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    first, second = optim.get("betas") or (0.9, 0.999)
    return kind(groups, betas=(float(first), float(second)), eps=float(optim.get("eps") or 1e-8), **common)


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
