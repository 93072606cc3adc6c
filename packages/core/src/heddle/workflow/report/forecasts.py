"""What a report says of forecasts: the error at each step beside simple baselines, and lines beside the truth."""

from collections.abc import Mapping
from html import escape

import numpy as np

from heddle.data.dataset import SPLITS, Dataset
from heddle.data.task import Task
from heddle.workflow.loaders.forecasts import targets_of
from heddle.workflow.metrics.horizons import ERRORS
from heddle.workflow.metrics.predictions import Outcome
from heddle.workflow.report import svg

_SENSORS, _STEPS = 4, 576
"""Sensors that are drawn, and steps of each."""


def forecasts(task: Task, dataset: Dataset, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """Return the table and the charts by title, of the last split with known targets."""
    split = next((key for key in reversed(SPLITS) if key in outcomes and outcomes[key].mask.any()), None)
    if split is None:
        return {}
    outcome, rows = outcomes[split], shown_steps(task.horizon)
    told = {"model": outcome.outputs} | baselines(task, dataset, np.asarray(outcome.index))
    parts = {f"error by horizon, {split}": table(outcome, told, rows)}
    series = {
        name: (
            list(range(1, task.horizon + 1)),
            _by_step("mae", outcome, answers, range(1, task.horizon + 1)),
        )
        for name, answers in told.items()
    }
    parts[f"mae by step, {split}"] = svg.lines(series, "step", "mae")
    for sensor, name in picked_sensors(outcome, dataset):
        parts[f"{name}: {task.horizon} steps ahead"] = _beside_truth(outcome, sensor, task.horizon - 1)
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
    found = {"last value": np.repeat(last[:, None], task.horizon, axis=1)}
    period = 0 if dataset.series is None else dataset.series.period or 0
    n_train = len(dataset.splits["train"])
    if 0 < period <= n_train:
        phase, mean = np.arange(n_train) % period, np.zeros((period, *values.shape[1:]))
        count = np.zeros((period, *values.shape[1:]))
        np.add.at(mean, phase, values[:n_train] * known[:n_train])
        np.add.at(count, phase, known[:n_train])
        found["historical average"] = (mean / np.maximum(count, 1))[rows % period]
    return found


def table(outcome: Outcome, told: Mapping[str, np.ndarray], steps: list[int]) -> str:
    """Return MAE, RMSE and MAPE at some steps, a row for each way to predict."""
    heads = "".join(f"<th>{error.upper()} at {step}</th>" for step in steps for error in ERRORS)
    body = []
    for name, answers in told.items():
        cells = (_by_step(error, outcome, answers, [step])[0] for step in steps for error in ERRORS)
        body.append(f"<tr><th>{escape(name)}</th>{''.join(f'<td>{value:.4f}</td>' for value in cells)}</tr>")
    return f'<table class="figures"><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def picked_sensors(outcome: Outcome, dataset: Dataset) -> list[tuple[int, str]]:
    """Return (row, name) of a few sensors, from the best to the worst predicted."""
    error = np.abs(outcome.outputs - outcome.targets) * outcome.mask
    share = error.sum(axis=(0, 1, 3)) / np.maximum(outcome.mask.sum(axis=(0, 1, 3)), 1)
    order = np.argsort(share, kind="stable")
    rows = order[np.unique(np.linspace(0, len(order) - 1, _SENSORS).astype(int))]
    names = dataset.node_names or [f"node {row}" for row in range(len(order))]
    return [(int(row), str(names[row])) for row in rows]


def _by_step(error: str, outcome: Outcome, answers: np.ndarray, steps: range | list[int]) -> list[float]:
    return [
        ERRORS[error](answers[:, step - 1], outcome.targets[:, step - 1], outcome.mask[:, step - 1])
        for step in steps
    ]


def _beside_truth(outcome: Outcome, sensor: int, step: int) -> str:
    times = np.asarray(outcome.index)[:_STEPS].tolist()
    true = np.where(outcome.mask, outcome.targets, np.nan)[:_STEPS, step, sensor, 0].tolist()
    said = outcome.outputs[:_STEPS, step, sensor, 0].tolist()
    return svg.lines({"true": (times, true), "forecast": (times, said)}, "start of the window", "value")
