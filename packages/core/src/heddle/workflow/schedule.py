"""Learning-rate schedules: pure functions of the epoch and of what the monitored figure did before."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from heddle.errors import ConfigError, nearest

SCHEDULES = ("constant", "step", "multistep", "cosine", "plateau")


def learning_rate(
    schedule: Mapping[str, Any], base: float, epoch: int, epochs: int, monitored: Sequence[float] = ()
) -> float:
    """Return the learning rate of an epoch, counted from 1.

    Args:
        schedule: "name" is one of SCHEDULES, with, where they apply,
            "every": step: epochs between drops (50); "at": multistep: epochs after which it drops ([]);
            "factor": of each drop (0.1; plateau 0.5); "least": cosine and plateau: the lowest rate (0);
            "patience": plateau: evaluations without improvement before a drop (10).
        base: `optim.lr`.
        epochs: length of the whole run, for cosine.
        monitored: figures of the evaluations so far, lower is better, for plateau.

    Raises:
        ConfigError: an unknown name.
    """
    name = schedule.get("name", "constant")
    least = float(_value(schedule, "least", 0.0))
    if name == "constant":
        return base
    if name == "step":
        return base * float(_value(schedule, "factor", 0.1)) ** (
            (epoch - 1) // int(_value(schedule, "every", 50))
        )
    if name == "multistep":
        passed = sum(epoch > at for at in _value(schedule, "at", ()))
        return base * float(_value(schedule, "factor", 0.1)) ** passed
    if name == "cosine":
        share = (epoch - 1) / max(1, epochs - 1)
        return least + (base - least) * (1 + math.cos(math.pi * share)) / 2
    if name == "plateau":
        drops = _drops(monitored, int(_value(schedule, "patience", 10)))
        return max(least, base * float(_value(schedule, "factor", 0.5)) ** drops)
    raise ConfigError(
        f"optim.schedule.name: found {name!r}, expected one of {list(SCHEDULES)}{nearest(str(name), SCHEDULES)}"
    )


def _drops(monitored: Sequence[float], patience: int) -> int:
    """Count how often `patience` + 1 evaluations in a row brought no new best; NaN (nothing to judge by) is skipped."""
    best, waited, drops = math.inf, 0, 0
    for value in monitored:
        if math.isnan(value):
            continue
        if value < best:
            best, waited = value, 0
        else:
            waited += 1
        if waited > patience:
            waited, drops = 0, drops + 1
    return drops


def _value(schedule: Mapping[str, Any], key: str, default: Any) -> Any:
    value = schedule.get(key)
    return default if value is None else value
