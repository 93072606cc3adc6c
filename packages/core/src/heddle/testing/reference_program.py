"""The Program of `ReferenceBackend`: portable models trained with gradients by differences."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.backend import Backend
from heddle.errors import CheckpointError, ConfigError, nearest
from heddle.layers.base import Dropout
from heddle.model import Batch, Model
from heddle.nest import map_nest
from heddle.optim import check_optim
from heddle.params import initialise
from heddle.program import Metrics, Program
from heddle.task import Task
from heddle.testing.dtypes import in_dtype
from heddle.testing.optimisers import Moments, start, update


class State(NamedTuple):
    """Weights, optimiser, learning rate and the seed that dropout is drawn from, together with the count of steps."""

    params: dict[str, np.ndarray]
    moments: Moments
    lr: float
    seed: int


def reference_program(backend: Backend, model: Any, task: Task, optim: Mapping[str, Any]) -> Program:
    """Return the Program of a portable Model; see `heddle.program.Program` for what each function does."""
    if not isinstance(model, Model):
        raise ConfigError(f"model: found a {type(model).__name__}, expected a portable Model; choose one")
    specs, ops = model.params(), backend.ops()
    check_optim(optim, list(specs))

    def fresh(params: dict[str, np.ndarray], seed: int = 0) -> State:
        return State(params, start(params), float(optim.get("lr", 0.01)), seed)

    def init(seed: int) -> State:
        return fresh(initialise(specs, seed), seed)

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        def loss(*weights: np.ndarray) -> np.ndarray:
            dropout = dropout_of(np.random.default_rng([state.seed, state.moments.updates]))
            outputs = model.apply(ops, dict(zip(specs, weights)), batch, dropout)
            return task.loss(ops, outputs, batch)

        value, grads = backend.value_and_grad(loss)(*state.params.values())
        params, moments = update(optim, state.lr, state.params, dict(zip(specs, grads)), state.moments)
        return state._replace(params=params, moments=moments), {"loss": float(value)}

    def predict(state: State, batch: Batch) -> np.ndarray:
        return np.array(model.apply(ops, state.params, batch))

    def embed(state: State, batch: Batch) -> Any:
        return map_nest(np.array, model.embed(ops, state.params, batch))

    def to_arrays(state: State) -> dict[str, np.ndarray]:
        named = {f"params/{name}": np.array(value) for name, value in state.params.items()}
        for moment in ("first", "second"):
            values = getattr(state.moments, moment)
            named |= {f"optim/{moment}/{name}": np.array(value) for name, value in values.items()}
        scalars = {"optim/updates": state.moments.updates, "optim/lr": state.lr, "random/seed": state.seed}
        return named | {name: np.array(value) for name, value in scalars.items()}

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> State:
        params = _fitting("params/", arrays, {name: spec.shape for name, spec in specs.items()})
        state = fresh(params)
        if all(name.startswith("params/") for name in arrays):
            return state
        shapes = {name: value.shape for name, value in params.items()}
        first, second = (_fitting(f"optim/{moment}/", arrays, shapes) for moment in ("first", "second"))
        scalars = _fitting(
            "", arrays, {"optim/updates": (), "optim/lr": (), "random/seed": ()}, exactly=False
        )
        updates, lr, seed = (value.item() for value in scalars.values())
        return State(params, Moments(first, second, updates), lr, seed)

    def place(batch: Batch) -> Batch:
        return map_nest(np.array, in_dtype(batch, np.float32))

    def set_lr(state: State, lr: float) -> State:
        return state._replace(lr=float(lr))

    return Program(init, place, step, predict, embed, to_arrays, from_arrays, set_lr)


def dropout_of(rng: np.random.Generator) -> Dropout:
    """Return a Dropout that draws from `rng`."""

    def dropout(x: np.ndarray, rate: float) -> np.ndarray:
        return x * (rng.random(x.shape) >= rate) / (1 - rate) if rate else x

    return dropout


def _fitting(
    prefix: str, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], exactly: bool = True
) -> dict[str, np.ndarray]:
    """Return copies of the arrays under `prefix`, checked to have these names (and no others) and shapes."""
    found = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    missing, unknown = sorted(shapes.keys() - found.keys()), sorted(found.keys() - shapes.keys())
    if missing or (unknown and exactly):
        told = f"no {prefix}{missing[0]}" if missing else f"{prefix}{unknown[0]}"
        hint = nearest((missing or unknown)[0], unknown if missing else list(shapes))
        raise CheckpointError(
            f"weights: found {told}, expected the model's own names{hint}; load another file"
        )
    for name, shape in shapes.items():
        if np.shape(found[name]) != shape:
            raise CheckpointError(
                f"weights: {prefix}{name}: found shape {np.shape(found[name])}, expected {shape}; check the model"
            )
    return {name: np.array(found[name]) for name in shapes}
