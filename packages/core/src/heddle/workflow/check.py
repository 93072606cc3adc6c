"""Whether a dataset and a task fit, before anything is built on them."""

from collections.abc import Sized
from typing import Any

import numpy as np

from heddle.data.dataset import Dataset
from heddle.data.task import Task
from heddle.data.task_options import RANKINGS
from heddle.errors import ConfigError
from heddle.graphs.graph import Graph, HeteroGraph


def check_fit(dataset: Dataset, task: Task) -> Dataset:
    """Return `dataset`, float targets of one axis as a column, if it has what `task` asks for.

    One that asks about edges answers a link task too: with these edges as the links.

    Raises:
        ConfigError: another kind of graphs, no targets, or targets that the loss can't take.
    """
    if task.level == "step":
        if dataset.series is None:
            raise _misfit(dataset, task, "no series", "features in time")
        return dataset
    graphs: Any = dataset.graphs
    single = isinstance(graphs, (Graph, HeteroGraph))
    if single == (task.level == "graph") or (not single and not isinstance(graphs, Sized)):
        actual = (
            "one graph"
            if single
            else "a sequence of graphs"
            if isinstance(graphs, Sized)
            else "no plain graphs"
        )
        raise _misfit(dataset, task, actual, "many graphs" if task.level == "graph" else "one graph")
    if task.level == "link":
        return as_links(dataset)
    if (dataset.asked is None) == (task.level == "edge"):
        actual = "no edges that are asked about" if dataset.asked is None else "questions about edges"
        raise _misfit(dataset, task, actual, f"targets of {task.level}s")
    if dataset.targets is None:
        raise _misfit(dataset, task, "no targets", f"one for each {task.level}")
    targets = np.asarray(dataset.targets)
    if (dataset.groups is None) == (task.kind in RANKINGS):
        actual = "no groups of rows" if dataset.groups is None else "rows in groups"
        raise _misfit(dataset, task, actual, "a ranking's" if dataset.groups is None else "none")
    if task.kind in RANKINGS and targets.dtype.kind in "iu":
        targets = np.where(targets < 0, np.nan, targets).astype(np.float32)
    floats = np.issubdtype(targets.dtype, np.floating)
    if floats == (task.loss_name == "cross_entropy"):
        actual = f"{'float values' if floats else 'whole numbers'} as targets"
        raise _misfit(dataset, task, actual, f"what the loss {task.loss_name} takes", "task.loss=auto")
    return dataset._replace(targets=targets[:, None]) if floats and targets.ndim == 1 else dataset


def as_links(dataset: Dataset) -> Dataset:
    """Return a dataset that asks about edges as one of their links; any other as it is."""
    asked, times = dataset.asked, dataset.times
    if asked is None:
        return dataset
    splits = {split: np.asarray(asked.ends[rows], np.int64) for split, rows in dataset.splits.items()}
    if times is not None:
        moments = np.asarray(times.asked)
        asked_at = {split: moments[rows] for split, rows in dataset.splits.items()}
        times = times._replace(asked=asked_at, delay=0)
    links = dataset._replace(task="link_prediction", targets=None, splits=splits, num_classes=0)
    return links._replace(class_names=(), times=times, asked=None, weights=None, groups=None)


def _misfit(dataset: Dataset, task: Task, actual: str, expected: str, do: str = "") -> ConfigError:
    do = do or f"task=auto for {dataset.task}"
    return ConfigError(
        f"task {task.kind}: found {actual} in dataset {dataset.name}, expected {expected}; set {do}"
    )
