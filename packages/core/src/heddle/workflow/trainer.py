"""Trainer: epochs of steps, evaluations, the best epoch's weights; the same for every engine."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from heddle.data.task import Objective
from heddle.engines.program import Placed, Program, State
from heddle.errors import ConfigError, HeddleError
from heddle.workflow.callbacks import Callback
from heddle.workflow.loaders.loader import Loader
from heddle.workflow.metrics.predictions import metric_values
from heddle.workflow.progress import Progress, is_better, monitored
from heddle.workflow.schedule import learning_rate
from heddle.workflow.settings import Settings


def fit(
    program: Program,
    loader: Loader,
    task: Objective,
    settings: Settings,
    progress: Progress,
    callbacks: Sequence[Callback] = (),
    keep: bool = True,
) -> Progress:
    """Train from where `progress` is to the last epoch, or to where `callbacks` stop it, and return it.

    Args:
        progress: a new one holds `program.init(seed)`; it is changed in place.
        keep: hold copies of the best epoch's weights; without evaluations, of the last one's.
        callbacks: called after every epoch, in order, and at the end, also when training fails.

    Raises:
        ConfigError: `settings.accumulate` on an engine that takes one batch a step.
        HeddleError: the loss is not finite.
    """
    if settings.accumulate > 1 and program.accumulate is None:
        raise ConfigError(
            f"trainer.accumulate={settings.accumulate}: found an engine that takes one batch a step, expected one that "
            "adds up the gradients of several; set trainer.accumulate=1, or choose another engine"
        )
    try:
        while progress.epoch < settings.epochs and not progress.stop:
            _epoch(program, loader, task, settings, progress)
            for callback in callbacks:
                callback.after_epoch(progress)
    finally:
        for callback in callbacks:
            callback.close()
    if keep and not progress.best_epoch:
        progress.best_epoch, progress.best_arrays = progress.epoch, weights(program, progress)
    return progress


def weights(program: Program, progress: Progress) -> dict[str, np.ndarray]:
    """Return copies of the current weights, "params/NAME" -> array of the parameter's shape."""
    arrays = program.to_arrays(progress.state)
    return {name: np.array(value) for name, value in arrays.items() if name.startswith("params/")}


def _epoch(program: Program, loader: Loader, task: Objective, settings: Settings, progress: Progress) -> None:
    started, epoch = time.perf_counter(), progress.epoch + 1
    lr = learning_rate(
        settings.schedule, settings.lr, epoch, settings.epochs, monitored(progress.rows, settings.monitor)
    )
    if lr != (progress.row["lr"] if progress.rows else settings.lr):
        progress.state = program.set_lr(progress.state, lr)
    batches = loader.batches(program, epoch)
    progress.state, losses, metrics = _steps(program, progress.state, batches, settings.accumulate)
    loss = float(np.mean(losses))
    if not math.isfinite(loss):
        raise HeddleError(
            f"training: found a loss of {loss} in epoch {epoch}, expected a finite number; "
            f"lower optim.lr (it was {lr:g}) or look for extreme features or targets in the data"
        )
    row = {"epoch": epoch, "lr": lr, "train.loss": loss, **metrics}
    progress.epoch = epoch
    progress.rows.append(row)
    if epoch % settings.eval_every == 0 or epoch == settings.epochs:
        _evaluate(program, loader, task, settings, progress)
    row["seconds"] = time.perf_counter() - started


def _steps(
    program: Program, state: State, batches: Iterable[Placed], accumulate: int
) -> tuple[State, list[float], dict[str, float]]:
    """Take a step on each batch, in the engine's own way if it has one, or on each `accumulate` batches together.

    Return the State, the losses, and other metrics: what the engine tells of a step besides its loss, as means over
    the steps, named "step.NAME".
    """
    if program.steps is not None and accumulate == 1:
        state, losses = program.steps(state, batches)
        return state, losses, {}
    values_by_name: dict[str, list[float]] = {"loss": []}
    for several in _by(accumulate, batches):
        if program.accumulate is None or len(several) == 1:
            state, metrics = program.step(state, several[0])
        else:
            state, metrics = program.accumulate(state, several)
        for name, value in metrics.items():
            values_by_name.setdefault(name, []).append(float(value))
    losses = values_by_name.pop("loss")
    return state, losses, {f"step.{name}": float(np.mean(values)) for name, values in values_by_name.items()}


def _by(count: int, batches: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Yield so many batches at a time, fewer at the end."""
    batches = iter(batches)
    while several := list(islice(batches, count)):
        yield several


def _evaluate(
    program: Program, loader: Loader, task: Objective, settings: Settings, progress: Progress
) -> None:
    """Add the metrics of each split that is evaluated in training, and keep the weights if they are the best yet."""
    for split, predicted in loader.predictions(program, progress.state, loader.every_epoch).items():
        for name, value in metric_values(task, predicted).items():
            progress.row.setdefault(f"{split}.{name}", value)
    if is_better(progress.row, progress.best_row(), settings.monitor):
        progress.best_epoch, progress.waited = progress.epoch, 0
        progress.best_arrays = weights(program, progress)
    else:
        progress.waited += 1
