"""Optimisers of torch from the `optim` node."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.optim import Optim, check_optim
from heddle_torch.train.optimizers import MakeOptimizers, Optimizers, Scheduled


def configured(optim: Optim, names: Sequence[str], scaled_on: torch.device | None = None) -> MakeOptimizers:
    """Return what makes the optimiser of the `optim` node, after checking that it fits the parameters' names.

    Raises:
        ConfigError: see `check_optim`.
    """
    check_optim(optim, names)
    return lambda params: Optimizers([Scheduled(build_optimizer(optim, params))], scaled_on)


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
