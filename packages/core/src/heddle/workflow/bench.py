"""Bench: variants of one run in one process: the same predictions from the same weights first, then their speed."""

import gc
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from heddle.engines.program import Program, State
from heddle.errors import HeddleError
from heddle.workflow.assemble import Assembly, assemble
from heddle.workflow.loaders.loader import Loader

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

EVALUATED = "valid"
"""The split on which predictions are compared."""


class Timing(NamedTuple):
    """What was measured of one variant.

    Attributes:
        name: e.g. "backend=jax".
        first: seconds of the first step, compilation included.
        step: milliseconds of a training step, of the best round.
        predict: milliseconds to predict a split, of the best round; placing and copying back included.
        differs: largest difference of a prediction from the first variant's, as a share of its largest one; infinite
            where shapes or what isn't finite differ.
    """

    name: str
    first: float
    step: float
    predict: float
    differs: float


class Variant:
    """One variant, built: it answers for its predictions, then steps when it is asked to."""

    def __init__(self, name: str, config: "RunConfig", registry: Any, steps: int):
        """Build it and predict once. Raises HeddleError: whatever is wrong with the config or the engine."""
        parts: Assembly = assemble(config, registry)
        self.name = name
        self._program: Program = parts.program
        self._loader: Loader = parts.loader
        self._state: State = self._program.init(config.seed)
        self._steps = steps
        self._placed: list[Any] = []
        self.outputs = self._predicted()
        self.first = self.step = self.predict = math.inf

    def round(self) -> None:
        """Take the steps and predict once, and keep the times that are the best so far."""
        if not self._placed:
            self._placed = list(islice(self._loader.batches(self._program, 1), self._steps))
            started = time.perf_counter()
            self._take(1)
            self.first = time.perf_counter() - started
            self._take(self._steps)  # shapes of the other batches
        started = time.perf_counter()
        self._take(self._steps)
        self.step = min(self.step, 1e3 * (time.perf_counter() - started) / self._steps)
        started = time.perf_counter()
        self._predicted()
        self.predict = min(self.predict, 1e3 * (time.perf_counter() - started))

    def _take(self, steps: int) -> None:
        """Train on placed batches, as a run does; reading the losses waits for devices that answer late."""
        program, batches = self._program, list(islice(cycle(self._placed), steps))
        if program.steps is not None:
            self._state, _ = program.steps(self._state, batches)
            return
        for placed in batches:
            self._state, metrics = program.step(self._state, placed)
            float(metrics["loss"])

    def _predicted(self) -> np.ndarray:
        predicted = self._loader.predictions(self._program, self._state, (EVALUATED,))[EVALUATED]
        return np.asarray(predicted.outputs)


def measure(variants: Sequence[Variant], rounds: int, tolerance: float | None) -> list[Timing]:
    """Return the timing of each variant, `rounds` of each in turn, so that what disturbs one disturbs all.

    Args:
        tolerance: the largest share by which predictions may differ; None to time whatever differs.

    Raises:
        HeddleError: two variants, from the same weights, predict other values; nothing was timed.
    """
    first = variants[0]
    apart = [difference(first.outputs, variant.outputs) for variant in variants]
    for variant, apart_by in zip(variants, apart):
        if tolerance is not None and not apart_by <= tolerance:
            raise HeddleError(
                f"{variant.name} predicts other values than {first.name}: found a difference of {apart_by:.2g} of the "
                f"largest, expected at most {tolerance:g}; nothing is timed. Set bench.tolerance=null if these are "
                "models that differ"
            )
    for _ in range(rounds):
        for variant in variants:
            with _uncollected():
                variant.round()
    return [
        Timing(variant.name, variant.first, variant.step, variant.predict, apart_by)
        for variant, apart_by in zip(variants, apart)
    ]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python's garbage collector from running, so that nobody pays for what another left behind."""
    before = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest |a - b| of two arrays as a share of the largest |a|; 0 where nothing is finite.

    It is infinity for shapes that differ, or where one is finite and the other isn't.
    """
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return math.inf
    known = np.isfinite(a)
    if not known.any():
        return 0.0
    a, b = a[known].astype(np.float64), b[known].astype(np.float64)
    largest = float(np.abs(a).max())
    return float(np.abs(a - b).max()) / (largest or 1.0)
