"""Loader: from a dataset and a task to the batches of an epoch and the predictions of a split."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from heddle.engines.program import Placed, Program, State
from heddle.workflow.metrics.predictions import Predictions


class Loader(Protocol):
    """Feeds a Program; one implementation per level of task, all a function of (dataset, seed, epoch)."""

    every_epoch: tuple[str, ...]
    """Splits that are evaluated during training: all where it costs nothing more, else "valid" alone."""

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the placed training batches of an epoch, counted from 1."""
        ...

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the predictions of each split, with weights of `state`."""
        ...

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the predictions of all nodes, asked edges or graphs, in a split or not; of links, all splits'."""
        ...


@runtime_checkable
class CountingLoader(Protocol):
    """A Loader that counts what it makes, e.g. padding."""

    def stats(self) -> Mapping[str, float]:
        """Return metrics of the training batches so far, e.g. {"padding_nodes": 0.07}."""
        ...


@runtime_checkable
class ComparedLoader(Protocol):
    """A Loader that knows trivial rules for what it asks."""

    def baselines(self, splits: Sequence[str]) -> Mapping[str, Mapping[str, Predictions]]:
        """Return baseline -> split -> what it answers to the very questions of `predictions`."""
        ...
