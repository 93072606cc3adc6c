"""Optimisers of torch from the `optim` node."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.engines.optim import Optim
from heddle.engines.optim_groups import ParamRule, param_rules
from heddle_torch.train.optimizers import MakeOptimizers, Optimizers, Scheduled

SPARSE_OPTIMISERS = ("adam", "adamw", "sgd")
"""Those that change only the rows of a table that a step reads; adamw without decay is adam."""


def configured(
    optim: Optim,
    names: Sequence[str],
    scaled_on: torch.device | None = None,
    tables: Collection[str] = (),
) -> MakeOptimizers:
    """Return what makes the optimisers of the `optim` node, after checking that it fits the parameters' names.

    Parameters of frozen groups stop requiring gradients.

    Args:
        tables: names of the parameters whose gradients may be sparse.

    Raises:
        ConfigError: see `param_rules`.
    """
    rules = param_rules(optim, names, tables)

    def make(params: Mapping[str, Tensor]) -> Optimizers:
        for name in [name for rule in rules if rule.frozen for name in rule.names]:
            params[name].requires_grad_(False)
        held = [Scheduled(build_optimizer(rule, params)) for rule in rules if not rule.frozen]
        return Optimizers(held, scaled_on, optim.lr if optim.groups else None)

    return make


def build_optimizer(rule: ParamRule, params: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """Return the torch.optim optimiser of one rule, over those of `params` (name -> tensor) that it names.

    Adam, AdamW or SGD by the rule's name; parameters that don't decay form a group of their own.
    """
    optim = rule.optim
    groups: list[dict[str, Any]] = [
        {
            "params": [params[name] for name in rule.names if name in rule.decaying],
            "weight_decay": optim.weight_decay,
        },
        {"params": [params[name] for name in rule.names if name not in rule.decaying], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if rule.sparse:
        tables = [params[name] for name in rule.names]
        if optim.name == "sgd":
            return torch.optim.SGD(tables, lr=optim.lr)
        return torch.optim.SparseAdam(tables, lr=optim.lr, betas=optim.betas, eps=optim.eps)
    common: dict[str, Any] = {"lr": optim.lr, "fused": True}
    if optim.name == "sgd":
        return torch.optim.SGD(groups, momentum=optim.momentum, **common)
    optimizer_type = torch.optim.Adam if optim.name == "adam" else torch.optim.AdamW
    return optimizer_type(groups, betas=optim.betas, eps=optim.eps, **common)
