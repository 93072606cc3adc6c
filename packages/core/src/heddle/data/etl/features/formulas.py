"""formulas: what a value becomes as a feature, in plain NumPy; the preparation and the scoring of rows share them."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache

import numpy as np

PERIODS = {"hour": 24, "weekday": 7, "day": 31, "month": 12}
_PLACES = {**PERIODS, "hour": 86400}
"""Moments of a period that are told apart: seconds of a day, days, months."""
UNKNOWN = 0
"""The code of a value that the training period doesn't hold, and of a missing one."""

CHANGES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "number": lambda x: x,
    "log": lambda x: np.sign(x) * np.log1p(np.abs(x)),
}
"""What is scaled of a number, by the name of the encoding."""

_DAYS = date(1970, 1, 1).toordinal()


def scaled(
    values: np.ndarray, encode: str, mean: float, deviation: float, clip: float | None = None
) -> np.ndarray:
    """Return (change(x) - mean) / deviation of [n] float64, 0 where x is missing; [n, 1].

    Args:
        clip: what is beyond so many deviations counts as so many, and as 0 where there is no deviation; None for no
            limit.
    """
    scale = deviation if deviation > 0 else 1.0
    scores = (CHANGES[encode](values) - mean) / scale
    if not np.isfinite(scores).all():
        scores = np.nan_to_num(scores, nan=0.0)
    if clip is not None:
        scores = np.clip(scores, -clip, clip) * (deviation > 0)
    return scores[:, None]


def binned(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the codes [n, 1] int32 of [n] float64: bin k holds values up to the k-th bound, 0 where missing."""
    codes = 1 + np.searchsorted(bounds, values, side="left")
    return np.where(np.isnan(values), UNKNOWN, codes).astype(np.int32)[:, None]


def turned(seconds: np.ndarray, there: np.ndarray, period: str) -> np.ndarray:
    """Return sine and cosine, [n, 2] float64, of where in its period each of [n] int64 seconds since 1970 lies.

    Of a missing one, where `there` [n] is False, they are 0.
    """
    both: np.ndarray = _turns(period)[_place(seconds, period)]
    if not there.all():
        both *= there[:, None]
    return both


def since(gaps: np.ndarray) -> np.ndarray:
    """Return log(1 + gap) and whether there was none, [n, 2] float64, of [n] float64 gaps, NaN for none."""
    both, first = np.empty((len(gaps), 2)), np.isnan(gaps)
    both[:, 0], both[:, 1] = np.log1p(np.where(first, 0.0, gaps)), first
    return both


@cache
def _turns(period: str) -> np.ndarray:
    """Return the sine and the cosine of every place in a period, [places, 2] float64."""
    places = _PLACES[period]
    turns = 2 * np.pi * (np.arange(places) / places)
    return np.stack([np.sin(turns), np.cos(turns)], axis=1)


def _place(seconds: np.ndarray, period: str) -> np.ndarray:
    """Return which place of its period each moment has, from 0; days are UTC's, Monday comes first."""
    if period == "hour":
        return seconds % 86400
    days = seconds // 86400
    if period == "weekday":
        return (days + 3) % 7  # the first day of 1970 was a Thursday
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if period == "month":
        return months.astype(np.int64) % 12
    result: np.ndarray = (dates - months.astype("datetime64[D]")).astype(np.int64)
    return result


def phase(seconds: int, period: str) -> float:
    """Return where in its period, from 0 to 1, one moment lies: seconds since 1970, UTC, Monday comes first.

    >>> phase(6 * 3600, "hour"), phase(4 * 86400, "weekday")
    (0.25, 0.0)
    """
    if period == "hour":
        return seconds % 86400 / 86400
    days = seconds // 86400
    if period == "weekday":
        return (days + 3) % 7 / 7
    if not 1 <= days + _DAYS <= date.max.toordinal():
        return float(_place(np.array([seconds], np.int64), period)[0] / _PLACES[period])
    moment = date.fromordinal(days + _DAYS)
    return (moment.month - 1) / 12 if period == "month" else (moment.day - 1) / PERIODS[period]
