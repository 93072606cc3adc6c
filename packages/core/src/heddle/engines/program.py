"""Program: the whole training surface of an engine, as functions of a State."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

State = Any
"""What an engine trains: weights, optimiser state, step count, random state. Opaque outside its engine.
A State handed to `step` is used up: only the returned one may be used again."""

Placed = Any
"""A `heddle.nn.model.Batch` on the engine's device."""

Metrics = Mapping[str, float]


class Program(NamedTuple):
    """Functions that a workflow calls in turn; built by `Backend.program` for one model, task and optimiser.

    Attributes:
        init: (seed) -> State. Portable models start from the same numbers on every engine (`params.initialise`).
        place: (Batch of numpy) -> Placed. A batch used again and again is placed once.
        step: (State, Placed) -> (State, {"loss": ..., ...}): one optimiser step.
        predict: (State, Placed) -> numpy array of the task's outputs, without dropout.
        embed: (State, Placed) -> numpy [n_nodes, d] node embeddings, or node type -> array.
        to_arrays: (State) -> named numpy arrays, all that `step` depends on: weights as "params/NAME", the
            rest (moments, step count, random state) under other prefixes.
        from_arrays: (named arrays) -> State, to the bit what `to_arrays` saw; arrays of "params/" alone give
            a State that can predict. Raises CheckpointError where names or shapes don't fit.
        set_lr: (State, learning rate) -> State, for schedules.
        steps: (State, batches of Placed, read as they are needed) -> (State, a loss per batch): what `step` gives for
            one after another, for an engine that has a faster way; None for one that hasn't.
        stats: () -> metrics of the engine's work so far, e.g. {"compilations": 3}; None for none.
        accumulate: (State, several Placed) -> (State, {"loss": ...}): one optimiser step by the gradients of several
            batches, whose loss is the mean over all their known targets; None for an engine that can't.
    """

    init: Callable[[int], State]
    place: Callable[[Any], Placed]
    step: Callable[[State, Placed], tuple[State, Metrics]]
    predict: Callable[[State, Placed], np.ndarray]
    embed: Callable[[State, Placed], Any]
    to_arrays: Callable[[State], dict[str, np.ndarray]]
    from_arrays: Callable[[Mapping[str, np.ndarray]], State]
    set_lr: Callable[[State, float], State]
    steps: Callable[[State, Iterable[Placed]], tuple[State, list[float]]] | None = None
    stats: Callable[[], Mapping[str, float]] | None = None
    accumulate: Callable[[State, Sequence[Placed]], tuple[State, Metrics]] | None = None
