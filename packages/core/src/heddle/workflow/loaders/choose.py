"""loader_for: the Loader that a task asks for."""

from typing import Any

from heddle.data.dataset import Dataset
from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.nn.model import GraphModel
from heddle.workflow.loaders.forecasts import ForecastLoader
from heddle.workflow.loaders.graphs import GraphLoader
from heddle.workflow.loaders.links import LinkLoader, check_links
from heddle.workflow.loaders.loader import Loader
from heddle.workflow.loaders.nodes import EdgeLoader, NodeLoader
from heddle.workflow.loaders.snapshot_links import SnapshotLinkLoader
from heddle.workflow.loaders.triples import TripleLoader
from heddle.workflow.options import TrainerSettings


def loader_for(
    dataset: Dataset,
    task: Task,
    model: Any,
    trainer: TrainerSettings,
    options: TaskOptions,
    seed: int,
    static_shapes: bool,
) -> Loader:
    """Return the Loader of `task`.

    Args:
        dataset: with its splits (`with_splits`).
        model: has `.prepare(graph)`; one of links in time, which reads snapshots, hasn't.
        trainer: its batch_size (graphs or links per step, None for one batch of all, windows as `usual_batch`),
            batching and epochs.
        options: its negatives (negative edges per true one), candidates and chunk.
        static_shapes: whether batches of graphs are padded to a few fixed shapes.
    """
    if task.level == "node":
        return NodeLoader(dataset, model)
    if task.level == "edge":
        return EdgeLoader(dataset, model)
    if task.level == "step":
        return ForecastLoader(dataset, task, trainer.batch_size, options.chunk, seed, trainer.epochs)
    if task.level == "graph":
        return GraphLoader(dataset, model, trainer.batch_size, seed, static_shapes, trainer.batching)
    if dataset.snapshots is not None and not isinstance(model, GraphModel):
        return SnapshotLinkLoader(dataset, options.negatives, seed, options.candidates)

    ranked = options.candidates
    return link_loader(dataset, model, trainer.batch_size, options.negatives, seed, ranked)


def link_loader(
    dataset: Dataset, model: Any, batch_size: int | None, negatives: int, seed: int, ranked: str = "auto"
) -> Loader:
    """Return the Loader of links: `LinkLoader` for [n, 2] splits, `TripleLoader` for [n, 3].

    Args:
        ranked: `task.candidates`.

    Raises:
        DataError: no training links, or a node id out of range.
    """

    check_links(dataset)
    train = dataset.splits["train"]
    loader_class = TripleLoader if train.shape[1] == 3 else LinkLoader
    return loader_class(dataset, model, batch_size or len(train), negatives, seed, ranked)
