"""Settings: the `trainer` node with the learning rate of `optim`, as it is for one task."""

from typing import NamedTuple

from heddle.data.task import Task
from heddle.engines.optim import Optim, Schedule
from heddle.errors import ConfigError, nearest
from heddle.workflow.metrics.by_name import higher_is_better, metric
from heddle.workflow.options import TrainerSettings


class Settings(NamedTuple):
    """How a training run goes.

    Attributes:
        epochs, patience, eval_every, checkpoint_every, keep, progress, accumulate: as in `TrainerSettings`.
        monitor: "valid.accuracy", "valid.loss" ...: the metric by which the best epoch is chosen.
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
    schedule: Schedule = Schedule()
    accumulate: int = 1


def settings_for(trainer: TrainerSettings, optim: Optim, task: Task) -> Settings:
    """Return the Settings of a run for its task.

    Raises:
        ConfigError: a monitor that no evaluation gives, or an unknown metric.
    """
    for name in task.metrics:
        metric(name)
    return Settings(
        trainer.epochs,
        trainer.patience,
        _monitor(trainer.monitor, task),
        trainer.eval_every,
        trainer.checkpoint_every,
        trainer.keep,
        trainer.progress,
        optim.lr,
        optim.schedule,
        trainer.accumulate,
    )


def sign_of(monitor: str) -> int:
    """Return 1 where the monitored metric is better higher, -1 where it is better lower."""
    return 1 if higher_is_better(monitor.partition(".")[2]) else -1


def _monitor(monitor: str | None, task: Task) -> str:
    if monitor in (None, "auto"):
        return f"valid.{task.metrics[0]}"
    valid = [f"{split}.{name}" for split in ("valid", "train") for name in ("loss", *task.metrics)]
    if monitor not in valid:
        hint = nearest(str(monitor), valid) or "; choose one of those, never a metric of the test split"
        raise ConfigError(f"trainer.monitor: found {monitor!r}, expected one of {valid}{hint}")
    return str(monitor)
