"""Questions: what sampled batches ask of one large graph; nodes, edges and links each have a module of their own."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from heddle.graphs.graph import Array
from heddle.workflow.metrics.predictions import Predictions

EVALUATION = -1
"""Stands in a key for the epoch, so that a prediction is the same whenever it is made."""


class Asked(NamedTuple):
    """What one batch asks.

    Attributes:
        seeds: [n] ids of nodes, or node type -> ids: the first nodes of the batch's part of the graph.
        index: what `Batch.index` is, as positions among the seeds of a type.
        targets, mask: as in a Batch; None when predicting.
        times: like `seeds`, the time up to which each may look; None where data has no times.
        columns: of questions about edges, what Batch.asked is.
        weights, groups: what Batch.weights and Batch.groups are.
    """

    seeds: Any
    index: Array
    targets: np.ndarray | None = None
    mask: np.ndarray | None = None
    times: Any = None
    columns: Any = None
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None


class Question(Protocol):
    """What is asked of one graph, in training and for predictions; a function of (dataset, seed)."""

    def __len__(self) -> int:
        """Count what training asks about in an epoch."""
        ...

    def learn(self, positions: np.ndarray, epoch: int) -> Asked:
        """Return what a batch of training asks, with targets.

        Args:
            positions: [n] int, some of 0 to len(self) - 1.
            epoch: by which negative edges are drawn.
        """
        ...

    def rows(self, split: str | None) -> np.ndarray:
        """Return what is predicted for a split, a row each: [n] or [n, 2] int.

        For None it is that of all splits, or of all nodes.
        """
        ...

    def ask(self, rows: np.ndarray, split: str | None = None) -> Asked:
        """Return what a batch of predictions for a split asks; `rows` are some of `rows(split)`."""
        ...

    def cut(self, split: str | None, size: int) -> list[np.ndarray]:
        """Return positions in `rows(split)`, each once, in pieces [n] int.

        A piece reads no more nodes than `size` rows of training.
        """
        ...

    def predicted(self, split: str | None, rows: np.ndarray, outputs: np.ndarray) -> Predictions:
        """Return the predictions for `rows(split)`, outputs [n, ...] beside the truth."""
        ...

    def baselines(self, split: str) -> Mapping[str, Predictions]:
        """Return baseline -> what a trivial rule answers to the questions of a split; {} where none is known."""
        ...


def pieces_of(n: int, size: int) -> list[np.ndarray]:
    """Return the positions 0 to n - 1 in pieces [size] int, the last one of what is left; an empty piece for n = 0."""
    return np.split(np.arange(n), range(size, n, size))
