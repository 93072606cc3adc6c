"""Trained runs used again: their figures, and predictions for everything in the data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heddle import artifacts
from heddle.data.dataset import SPLITS, Dataset
from heddle.program import State
from heddle.task import Task
from heddle.workflow.assemble import Assembly, assemble
from heddle.workflow.outcome import Outcome, figures
from heddle.workflow.screen import print_figures


def evaluate(config: Mapping[str, Any], registry: Any) -> dict[str, Any]:
    """Return, and print as a table, the figures of a trained run: {"train": {...}, "valid": {...}, "test": {...}}.

    Args:
        config: "run" is the run folder; any other group ("backend", "data" ...) replaces or changes the run's own,
            e.g. to measure the same weights on another engine.

    Raises:
        HeddleError: no such run, or its weights don't fit.
    """
    parts, state = restore(config, registry)
    outcomes = parts.loader.outcomes(parts.program, state, SPLITS)
    result = {split: figures(parts.task, outcome) for split, outcome in outcomes.items()}
    print_figures(result)
    return artifacts.to_json(result)


def predict(config: Mapping[str, Any], registry: Any) -> Path:
    """Write a trained run's predictions for all nodes, graphs or links of the data, and return the file's path.

    A row each: what it is about, its split ("" for none), the prediction, and the model's outputs.

    Args:
        config: as in `evaluate`; "output" names the file, null for predictions.csv in the run folder.
    """
    parts, state = restore(config, registry)
    outcome = parts.loader.everything(parts.program, state)
    path = Path(config.get("output") or Path(config["run"]) / "predictions.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_table(path, prediction_rows(parts.task, parts.dataset, outcome))
    print(path)
    return path


def restore(config: Mapping[str, Any], registry: Any) -> tuple[Assembly, State]:
    """Build what a run's config describes, with the weights it left, and return (parts, state)."""
    folder = Path(config["run"])
    merged = _merged(artifacts.read_config(folder), config)
    if merged.get("sharding"):
        alone = {"processes": 1, "rank": None, "coordinator": None}
        merged["sharding"] = {**merged["sharding"], **alone}
    merged["trainer"] = {**(merged.get("trainer") or {}), "devices": 1}
    arrays = artifacts.read_weights(folder / "weights.safetensors")
    parts = assemble(merged, registry)
    return parts, parts.program.from_arrays(arrays)


def prediction_rows(task: Task, dataset: Dataset, outcome: Outcome) -> list[dict[str, Any]]:
    """Return a row per entry of an outcome, for a table."""
    if task.level == "step":
        return _forecast_rows(task, dataset, outcome)
    index = np.asarray(outcome.index).reshape(len(outcome.index), -1)
    keys = {1: [task.level], 2: ["sender", "receiver"], 3: ["head", "relation", "tail"]}[index.shape[1]]
    split_of = {
        tuple(np.ravel(row)): split for split in SPLITS for row in np.asarray(dataset.splits[split]).tolist()
    }
    outputs = np.asarray(outcome.outputs).reshape(len(index), -1)
    classes = task.loss_name == "cross_entropy"
    names = dataset.class_names
    rows = []
    for place, numbers in zip(index.tolist(), outputs):
        row = dict(zip(keys, place)) | {"split": split_of.get(tuple(place), "")}
        if classes:
            best = int(numbers.argmax())
            row["prediction"] = names[best] if best < len(names) else best
        rows.append(row | {f"output.{k}": float(number) for k, number in enumerate(numbers)})
    return rows


def _forecast_rows(task: Task, dataset: Dataset, outcome: Outcome) -> list[dict[str, Any]]:
    """Return a row per window and step of its horizon, a column per node (and target, where there are several)."""
    n_nodes, n_targets = outcome.outputs.shape[2:]
    nodes = [str(name) for name in dataset.node_names or range(n_nodes)]
    names = nodes if n_targets == 1 else [f"{node}.{k}" for node in nodes for k in range(n_targets)]
    return [
        {"window": int(start), "step": step + 1, "time": int(start) + task.length + step}
        | dict(zip(names, values.reshape(-1).tolist()))
        for start, window in zip(np.asarray(outcome.index), np.asarray(outcome.outputs))
        for step, values in enumerate(window)
    ]


def _merged(saved: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run's config with what is given instead: another option's node, or some keys of the same one's."""
    merged = dict(saved)
    for group, node in given.items():
        if group in ("run", "output", "resume") or node is None:
            continue
        old = merged.get(group)
        if isinstance(node, Mapping) and isinstance(old, Mapping) and _same_option(old, node):
            node = {**old, **node}
        merged[group] = node
    return merged


def _same_option(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(key not in new or new[key] == old.get(key) for key in ("name", "reader"))
