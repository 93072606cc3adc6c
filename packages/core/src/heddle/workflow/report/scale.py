"""Scales: from values to places on a chart, with round numbers for ticks."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Scale(NamedTuple):
    """A straight map of [low, high] to [start, stop] in pixels."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)


def scale_for(values: Sequence[float], start: float, stop: float, zero: bool = False) -> Scale:
    """Return a Scale that holds all finite values, widened to round numbers; [0, 1] for none.

    Args:
        zero: begin at 0.
    """
    finite = [float(value) for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-30):
        low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
    step = round_step(low, high)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, stop)


def ticks(scale: Scale, most: int = 6) -> list[float]:
    """Return round values inside the scale."""
    step = round_step(scale.low, scale.high, most)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def round_step(low: float, high: float, most: int = 6) -> float:
    """Return 1, 2 or 5 times a power of ten, so that [low, high] holds about `most` steps."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def label(value: float) -> str:
    """Return a tick's text: 0.25, 1.2e-05, 120000."""
    return f"{value:.6g}" if value == 0 or 1e-4 <= abs(value) < 1e7 else f"{value:.1e}"
