"""Learning-rate schedules: pure functions of the epoch and of what the monitored metric did before."""

import math
from collections.abc import Sequence

from heddle.engines.optim import SCHEDULES, Schedule
from heddle.errors import ConfigError, nearest


def learning_rate(
    schedule: Schedule, base: float, epoch: int, epochs: int, monitored: Sequence[float] = ()
) -> float:
    """Return the learning rate of an epoch, counted from 1.

    Args:
        base: `optim.lr`.
        epochs: length of the whole run, for cosine.
        monitored: metrics of the evaluations so far, lower is better, for plateau.

    Raises:
        ConfigError: an unknown name.
    """
    name = schedule.name
    factor = schedule.factor
    if name == "constant":
        return base
    if name == "step":
        every = 50 if schedule.every is None else schedule.every
        return base * (0.1 if factor is None else factor) ** ((epoch - 1) // every)
    if name == "multistep":
        passed = sum(epoch > at for at in schedule.at)
        return base * (0.1 if factor is None else factor) ** passed
    if name == "cosine":
        share = (epoch - 1) / max(1, epochs - 1)
        return schedule.least + (base - schedule.least) * (1 + math.cos(math.pi * share)) / 2
    if name == "plateau":
        drops = _drops(monitored, 10 if schedule.patience is None else schedule.patience)
        return max(schedule.least, base * (0.5 if factor is None else factor) ** drops)
    raise ConfigError(
        f"optim.schedule.name: found {name!r}, expected one of {list(SCHEDULES)}{nearest(name, SCHEDULES)}"
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
