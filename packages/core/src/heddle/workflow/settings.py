"""Settings: the `trainer` config node, with the schedule of `optim`, checked at the door."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.errors import ConfigError, nearest
from heddle.task import Task
from heddle.workflow.metrics import higher_is_better, metric


class Settings(NamedTuple):
    """How a training run goes.

    Attributes:
        epochs: at most so many.
        patience: stop after so many evaluations without a better one; None for never.
        monitor: "valid.accuracy", "valid.loss" ...: the figure by which the best epoch is chosen. "auto": the task's
            first metric on the validation split; without validation data the last epoch is the best.
        eval_every: epochs between evaluations.
        checkpoint_every: epochs between checkpoints; 0 for none.
        keep: checkpoints kept.
        progress: show a bar on a terminal, and elsewhere a line now and then.
        lr: first learning rate.
        schedule: see `schedule.learning_rate`.
    """

    epochs: int = 200
    patience: int | None = None
    monitor: str = "auto"
    eval_every: int = 1
    checkpoint_every: int = 10
    keep: int = 2
    progress: bool = True
    lr: float = 0.01
    schedule: Mapping[str, Any] = {"name": "constant"}


def settings_from(config: Mapping[str, Any], task: Task) -> Settings:
    """Return the Settings of a run's whole config.

    Raises:
        ConfigError: a count below its least value, or a monitor that no evaluation gives.
    """
    trainer, optim = config.get("trainer", {}), config.get("optim", {})
    names = [name for name in Settings._fields if name in trainer]
    schedule = optim.get("schedule") or {"name": "constant"}
    settings = Settings(**{name: trainer[name] for name in names})._replace(
        lr=float(optim.get("lr", Settings().lr)),
        schedule={"name": schedule} if isinstance(schedule, str) else dict(schedule),
    )
    for name, least in (
        ("epochs", 1),
        ("eval_every", 1),
        ("checkpoint_every", 0),
        ("keep", 1),
        ("patience", 1),
    ):
        value = getattr(settings, name)
        if value is not None and value < least:
            raise ConfigError(f"trainer.{name}: found {value}, expected at least {least}; raise it")
    for name in task.metrics:
        metric(name)
    return settings._replace(monitor=_monitor(settings.monitor, task))


def sign_of(monitor: str) -> int:
    """Return 1 where the monitored figure is better higher, -1 where it is better lower."""
    return 1 if higher_is_better(monitor.partition(".")[2]) else -1


def _monitor(monitor: str | None, task: Task) -> str:
    if monitor in (None, "auto"):
        return f"valid.{task.metrics[0]}"
    valid = [f"{split}.{name}" for split in ("valid", "train") for name in ("loss", *task.metrics)]
    if monitor not in valid:
        hint = nearest(str(monitor), valid) or "; choose one of those, never a figure of the test split"
        raise ConfigError(f"trainer.monitor: found {monitor!r}, expected one of {valid}{hint}")
    return str(monitor)
