"""Optimisers and schedules of a Trainer: each parameter has one, sparse gradients one that can take them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from heddle.engines.optim import Optim
from heddle.engines.optim_groups import param_rules
from heddle.errors import ConfigError
from heddle.scripts.trainer import OptWrapper
from heddle_torch.arrays.tables import Table
from heddle_torch.train.optimizer import configured
from heddle_torch.train.optimizers import Optimizers, Scheduled


def optimizers_of(
    given: Sequence[Any], model: nn.Module, scaled_on: torch.device | None = None
) -> Optimizers:
    """Return the optimisers of a Trainer: of an `Optim`, by the names of the model's parameters, or of OptWrappers.

    Args:
        scaled_on: as in `Optimizers`.

    Raises:
        ConfigError: an Optim beside others, or one that leaves out a table with sparse gradients; see `param_rules`
            and `build_optimizers`.
    """
    if not any(isinstance(one, Optim) for one in given):
        return Optimizers(build_optimizers(given, model), scaled_on)
    if len(given) > 1:
        raise ConfigError(
            f"Trainer.optimizers: found an Optim and {len(given) - 1} more, expected it alone; give it groups instead"
        )
    params, sparse = dict(model.named_parameters()), sparse_tables(model)
    tables = [name for name, param in params.items() if id(param) in sparse]
    asked = {
        name for rule in param_rules(given[0], list(params), tables) if rule.sparse for name in rule.names
    }
    if left := [name for name in tables if name not in asked]:
        raise ConfigError(
            f"Trainer.optimizers: found {left[0]!r}, whose gradients are sparse, in no group of theirs, expected it in "
            f"one; add groups={{'tables': ParamGroup(on={left[0]!r}, sparse=True)}} to the Optim"
        )
    return configured(given[0], list(params), scaled_on, tables)(params)


def sparse_tables(model: nn.Module) -> set[int]:
    """Return the ids of the parameters whose gradients are sparse."""
    embeddings = [m for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag)) and m.sparse]
    return {id(m.weight) for m in embeddings} | {id(p) for p in model.parameters() if isinstance(p, Table)}


def build_optimizers(given: Sequence[Any], model: nn.Module) -> list[Scheduled]:
    """Return the optimisers of OptWrappers, and of ready-made ones, in their order.

    Where two wrappers name a parameter, that of the smaller model has it: an embedding's own optimiser comes before
    that of a model which contains the embedding.

    Raises:
        ConfigError: something else than an optimiser, none at all, or one that can't take a sparse gradient.
    """
    if not given:
        raise ConfigError("Trainer.optimizers: found none, expected at least one; pass [OptWrapper(...)]")
    sparse = sparse_tables(model)
    owner: dict[int, int] = {}
    sized = [(count(one), at) for at, one in enumerate(given)]
    for _, at in sorted(sized):
        for param in params_of(given[at]):
            owner.setdefault(id(param), at)
    held: list[Scheduled] = []
    for at, one in enumerate(given):
        if isinstance(one, torch.optim.Optimizer):
            if any(id(p) in sparse for p in params_of(one)) and not _takes_sparse(type(one), one.defaults):
                raise ConfigError(
                    f"Trainer.optimizers: found {type(one).__name__} over a TorchNodeEmbedding, whose gradients are "
                    "sparse; wrap it: OptWrapper(model=emb, opt_partial=partial(torch.optim.Adam, lr=...))"
                )
            held.append(Scheduled(one, None, "step"))
            continue
        trained = [p for p in one.model.parameters() if p.requires_grad and owner[id(p)] == at]
        groups = [
            (one.opt_partial, [p for p in trained if id(p) not in sparse]),
            (_for_sparse(one.opt_partial), [p for p in trained if id(p) in sparse]),
        ]
        for make, params in groups:
            if params:
                optimizer = make(params)
                schedule = None if one.scheduler_partial is None else one.scheduler_partial(optimizer)
                held.append(Scheduled(optimizer, schedule, one.every))
    return held


def params_of(one: Any) -> list[nn.Parameter]:
    """Return the parameters that an OptWrapper or an optimiser names.

    Raises:
        ConfigError: anything else.
    """
    if isinstance(one, torch.optim.Optimizer):
        return [param for group in one.param_groups for param in group["params"]]
    if isinstance(one, OptWrapper):
        return list(one.model.parameters())
    raise ConfigError(
        f"Trainer.optimizers: found a {type(one).__name__}, expected OptWrappers or optimisers of torch.optim"
    )


def count(one: Any) -> int:
    """Return how many numbers an OptWrapper's or an optimiser's parameters hold.

    Raises:
        ConfigError: anything else.
    """
    return sum(param.numel() for param in params_of(one))


def _for_sparse(make: Any) -> Any:
    """Return what makes an optimiser of sparse gradients: as asked for, or Adam's form of it."""
    optimizer_type, options = (make.func, dict(make.keywords)) if isinstance(make, partial) else (make, {})
    if _takes_sparse(optimizer_type, options):
        return make

    def refuse(params: Any) -> Any:
        raise ConfigError(
            f"OptWrapper: found {getattr(optimizer_type, '__name__', optimizer_type)} with {options} for sparse "
            "gradients, expected Adam without weight_decay, SparseAdam, Adagrad, or SGD without momentum; change "
            "opt_partial"
        )

    known = {"lr", "betas", "eps"}
    if optimizer_type in (torch.optim.Adam, torch.optim.AdamW) and not any(
        value for name, value in options.items() if name not in known
    ):
        known_options = {name: value for name, value in options.items() if name in known}
        return partial(torch.optim.SparseAdam, **known_options)
    return refuse


def _takes_sparse(optimizer_type: Any, options: Any) -> bool:
    if optimizer_type is torch.optim.SGD:
        return not (options.get("momentum") or options.get("weight_decay"))
    return optimizer_type in (torch.optim.SparseAdam, torch.optim.Adagrad)
