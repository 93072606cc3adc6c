"""Errors of forecasts over all known entries, of the whole horizon or of one step of it."""

from collections.abc import Callable

import numpy as np


def masked_mae(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean absolute error of outputs over targets whose mask is true, all of one shape; NaN with none."""
    return _mean(np.abs(_difference(outputs, targets, mask)))


def masked_rmse(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the root mean squared error of outputs over targets whose mask is true, all of one shape; NaN with
    none.
    """
    return float(np.sqrt(_mean(_difference(outputs, targets, mask) ** 2)))


def masked_mape(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean of |error / target| over targets whose mask is true, all of one shape: 0.1 is ten per cent.

    Targets of 0 are left out.
    """
    mask = mask & (targets != 0)
    return _mean(np.abs(_difference(outputs, targets, mask) / np.asarray(targets, np.float64)[mask]))


ERRORS = {"mae": masked_mae, "rmse": masked_rmse, "mape": masked_mape}


def error_at(name: str, step: int) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    """Return (outputs, targets, mask), all [n, horizon, ...], -> an error at one step of the horizon.

    Args:
        name: "mae", "rmse" or "mape".
        step: counted from 1; past the horizon's end the error is NaN.
    """
    error = ERRORS[name]

    def at(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        if np.ndim(targets) < 2 or targets.shape[1] < step:
            return float("nan")
        return error(outputs[:, step - 1], targets[:, step - 1], mask[:, step - 1])

    return at


def _difference(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.asarray(outputs)[mask].astype(np.float64) - np.asarray(targets)[mask]
    return result


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
