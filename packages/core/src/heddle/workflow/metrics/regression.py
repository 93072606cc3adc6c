"""Metrics of real values: the mean over targets (columns) of each one's error over its known entries."""

import math
from collections.abc import Callable

import numpy as np


def mean_absolute_error(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return MAE: outputs, targets [m] or [m, t], mask bool; NaN with no known entry."""
    return _by_column(lambda y, t: np.abs(y - t).mean(), outputs, targets, mask)


def root_mean_squared_error(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return RMSE: outputs, targets [m] or [m, t], mask bool; NaN with no known entry."""
    return _by_column(lambda y, t: np.sqrt(((y - t) ** 2).mean()), outputs, targets, mask)


def mean_absolute_percentage_error(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return MAPE over known entries, all of one shape, as a fraction: 0.1 is ten per cent.

    Entries whose target is 0 have none and are left out.
    """
    return _by_column(lambda y, t: np.abs((y - t) / t).mean(), outputs, targets, mask & (targets != 0))


def columns(x: np.ndarray) -> np.ndarray:
    """Return [m] or [m, ...] as [m, t], also where m is 0."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _by_column(
    error: Callable[[np.ndarray, np.ndarray], float],
    outputs: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray,
) -> float:
    values, truths = columns(np.asarray(outputs, np.float64)), columns(np.asarray(targets, np.float64))
    errors = [
        error(y[known], t[known]) for y, t, known in zip(values.T, truths.T, columns(mask).T) if known.any()
    ]
    return float(np.mean(errors)) if errors else float("nan")
