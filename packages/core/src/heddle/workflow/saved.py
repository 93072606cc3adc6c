"""Trained runs used again: their metrics, predictions for everything in the data, and embeddings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from heddle.atomic import to_json
from heddle.data.dataset import SPLITS, Dataset
from heddle.data.task import Task
from heddle.engines.program import State
from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph
from heddle.nn.model import Batch
from heddle.workflow import artifacts
from heddle.workflow.assemble import Assembly, assemble
from heddle.workflow.loaders.sampled import SampledLoader
from heddle.workflow.metrics.deciding import read_decision
from heddle.workflow.metrics.decision import CLASSES, Decision
from heddle.workflow.metrics.intervals import interval_entries
from heddle.workflow.metrics.predictions import Predictions, metric_values

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


def evaluate(config: "RunConfig", folder: Path, registry: Any) -> dict[str, Any]:
    """Return the metrics of a trained run: {"train": {...}, "valid": {...}, "test": {...}}.

    Outputs are read by the run's own threshold and calibration. "intervals" are beside them, as in metrics.json.

    Args:
        config: the run's own (`heddle.config.saved.saved_config`), or one with another engine or other data, to
            measure the same weights there.
        folder: the run's.

    Raises:
        HeddleError: no such run, or its weights don't fit.
    """
    parts, state = restore(config, folder, registry)
    predictions = parts.loader.predictions(parts.program, state, SPLITS)
    decision = read_decision(folder)
    evaluated = {
        split: metric_values(parts.task, predicted, decision) for split, predicted in predictions.items()
    }
    count = config.task.intervals
    result = evaluated | interval_entries(parts.task, predictions, evaluated, count, config.seed, decision)
    value: dict[str, Any] = to_json(result)
    return value


def predict(config: "RunConfig", folder: Path, registry: Any) -> tuple[Assembly, Predictions]:
    """Return a trained run's predictions for all nodes, edges, graphs or links of the data, after what they are of.

    Args:
        config, folder: as in `evaluate`.

    Raises:
        HeddleError: no such run, or its weights don't fit.
    """
    parts, state = restore(config, folder, registry)
    return parts, parts.loader.everything(parts.program, state)


def write_predictions(path: Path, parts: Assembly, predicted: Predictions) -> Path:
    """Write predictions as the CSV `path` and return it.

    A row each: what it is about, its split ("" for none), the prediction, and the model's outputs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_table(path, prediction_rows(parts.task, parts.dataset, predicted, parts.decision))
    return path


def embed(config: "RunConfig", folder: Path, registry: Any) -> Any:
    """Return a trained run's node embeddings: [n_nodes, d], or node type -> [n, d] of a graph with several types.

    They come of one pass over the whole graph, also of a model that was trained on samples of it.

    Args:
        config, folder: as in `evaluate`.

    Raises:
        ConfigError: the data isn't one graph.
        HeddleError: as `evaluate`.
    """
    parts, state = restore(config, folder, registry)
    graphs: Any = parts.dataset.graphs
    if not isinstance(graphs, (Graph, HeteroGraph)) or parts.task.level == "step":
        raise ConfigError(
            f"embed: found data of many graphs ({parts.dataset.name}, a task of {parts.task.level}s), expected one "
            "graph; embed nodes of a run on one graph, or use predict"
        )
    if parts.until is not None:
        raise ConfigError(
            f"embed: found questions with times in {parts.dataset.name}, expected none, as one pass shows them "
            "the future; use embed_rows, or heddle embed, which embed each as of its time"
        )
    batch = Batch(graphs, parts.model.prepare(graphs), _one_question(parts))
    return parts.program.embed(state, parts.program.place(batch))


def embed_rows(
    config: "RunConfig", folder: Path, registry: Any
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Return the embeddings of everything that a run asks about, each as of its question's time.

    Of nodes [n, d]; of edges those of both ends, each [n, d]. Beside the columns of the nodes, or edges, they are what
    boosted trees may see: nothing newer than the question.

    Args:
        config, folder: as in `evaluate`.

    Raises:
        ConfigError: the run is about something else, or its questions have times and it wasn't trained on samples.
        HeddleError: as `evaluate`.
    """
    parts, state = restore(config, folder, registry)
    return rows_embedded(parts, state, config.sampler.name)


def rows_embedded(parts: Assembly, state: State, sampler: str) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Return the embeddings [n, d] of a restored run's rows; of a task about edges, both ends', [n, d] each.

    Raises:
        ConfigError: a run whose model has no embeddings.
    """
    level, dataset = parts.task.level, parts.dataset
    if level not in ("node", "edge") or (
        parts.until is not None and not isinstance(parts.loader, SampledLoader)
    ):
        raise ConfigError(
            f"embed_rows: found a task of {level}s with sampler={sampler}, expected one of nodes or edges, with "
            "sampler=neighbor where they have times; train so, or use embed for nodes"
        )
    node_type, last = dataset.target_type, dataset.receiver_type or dataset.target_type
    if isinstance(parts.loader, SampledLoader):
        if level == "node":
            return parts.loader.nodes(parts.program, state, node_type)
        return parts.loader.ends(parts.program, state, (node_type, last))
    graphs: Any = dataset.graphs
    batch = Batch(graphs, parts.model.prepare(graphs), _one_question(parts))
    embedded = parts.program.embed(state, parts.program.place(batch))
    ends = [np.asarray(embedded[name] if name else embedded) for name in (node_type, last)]
    if dataset.asked is None:
        return ends[0]
    pairs = np.asarray(dataset.asked.ends, np.int64)
    return ends[0][pairs[:, 0]], ends[1][pairs[:, 1]]


def _one_question(parts: Assembly) -> np.ndarray:
    """Return an index that asks about the first training entry: embeddings are of all nodes whatever is asked."""
    index = np.asarray(parts.dataset.splits["train"])[:1]
    if parts.dataset.asked is not None:
        return np.asarray(parts.dataset.asked.ends[index], np.int64)
    return index


def restore(config: "RunConfig", folder: Path, registry: Any) -> tuple[Assembly, State]:
    """Build what a run's configuration describes, with the weights it left, and return (parts, state)."""
    arrays = artifacts.read_weights(folder / "weights.safetensors")
    parts = assemble(config, registry)._replace(decision=read_decision(folder))
    return parts, parts.program.from_arrays(arrays)


def prediction_rows(
    task: Task, dataset: Dataset, predicted: Predictions, decision: Decision | None = None
) -> list[dict[str, Any]]:
    """Return a row for each entry of predictions, for a table.

    Args:
        decision: of a run of classes or labels: what is said and with which probability; None for the largest logit.
    """
    if task.level == "step":
        return _forecast_rows(task, dataset, predicted)
    index = np.asarray(predicted.index).reshape(len(predicted.index), -1)
    keys = {1: [task.level], 2: ["sender", "receiver"], 3: ["head", "relation", "tail"]}[index.shape[1]]
    if task.level == "edge":
        keys = ["sender", "receiver", "row"]
    split_of = {
        tuple(np.ravel(row)): split for split in SPLITS for row in np.asarray(dataset.splits[split]).tolist()
    }
    outputs = np.asarray(predicted.outputs).reshape(len(index), -1)
    if decision is None and task.loss_name == "cross_entropy":  # a run of 0.1.0, which has no probabilities
        said = _said(Decision(CLASSES), dataset, predicted, 0)
    else:
        said = _said(decision, dataset, predicted)
    rows = []
    for index_row, numbers, statement in zip(index.tolist(), outputs, said):
        row = dict(zip(keys, index_row)) | {
            "split": split_of.get(tuple(index_row[-1:] if task.level == "edge" else index_row), "")
        }
        rows.append(row | statement | {f"output.{k}": float(number) for k, number in enumerate(numbers)})
    return rows


def _said(
    decision: Decision | None, dataset: Dataset, predicted: Predictions, most: int | None = None
) -> list[dict[str, Any]]:
    """Return what each row of predictions says: a class or labels, and their probabilities; {} without a decision.

    Args:
        most: probabilities that are written; None for all.
    """
    if decision is None:
        return [{} for _ in predicted.index]
    answers, chances = decision.answers(predicted.outputs), decision.probabilities(predicted.outputs)
    names, rows = dataset.class_names, []
    for answer, chance in zip(answers.tolist(), chances.tolist()):
        row: dict[str, Any] = {}
        if decision.kind == CLASSES:
            row["prediction"] = names[answer] if answer < len(names) else answer
            columns: list[Any] = list(range(len(chance)))
        else:
            columns = list(names) if len(names) == len(answer) else list(range(len(answer)))
            row |= {f"prediction.{name}": label for name, label in zip(columns, answer)}
        rows.append(row | {f"probability.{name}": each for name, each in zip(columns, chance[:most])})
    return rows


def _forecast_rows(task: Task, dataset: Dataset, predicted: Predictions) -> list[dict[str, Any]]:
    """Return a row per window and step of its horizon, a column per node (and target, where there are several)."""
    n_nodes, n_targets = predicted.outputs.shape[2:]
    nodes = [str(name) for name in dataset.node_names or range(n_nodes)]
    names = nodes if n_targets == 1 else [f"{node}.{k}" for node in nodes for k in range(n_targets)]
    return [
        {"window": int(start), "step": step + 1, "time": int(start) + task.length + step}
        | dict(zip(names, values.reshape(-1).tolist()))
        for start, window in zip(np.asarray(predicted.index), np.asarray(predicted.outputs))
        for step, values in enumerate(window)
    ]
