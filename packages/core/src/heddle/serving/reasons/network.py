"""Network: what a model makes of one question, as levels of sums and products with ReLU between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np


class Flow(NamedTuple):
    """Rows that go to receivers, each times its share, and then times a matrix: y[r] += share x[s] weight.

    Attributes:
        target: whose rows receive.
        senders, receivers: [e] int.
        share: [e] float64.
        weight: [in, out] float64.
    """

    target: str
    senders: np.ndarray
    receivers: np.ndarray
    share: np.ndarray
    weight: np.ndarray

    def sums(self, x: np.ndarray, n: int) -> np.ndarray:
        """Return [..., n, in] of x [..., senders, in]: what each receiver gets, before the matrix."""
        y = np.zeros((*x.shape[:-2], n, x.shape[-1]))
        if x.ndim == 2:
            np.add.at(y, self.receivers, self.share[:, None] * x[self.senders])
            return y
        for sender, receiver, share in zip(self.senders, self.receivers, self.share):
            y[..., receiver, :] += share * x[..., sender, :]
        return y

    def back(self, gradient: np.ndarray, n: int) -> np.ndarray:
        """Return [..., n, in]: the gradient of `sums` and the matrix, of [..., receivers, out]."""
        sent = gradient @ self.weight.T
        y = np.zeros((*gradient.shape[:-2], n, self.weight.shape[0]))
        if sent.ndim == 2:
            np.add.at(y, self.senders, self.share[:, None] * sent[self.receivers])
            return y
        for sender, receiver, share in zip(self.senders, self.receivers, self.share):
            y[..., sender, :] += share * sent[..., receiver, :]
        return y


class Feed(NamedTuple):
    """Inputs that enter a level.

    Attributes:
        source: whose: ("node", type), ("edge", relation) or ("asked", "").
        values: [n, in] float64.
        flow: where they go.
        hop: of an edge's message, the relation; None of what a node brings itself.
        whole: whether the columns mean nothing by themselves, as those of a table of embeddings by node.
    """

    source: tuple[str, Any]
    values: np.ndarray
    flow: Flow
    hop: Any = None
    whole: bool = False


class Link(NamedTuple):
    """Rows of the level before that enter a level; `hop` as in Feed."""

    source: str
    flow: Flow
    hop: Any = None


class Level(NamedTuple):
    """z[target] = biases[target] + sum over feeds and links.

    Attributes:
        sizes: target -> (rows, columns).
        relu: whether negative values become 0 before the next level.
    """

    sizes: Mapping[str, tuple[int, int]]
    feeds: tuple[Feed, ...]
    links: tuple[Link, ...]
    biases: Mapping[str, np.ndarray]
    relu: bool


Rows = Mapping[str, np.ndarray]
"""Target -> [..., rows, columns]."""


@dataclass(frozen=True)
class Network:
    """Levels, the first of which has no links; the score is what `top` makes of the last: sum(z top) + constant."""

    levels: tuple[Level, ...]
    top: Rows
    constant: float = 0.0

    def inputs(self, level: int, alpha: np.ndarray) -> dict[str, np.ndarray]:
        """Return what biases and alpha [...] times the inputs bring to a level: target -> [..., rows, columns]."""
        of, z = self.levels[level], {}
        for target, (rows, columns) in of.sizes.items():
            z[target] = np.zeros((*alpha.shape, rows, columns)) + of.biases.get(target, 0.0)
        for target, entering in self.entering[level].items():
            z[target] = z[target] + alpha[..., None, None] * entering
        return z

    @cached_property
    def entering(self) -> tuple[dict[str, np.ndarray], ...]:
        """What the inputs bring to each level: target -> [rows, columns]; targets without any are left out."""
        by_level = []
        for level in self.levels:
            sums: dict[str, np.ndarray] = {}
            for feed in level.feeds:
                flow = feed.flow
                rows = flow.sums(feed.values, level.sizes[flow.target][0]) @ flow.weight
                sums[flow.target] = sums[flow.target] + rows if flow.target in sums else rows
            by_level.append(sums)
        return tuple(by_level)

    def rise(self, level: int, alpha: np.ndarray, before: Rows) -> dict[str, np.ndarray]:
        """Return a level's z where z of the level before is `before`, target -> [..., rows, columns]."""
        z, relu = self.inputs(level, alpha), self.levels[level - 1].relu
        for link in self.levels[level].links:
            x = np.maximum(before[link.source], 0.0) if relu else before[link.source]
            flow = link.flow
            z[flow.target] += flow.sums(x, z[flow.target].shape[-2]) @ flow.weight
        return z

    def sink(self, level: int, gradient: Rows, before: Rows) -> dict[str, np.ndarray]:
        """Return the gradient by z of the level before, name -> array of z's shape.

        Args:
            gradient: that by z of `level`.
            before: z of the level before.
        """
        relu = self.levels[level - 1].relu
        down = {name: np.zeros_like(z) for name, z in before.items()}
        for link in self.levels[level].links:
            down[link.source] += link.flow.back(gradient[link.flow.target], before[link.source].shape[-2])
        return {name: of * (before[name] > 0) for name, of in down.items()} if relu else down

    def last(self, alpha: float) -> dict[str, np.ndarray]:
        """Return z of the last level, name -> [..., n, d], where the inputs are `alpha` times what they are."""
        at = np.array(alpha)
        z = self.inputs(0, at)
        for level in range(1, len(self.levels)):
            z = self.rise(level, at, z)
        return z

    def score(self, last: Rows) -> float:
        """Return the score of the last level's z."""
        return self.constant + sum(float((last[name] * of).sum()) for name, of in self.top.items())
