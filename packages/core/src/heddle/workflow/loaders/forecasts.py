"""Forecasts: windows of a signal, shuffled in training; scaled by what the training part holds."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from heddle.data.dataset import SPLITS, Dataset, Series
from heddle.data.task import Task
from heddle.engines.program import Placed, Program, State
from heddle.errors import DataError
from heddle.graphs.dynamic.signal import Signal, split_windows, usual_batch
from heddle.graphs.graph import Graph
from heddle.nn.model import Batch
from heddle.seeds import generator
from heddle.workflow.metrics.predictions import Predictions


class ForecastLoader:
    """Asks for all steps of a window's horizon at all nodes. The training split is evaluated on an even sample of it,
    as many windows as the test split has: training windows are many, and overlap.

    Raises:
        DataError: the training split holds no whole window.
    """

    every_epoch: tuple[str, ...] = ("valid",)

    def __init__(
        self,
        dataset: Dataset,
        task: Task,
        batch_size: int | None,
        chunk: int | None,
        seed: int,
        epochs: int = 0,
    ):
        raw = np.asarray(_series(dataset).values)
        sizes = {split: len(dataset.splits[split]) for split in SPLITS}
        self._windows = split_windows(sizes, task.length, task.horizon)
        if not len(self._windows["train"]):
            raise DataError(
                f"dataset {dataset.name}: found {len(raw)} steps, expected some windows of {task.length} + "
                f"{task.horizon} to train on; lower task.length or task.horizon"
            )
        self._seed, self._chunk = seed, chunk
        n_train = len(self._windows["train"])
        self._size = batch_size or usual_batch(n_train)
        self._truth, self._known = targets_of(dataset)
        last = int(self._windows["train"][-1]) + task.length
        mean, deviation = _scale(dataset.name, raw[:last, :, : self._truth.shape[2]])
        x = np.array(raw, np.float32)
        _check_finite(dataset.name, x, len(mean))
        x[..., : len(mean)] = (
            np.where(np.isfinite(x[..., : len(mean)]), x[..., : len(mean)], mean) - mean
        ) / deviation
        planned = -(-n_train // self._size) * epochs
        rest = task.length, task.horizon, mean, deviation, None, planned
        self._signal = Signal(dataset.name, _weighted(dataset.graphs), x, *rest)

    def batches(self, program: Program, epoch: int) -> Iterator[Placed]:
        """Yield the epoch's windows in random order, or in random chunks of `chunk` windows, shuffled in themselves."""
        order = self._order(generator(self._seed, "shuffle", epoch))
        schedule = [order[start : start + self._size] for start in range(0, len(order), self._size)]
        signal = self._signal._replace(schedule=schedule)
        for starts in schedule:
            yield program.place(self._batch(signal, starts))

    def predictions(self, program: Program, state: State, splits: Sequence[str]) -> dict[str, Predictions]:
        """Return the predictions of each split."""
        return {split: self._predicted(program, state, self._evaluated(split)) for split in splits}

    def everything(self, program: Program, state: State) -> Predictions:
        """Return the predictions of the test split, and of the window whose targets lie past the end of the signal."""
        ahead = len(self._signal.x) - self._signal.length
        return self._predicted(program, state, np.append(self._windows["test"], ahead))

    def _evaluated(self, split: str) -> np.ndarray:
        windows = self._windows[split]
        if split != "train":
            return windows
        wanted = max(1, len(self._windows["test"]))
        return windows[:: max(1, -(-len(windows) // wanted))]

    def _predicted(self, program: Program, state: State, starts: np.ndarray) -> Predictions:
        shape = (len(starts), self._signal.horizon, *self._truth.shape[1:])
        outputs = np.zeros(shape, np.float32)
        targets, mask = self._targets(starts)
        for begin in range(0, len(starts), self._size):
            part = starts[begin : begin + self._size]
            placed = program.place(self._batch(self._signal, part)._replace(targets=None, mask=None))
            outputs[begin : begin + len(part)] = program.predict(state, placed)
        return Predictions(starts, outputs, targets, mask)

    def _batch(self, signal: Signal, starts: np.ndarray) -> Batch:
        windows: Any = signal
        return Batch(windows, {}, starts, *self._targets(starts))

    def _targets(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (targets, mask) of windows, [n, horizon, n_nodes, n_targets]; what lies past the end is unknown."""
        times = starts[:, None] + self._signal.length + np.arange(self._signal.horizon)
        there, times = times < len(self._truth), np.minimum(times, len(self._truth) - 1)
        return self._truth[times], self._known[times] & there[:, :, None, None]

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        windows, chunk = self._windows["train"], self._chunk or len(self._windows["train"])
        chunks = [windows[start : start + chunk] for start in range(0, len(windows), chunk)]
        return np.concatenate(
            [rng.permutation(chunks[chunk_number]) for chunk_number in rng.permutation(len(chunks))]
        )


def targets_of(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return (targets, mask) of a series, [n_times, n_nodes, n_targets]: its first features.

    Unknown is what isn't finite, or equals `null` where the series has such a value; it becomes 0.
    """
    series = _series(dataset)
    values = np.asarray(series.values)[..., : series.n_targets]
    mask = np.isfinite(values)
    if series.null is not None:
        mask &= values != series.null
    return np.where(mask, values, 0).astype(np.float32), mask


def _series(dataset: Dataset) -> Series:
    if dataset.series is None:
        raise DataError(
            f"dataset {dataset.name}: found no series, expected features in time; choose a dataset of forecasts"
        )
    return dataset.series


def _weighted(topology: Any) -> Any:
    """Return a graph whose one column of edge features is called "weight"; anything else as it is."""
    edges = topology.edges if isinstance(topology, Graph) else None
    if not isinstance(edges, np.ndarray) or edges.size != len(edges):
        return topology
    return topology._replace(edges={"weight": edges.reshape(-1)})


def _check_finite(name: str, x: np.ndarray, n_targets: int) -> None:
    """Check the features after the targets: an unknown target is taken for its mean, of others nothing is known."""
    bad = ~np.isfinite(x[..., n_targets:])
    if bad.any():
        time, node, feature = np.argwhere(bad)[0].tolist()
        position = time, node, feature + n_targets
        raise DataError(
            f"dataset {name}: series.values{list(position)}: found {x[position]}, expected a finite number; fill it in"
        )


def _scale(name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each target over all times and nodes: [n_targets] float32 each.

    Raises:
        DataError: a target that no training step knows.
    """
    rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
    rows = np.where(np.isfinite(rows), rows, np.nan)
    unknown = np.flatnonzero(np.isnan(rows).all(axis=0))
    if len(unknown):
        raise DataError(
            f"dataset {name}: series.values[..., {unknown[0]}]: found no finite number in the training steps, expected "
            "a target that is known at some; leave the target out"
        )
    mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1).astype(np.float32)
