"""What a report says of forecasts: the error at each step beside simple baselines, and lines beside the truth."""

from collections.abc import Mapping
from html import escape

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.data.task import Task
from heddle.workflow.loaders.forecasts import targets_of
from heddle.workflow.metrics.horizons import ERRORS
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.report import svg

_SENSORS, _STEPS = 4, 576
"""Sensors that are drawn, and steps of each."""


def forecasts(task: Task, dataset: Dataset, predictions: Mapping[str, Predictions]) -> dict[str, str]:
    """Return the table and the charts by title, of the last split with known targets."""
    split = next(
        (key for key in reversed(SPLITS) if key in predictions and predictions[key].mask.any()), None
    )
    if split is None:
        return {}
    predicted, rows = predictions[split], shown_steps(task.horizon)
    answers_by_name = {"model": predicted.outputs} | baselines(task, dataset, np.asarray(predicted.index))
    parts = {f"error by horizon, {split}": table(predicted, answers_by_name, rows)}
    series = {
        name: (
            list(range(1, task.horizon + 1)),
            _by_step("mae", predicted, answers, range(1, task.horizon + 1)),
        )
        for name, answers in answers_by_name.items()
    }
    parts[f"mae by step, {split}"] = svg.lines(series, "step", "mae")
    for sensor, name in picked_sensors(predicted, dataset):
        parts[f"{name}: {task.horizon} steps ahead"] = _beside_truth(predicted, sensor, task.horizon - 1)
    return parts


def shown_steps(horizon: int) -> list[int]:
    """Return the steps of a horizon that tables show: 3, 6 and 12 (15, 30 and 60 minutes), and the last."""
    return sorted({step for step in (3, 6, 12) if step <= horizon} | {horizon})


def baselines(task: Task, dataset: Dataset, starts: np.ndarray) -> dict[str, np.ndarray]:
    """Return what needs no model: the last known value, and the mean of the training part at that time of day.

    [n_windows, horizon, n_nodes, n_targets] each; the second where the series has a period.
    """
    values, known = targets_of(dataset)
    rows = np.minimum(starts[:, None] + task.length + np.arange(task.horizon), len(values) - 1)
    last = values[starts + task.length - 1]
    answers = {"last value": np.repeat(last[:, None], task.horizon, axis=1)}
    period = 0 if dataset.series is None else dataset.series.period or 0
    n_train = len(dataset.splits["train"])
    if 0 < period <= n_train:
        phase, mean = np.arange(n_train) % period, np.zeros((period, *values.shape[1:]))
        count = np.zeros((period, *values.shape[1:]))
        np.add.at(mean, phase, values[:n_train] * known[:n_train])
        np.add.at(count, phase, known[:n_train])
        answers["historical average"] = (mean / np.maximum(count, 1))[rows % period]
    return answers


def table(predicted: Predictions, answers_by_name: Mapping[str, np.ndarray], steps: list[int]) -> str:
    """Return MAE, RMSE and MAPE at some steps as HTML, a row for each way to predict.

    Args:
        answers_by_name: name of the way -> [n, horizon, ...] its outputs.
        steps: of the horizon, counted from 1.
    """
    heads = "".join(f"<th>{error.upper()} at {step}</th>" for step in steps for error in ERRORS)
    body = []
    for name, answers in answers_by_name.items():
        cells = (_by_step(error, predicted, answers, [step])[0] for step in steps for error in ERRORS)
        body.append(f"<tr><th>{escape(name)}</th>{''.join(f'<td>{value:.4f}</td>' for value in cells)}</tr>")
    return f'<table class="metrics"><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def picked_sensors(predicted: Predictions, dataset: Dataset) -> list[tuple[int, str]]:
    """Return (row, name) of a few sensors, from the best to the worst predicted."""
    error = np.abs(predicted.outputs - predicted.targets) * predicted.mask
    share = error.sum(axis=(0, 1, 3)) / np.maximum(predicted.mask.sum(axis=(0, 1, 3)), 1)
    order = np.argsort(share, kind="stable")
    rows = order[np.unique(np.linspace(0, len(order) - 1, _SENSORS).astype(int))]
    names = dataset.node_names or [f"node {row}" for row in range(len(order))]
    return [(int(row), str(names[row])) for row in rows]


def _by_step(
    error: str, predicted: Predictions, answers: np.ndarray, steps: range | list[int]
) -> list[float]:
    return [
        ERRORS[error](answers[:, step - 1], predicted.targets[:, step - 1], predicted.mask[:, step - 1])
        for step in steps
    ]


def _beside_truth(predicted: Predictions, sensor: int, step: int) -> str:
    times = np.asarray(predicted.index)[:_STEPS].tolist()
    true = np.where(predicted.mask, predicted.targets, np.nan)[:_STEPS, step, sensor, 0].tolist()
    said = predicted.outputs[:_STEPS, step, sensor, 0].tolist()
    return svg.lines({"true": (times, true), "forecast": (times, said)}, "start of the window", "value")
