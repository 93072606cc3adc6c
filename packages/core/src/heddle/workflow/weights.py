"""weighted: a task and a dataset with what classes, labels and rows weigh in the loss, of a mean of 1 over training.

A mean of 1 keeps a learning rate's meaning, and makes a batch's loss, a sum over its number of entries, the same on
average however batches are cut.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.errors import ConfigError
from heddle.workflow.metrics.predictions import known_targets


def weighted(task: Task, options: TaskOptions, dataset: Dataset) -> tuple[Task, Dataset]:
    """Return the task with its class weights and positive weight, and the dataset with weights of rows, scaled.

    Args:
        dataset: with its splits.

    Raises:
        ConfigError: weights that the loss can't take, of another number, or of which training has none above 0.
    """
    if task.level == "step":
        return task, dataset
    rows = None if options.sample_weight == "ignore" else dataset.weights
    if rows is not None and dataset.targets is not None:
        train = np.asarray(dataset.splits["train"])
        _, known = known_targets(np.asarray(dataset.targets)[train])
        rows = _scaled(np.asarray(rows, np.float64), rows[train][_any(known)], f"weights of {dataset.name}")
        rows = rows.astype(np.float32)
    dataset = dataset._replace(weights=rows)
    by_class = class_weights(task, options, dataset)
    return replace(task, class_weights=by_class, pos_weight=pos_weight(task, options, dataset)), dataset


def class_weights(task: Task, options: TaskOptions, dataset: Dataset) -> tuple[float, ...]:
    """Return what each class weighs; () for all alike.

    "balanced" is n / (c n_k) of a class with n_k of n known training targets, as in scikit-learn; a class that
    training doesn't have weighs 0.

    Raises:
        ConfigError: a task without classes, or weights that don't fit them.
    """
    given = options.class_weight
    if given == "none":
        return ()
    if task.loss_name != "cross_entropy":
        do = "set task.pos_weight" if task.loss_name == "binary_cross_entropy" else "leave it out"
        raise ConfigError(
            f"task.class_weight: found the loss {task.loss_name}, expected one of classes, cross_entropy; {do}"
        )
    train = np.asarray(dataset.splits["train"])
    targets, known = known_targets(np.asarray(dataset.targets)[train])
    row_weights = (
        np.ones(len(train)) if dataset.weights is None else np.asarray(dataset.weights, np.float64)[train]
    )
    counts = np.bincount(targets[known], minlength=dataset.num_classes)
    if isinstance(given, str):
        weights = np.divide(known.sum(), counts, out=np.zeros(len(counts)), where=counts > 0)
    else:
        weights = np.array(given)
    if len(weights) != dataset.num_classes:
        names = f" ({', '.join(map(str, dataset.class_names))})" if dataset.class_names else ""
        raise ConfigError(
            f"task.class_weight: found {len(weights)} weights, expected one for each of {dataset.num_classes} "
            f"classes{names}; or task.class_weight=balanced"
        )
    seen = (weights[targets] * row_weights)[known]
    return tuple(_scaled(weights, seen, "task.class_weight").tolist())


def pos_weight(task: Task, options: TaskOptions, dataset: Dataset) -> tuple[float, ...]:
    """Return what true labels weigh, one number or one for each label; () for as much as the others.

    "balanced" is the number of false over the number of true training labels; of links the false ones of each true.

    Raises:
        ConfigError: a task without labels, or numbers that don't fit them.
    """
    given = options.pos_weight
    if given == "none":
        return ()
    if task.loss_name != "binary_cross_entropy":
        classes = task.loss_name == "cross_entropy"
        do = "set task.class_weight, such as [1,10]" if classes else "leave it out"
        raise ConfigError(
            f"task.pos_weight: found the loss {task.loss_name}, expected one of labels, binary_cross_entropy; {do}"
        )
    count = 1
    if task.level != "link":
        targets: Any = np.asarray(dataset.targets)[np.asarray(dataset.splits["train"])]
        count = targets.shape[1]
    if not isinstance(given, str):
        if len(given) not in (1, count):
            raise ConfigError(
                f"task.pos_weight: found {len(given)} weights, expected 1, or one for each of {count} labels; change it"
            )
        return tuple(given)
    if task.level == "link":
        return (float(options.negatives),)
    targets, known = known_targets(targets)
    true = ((targets > 0.5) & known).sum(axis=0)
    return tuple(np.divide(known.sum(axis=0) - true, true, out=np.ones(count), where=true > 0).tolist())


def target_scales(task: Task, options: TaskOptions, dataset: Dataset) -> tuple[tuple[float, float], ...]:
    """Return (mean, deviation) of each training target of a regression, where outputs are to count in these; else ().

    Raises:
        ConfigError: `task.standardize` of a task without values.
    """
    if not options.standardize:
        return ()
    if not task.kind.endswith("_regression"):
        raise ConfigError(
            f"task.standardize: found {task.kind}, expected a regression, whose targets have a scale; leave it out"
        )
    targets, known = known_targets(np.asarray(dataset.targets)[np.asarray(dataset.splits["train"])])
    columns = [values[kept] for values, kept in zip(targets.T.astype(np.float64), known.T)]
    return tuple(
        (float(column.mean()), float(column.std()) or 1.0) if len(column) else (0.0, 1.0)
        for column in columns
    )


def _any(known: np.ndarray) -> np.ndarray:
    return np.asarray(known.reshape(len(known), -1).any(axis=1))


def _scaled(weights: np.ndarray, seen: np.ndarray, what: str) -> np.ndarray:
    """Return weights scaled so that `seen`, those of the training targets, have a mean of 1."""
    mean = float(seen.mean()) if len(seen) else 0.0
    if not mean > 0:
        raise ConfigError(
            f"{what}: found none above 0 in training, expected some; raise one, or leave them out"
        )
    return weights / mean
