"""What optimisers remember, as named arrays: moments, options and the states of schedules."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle.errors import CheckpointError, nearest
from heddle_torch.train.optimizers import Optimizers
from heddle_torch.train.plain import from_bytes, to_bytes

_MOMENTS = {
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
    "sparseadam": ("step", "exp_avg", "exp_avg_sq"),
}


def optimizer_arrays(optimizers: Optimizers, params: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return the state of the optimisers of `params` (name -> tensor) as name -> numpy copy.

    "optim/lr" is the learning rate, [], "optim/NAME/MOMENT" a parameter's moment, of its shape. Where there are several
    optimisers, or schedules of torch's, "optim/options" has their options and the schedules' states as JSON, [n] uint8,
    and "optim/scaler" the state of the scaling of float16.
    """
    arrays = {"optim/lr": np.array(optimizers.lr, np.float64)}
    states = {id(param): state for of in optimizers.held for param, state in of.optimizer.state.items()}
    for name, param in params.items():
        for moment, value in states.get(id(param), {}).items():
            if isinstance(value, Tensor):
                arrays[f"optim/{name}/{moment}"] = np.array(value.detach().cpu().numpy())
            elif isinstance(value, int):
                arrays[f"optim/{name}/{moment}"] = np.array(value, np.int64)
    if _has_options(optimizers):
        options = [[_plain(group) for group in of.optimizer.param_groups] for of in optimizers.held]
        schedules = [None if of.scheduler is None else of.scheduler.state_dict() for of in optimizers.held]
        arrays["optim/options"] = to_bytes({"groups": options, "schedules": schedules})
    if optimizers.scaler.is_enabled():
        arrays["optim/scaler"] = to_bytes(optimizers.scaler.state_dict())
    return arrays


def restore_optimizer(
    optimizers: Optimizers, params: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]
) -> None:
    """Set options, schedules and moments to `arrays`, which `optimizer_arrays` returned, to the bit.

    Args:
        optimizers: made for the same parameters by the same rules; changed in place.
        params: name -> parameter.

    Raises:
        CheckpointError: moments of another optimiser, of an unknown parameter, or of another shape; other optimisers.
    """
    by_param: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        name, _, moment = key.removeprefix("optim/").rpartition("/")
        if key.startswith("optim/") and name:
            if name not in params:
                raise CheckpointError(
                    f"checkpoint: found {key!r} of a parameter that the model lacks{nearest(name, list(params))}; "
                    "resume with the model that wrote it"
                )
            by_param.setdefault(name, {})[moment] = array
    owners = {
        id(param): of.optimizer
        for of in optimizers.held
        for group in of.optimizer.param_groups
        for param in group["params"]
    }
    for name, moments in by_param.items():
        param, optimizer = params[name], owners.get(id(params[name]))
        expected = _MOMENTS.get(type(optimizer).__name__.lower(), set(moments))
        if optimizer is None or set(moments) != set(expected):
            raise CheckpointError(
                f"checkpoint: found moments {sorted(moments)} of {name!r}, expected "
                f"{'none' if optimizer is None else f'{sorted(expected)} of {type(optimizer).__name__}'}; "
                "resume with the optimiser that wrote it"
            )
        for moment, array in moments.items():
            if moment != "step" and array.shape != tuple(param.shape):
                raise CheckpointError(
                    f"checkpoint: optim/{name}/{moment}: found shape {array.shape}, expected {tuple(param.shape)}; "
                    "resume with the model that wrote it"
                )
        optimizer.state[param] = {
            moment: int(array)
            if array.dtype == np.int64 and not array.ndim
            else torch.from_numpy(np.array(array)).to(param.device)
            for moment, array in moments.items()
        }
    _restore_options(optimizers, arrays)


def _restore_options(optimizers: Optimizers, arrays: Mapping[str, np.ndarray]) -> None:
    for key, wanted in (
        ("optim/options", _has_options(optimizers)),
        ("optim/scaler", optimizers.scaler.is_enabled()),
    ):
        if (key in arrays) != wanted:
            raise CheckpointError(
                f"checkpoint: found {key!r} {'there' if key in arrays else 'missing'}, expected the optimisers and the "
                "precision that wrote it; resume with these"
            )
    if "optim/scaler" in arrays:
        optimizers.scaler.load_state_dict(from_bytes(arrays["optim/scaler"]))
    if "optim/options" not in arrays:
        optimizers.set_lr(float(arrays["optim/lr"]))
        return
    saved = from_bytes(arrays["optim/options"])
    shapes = [len(of.optimizer.param_groups) for of in optimizers.held]
    if [len(groups) for groups in saved["groups"]] != shapes:
        raise CheckpointError(
            f"checkpoint: found optimisers of {[len(groups) for groups in saved['groups']]} groups, expected {shapes}; "
            "resume with the optimisers that wrote it"
        )
    optimizers.set_lr(float(arrays["optim/lr"]))
    for of, groups, schedule in zip(optimizers.held, saved["groups"], saved["schedules"]):
        for group, options in zip(of.optimizer.param_groups, groups):
            group.update(options)
        if of.scheduler is not None:
            of.scheduler.load_state_dict(schedule)


def _has_options(optimizers: Optimizers) -> bool:
    """Tell whether the learning rate doesn't say all that changes of the options."""
    return len(optimizers.held) > 1 or optimizers.held[0].scheduler is not None


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    plain = (bool, int, float, str, tuple, type(None))
    return {name: value for name, value in group.items() if name != "params" and isinstance(value, plain)}
