"""deciding: what a run says of its outputs: calibrated, and with a threshold, both fitted on the validation split."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.atomic import write_json
from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.workflow.metrics.calibration import errors, fitted, truths_of
from heddle.workflow.metrics.decision import CLASSES, LABELS, Decision, decision_of
from heddle.workflow.metrics.predictions import Predictions
from heddle.workflow.metrics.regression import columns
from heddle.workflow.metrics.thresholds import Rule, chosen, rule

FILE = "decision.json"
"""What a run's Decision is called in its folder."""


class Deciding(NamedTuple):
    """How a Decision is made.

    Attributes:
        decision_kind: of the Decision.
        rule: of its thresholds.
        method: of its calibration.
    """

    decision_kind: str
    rule: Rule
    method: str


class Decided(NamedTuple):
    """A Decision, and what there is to say of it.

    Attributes:
        notes: why a threshold isn't the one asked for; () where all are.
    """

    decision: Decision
    notes: tuple[str, ...] = ()


def deciding(task: Task, options: TaskOptions, n_classes: int) -> Deciding | None:
    """Return how a task's outputs are read; None for values, links and forecasts.

    Raises:
        ConfigError: a threshold or a calibration that the task can't have.
    """
    how = rule(options.threshold)
    asked = {
        "task.threshold": how != Rule("fixed", 0.5) and options.threshold,
        "task.calibration": options.calibration != "none" and options.calibration,
    }
    key = next((name for name, value in asked.items() if value), "")
    if task.loss_name not in ("cross_entropy", "binary_cross_entropy") or task.level in ("link", "step"):
        if key:
            raise ConfigError(
                f"{key}={asked[key]}: found a task of {task.kind}, expected one of classes or labels; leave it out"
            )
        return None
    answer_kind = CLASSES if task.loss_name == "cross_entropy" else LABELS
    if answer_kind == CLASSES and n_classes != 2:
        if asked["task.threshold"]:
            raise ConfigError(
                f"task.threshold={options.threshold}: found {n_classes} classes, of which the most likely is said, "
                "expected two; leave it out"
            )
        if options.calibration in ("platt", "isotonic"):
            raise ConfigError(
                f"task.calibration={options.calibration}: found {n_classes} classes, expected two, or labels; set "
                "task.calibration=temperature"
            )
    return Deciding(answer_kind, how, options.calibration)


def decide(how: Deciding, valid: Predictions) -> Decided:
    """Return the Decision that a validation split's outputs and truths lead to, and what to say of it."""
    plain = Decision(how.decision_kind, (how.rule.value,) if how.rule.name == "fixed" else (0.5,))
    needed = how.method != "none" or how.rule.name != "fixed"
    if not needed:
        return Decided(plain)
    if not np.any(valid.mask):
        return Decided(
            plain, ("found no known target in the validation split, so that nothing is fitted to it",)
        )
    rows = np.asarray(valid.outputs), np.asarray(valid.targets), np.asarray(valid.mask)
    made = fitted(how.decision_kind, how.method, *rows)
    if how.rule.name == "fixed":
        return Decided(Decision(how.decision_kind, plain.threshold, made.method, made.parameters))
    chances, truths, known = (
        made.probabilities(rows[0]),
        truths_of(how.decision_kind, rows[1]),
        columns(rows[2]),
    )
    if how.decision_kind == CLASSES:
        chances = chances[:, 1:]
    thresholds = [
        chosen(how.rule, chance[keep], truth[keep])
        for chance, truth, keep in zip(chances.T, truths.T, known.T, strict=True)
    ]
    named = [f"label {at}: " if len(thresholds) > 1 else "" for at in range(len(thresholds))]
    notes = tuple(f"threshold: {name}{note}" for name, (_, note) in zip(named, thresholds) if note)
    return Decided(
        Decision(how.decision_kind, tuple(of for of, _ in thresholds), made.method, made.parameters), notes
    )


def decision_entry(decided: Decided, how: Deciding, predictions: dict[str, Predictions]) -> dict[str, Any]:
    """Return the entry "decision" of metrics.json: threshold, and by split how far probabilities are off.

    "ece" and "brier" are of the outputs as they are, "ece_calibrated" and "brier_calibrated" after calibration.
    """
    decision, plain = decided.decision, Decision(how.decision_kind)
    splits: dict[str, dict[str, float]] = {}
    for split, predicted in predictions.items():
        if split == "train" or not np.any(predicted.mask):
            continue
        rows = np.asarray(predicted.outputs), np.asarray(predicted.targets), np.asarray(predicted.mask)
        splits[split] = errors(plain, *rows)
        if decision.method != "none":
            after = errors(decision, *rows)
            splits[split] |= {f"{name}_calibrated": value for name, value in after.items()}
    entry: dict[str, Any] = {"calibration": decision.method, "probabilities": splits}
    if how.decision_kind == LABELS or _is_binary(predictions):
        entry = {"threshold": list(decision.threshold), "rule": how.rule.name, **entry}
    return entry | ({"notes": list(decided.notes)} if decided.notes else {})


def write_decision(folder: Path, decision: Decision) -> None:
    """Keep a run's Decision in its folder."""
    write_json(folder / FILE, decision.as_json())


def read_decision(folder: Path) -> Decision | None:
    """Return the Decision of a run's folder; None where it has none, as runs of values and of 0.1.0."""
    path = folder / FILE
    return decision_of(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _is_binary(predictions: dict[str, Predictions]) -> bool:
    return any(
        predicted.outputs.ndim == 2 and predicted.outputs.shape[1] == 2 for predicted in predictions.values()
    )
