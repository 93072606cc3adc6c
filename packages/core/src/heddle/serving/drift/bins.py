"""Bins: how the values of one column lie: shares between quantiles of training, or of the most frequent values."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

QUANTILES = 10
"""Bins of numbers, each with a tenth of training."""
TOP = 20
"""Values of a category that have bins of their own; the others share one."""


class Bins(NamedTuple):
    """Bins of one column, and how many rows of training are in each.

    Attributes:
        name: of the column.
        labels: [k] what each bin holds; the first what isn't there or isn't known.
        counts: [k] rows of training.
        bounds: of numbers, [k - 2] ascending: a bin holds values up to its bound, the last what is larger.
        values: of categories, [k - 2]: the value of each bin, the last holds all others.
    """

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    bounds: tuple[float, ...] = ()
    values: tuple[float, ...] | None = None

    def position(self, values: np.ndarray) -> np.ndarray:
        """Return the bin [n] int64 of values [n] float64; 0 where they are NaN."""
        if self.values is None:
            at = 1 + np.searchsorted(np.array(self.bounds), values)
        else:
            known = np.array(self.values)
            order = np.argsort(known)
            near = np.minimum(np.searchsorted(known[order], values), max(len(known) - 1, 0))
            equal = known[order][near] == values if len(known) else np.zeros(len(values), bool)
            at = np.where(equal, 1 + order[near] if len(known) else 0, 1 + len(known))
        return np.where(np.isnan(values), 0, at)

    def filled(self, values: np.ndarray) -> np.ndarray:
        """Return how many of some values are in each bin, [k] int64."""
        return np.bincount(self.position(values), minlength=len(self.labels))


def bins_of_numbers(name: str, values: np.ndarray, text: Callable[[int], str], nothing: str) -> Bins:
    """Return bins of numbers [n] float64, NaN where there is none, each with as many as can be.

    Args:
        text: what the value at a position is called.
        nothing: what NaN is called.
    """
    there = np.flatnonzero(~np.isnan(values))
    order = there[np.argsort(values[there], kind="stable")]
    ends = [
        order[len(order) * part // QUANTILES - 1] for part in range(1, QUANTILES) if len(order) >= QUANTILES
    ]
    at = [end for end, after in zip(ends, [*ends[1:], *order[-1:]]) if values[end] < values[after]]
    texts = [text(int(position)) for position in at]
    labels = [f"{low} to {high}" for low, high in pairwise(texts)]
    labels = [f"up to {texts[0]}", *labels, f"above {texts[-1]}"] if texts else ["any"]
    made = Bins(name, (nothing, *labels), (), tuple(values[at].tolist()))
    return made._replace(counts=tuple(made.filled(values).tolist()))


def bins_of_values(name: str, values: np.ndarray, text: Callable[[int], str], nothing: str) -> Bins:
    """Return bins of the most frequent values [n] float64, one of the others; arguments as of `bins_of_numbers`."""
    there = np.flatnonzero(~np.isnan(values))
    known, first, counts = np.unique(values[there], return_index=True, return_counts=True)
    top = np.argsort(-counts, kind="stable")[:TOP]
    labels = [text(int(there[at])) for at in first[top]]
    made = Bins(name, (nothing, *labels, "others"), (), (), tuple(known[top].tolist()))
    return made._replace(counts=tuple(made.filled(values).tolist()))


def as_json(bins: Bins) -> dict[str, Any]:
    """Return bins for JSON."""
    return bins._asdict()


def of_json(content: Any) -> Bins:
    """Return the bins of `as_json`."""
    values: Sequence[float] | None = content["values"]
    return Bins(
        content["name"],
        tuple(content["labels"]),
        tuple(content["counts"]),
        tuple(content["bounds"]),
        None if values is None else tuple(values),
    )
