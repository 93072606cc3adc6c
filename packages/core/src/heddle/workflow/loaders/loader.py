"""Loader: from a dataset and a task to the batches of an epoch and the predictions of a split."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from heddle.data.dataset import Dataset
from heddle.data.task import Task
from heddle.data.task_options import TaskOptions
from heddle.engines.program import Placed, Program, State
from heddle.nn.model import GraphModel
from heddle.workflow.metrics.predictions import Outcome
from heddle.workflow.options import TrainerSettings


class Loader(Protocol):
    """Feeds a Program; one implementation per level of task, all a function of (dataset, seed, epoch)."""

    every_epoch: tuple[str, ...]
    """Splits that are judged during training: all where it costs nothing more, else "valid" alone."""

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the placed training batches of an epoch, counted from 1."""
        ...

    def outcomes(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Outcome]:
        """Return the predictions of each split, with weights of `state`."""
        ...

    def everything(self, program: Program, state: State) -> Outcome:
        """Return the predictions of all nodes, asked edges or graphs, in a split or not; of links, all splits'."""
        ...


@runtime_checkable
class CountingLoader(Protocol):
    """A Loader that counts what it makes, e.g. padding."""

    def stats(self) -> Mapping[str, float]:
        """Return figures of the training batches so far, e.g. {"padding_nodes": 0.07}."""
        ...


@runtime_checkable
class ComparedLoader(Protocol):
    """A Loader that knows trivial rules for what it asks."""

    def baselines(self, splits: Sequence[str]) -> Mapping[str, Mapping[str, Outcome]]:
        """Return baseline -> split -> what it answers to the very questions of `outcomes`."""
        ...


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
        trainer: its batch_size (graphs or links per step, None for all at once, windows as `usual_batch`), batching and
            epochs.
        options: its negatives (false links per true one), candidates and chunk.
        static_shapes: whether batches of graphs are padded to a few fixed shapes.
    """
    if task.level == "node":
        from heddle.workflow.loaders.nodes import NodeLoader

        return NodeLoader(dataset, model)
    if task.level == "edge":
        from heddle.workflow.loaders.nodes import EdgeLoader

        return EdgeLoader(dataset, model)
    if task.level == "step":
        from heddle.workflow.loaders.forecasts import ForecastLoader

        return ForecastLoader(dataset, task, trainer.batch_size, options.chunk, seed, trainer.epochs)
    if task.level == "graph":
        from heddle.workflow.loaders.graphs import GraphLoader

        return GraphLoader(dataset, model, trainer.batch_size, seed, static_shapes, trainer.batching)
    if dataset.snapshots is not None and not isinstance(model, GraphModel):
        from heddle.workflow.loaders.snapshot_links import SnapshotLinkLoader

        return SnapshotLinkLoader(dataset, options.negatives, seed, options.candidates)
    from heddle.workflow.loaders.links import link_loader

    ranked = options.candidates
    return link_loader(dataset, model, trainer.batch_size, options.negatives, seed, ranked)
