"""Training: the Program of a portable model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from heddle.errors import CheckpointError, ConfigError, HeddleError, nearest
from heddle.model import Model
from heddle.nest import map_nest
from heddle.optim import check_optim
from heddle.params import initialise
from heddle.program import Metrics, Program
from loom_numpy import optim as optimisers
from loom_numpy.array import Array
from loom_numpy.optim import Arrays

if TYPE_CHECKING:
    from loom_numpy.engine import LoomBackend


class State(NamedTuple):
    """Weights, the optimiser's moments and what dropout is drawn from: (seed, updates made)."""

    params: Arrays
    first: Arrays
    second: Arrays
    updates: int
    lr: float
    seed: int


def build_program(engine: "LoomBackend", model: Any, task: Any, optim: Mapping[str, Any]) -> Program:
    """Return the Program of a portable Model.

    Raises:
        ConfigError: another kind of model, or an optimiser that isn't here.
    """
    if not isinstance(model, Model):
        raise ConfigError(
            f"model: found a {type(model).__name__}, expected a portable model; choose model=gcn"
        )
    specs, ops, dtype = model.params(), engine.ops(), np.dtype(engine.precision)
    check_optim(optim, list(specs))

    def fresh(params: Arrays, seed: int) -> State:
        zeros = {name: np.zeros_like(value) for name, value in params.items()}
        return State(params, zeros, zeros, 0, float(optim.get("lr", 0.01)), seed)

    def place(batch: Any) -> Any:
        return map_nest(
            lambda array: Array(np.array(array, dtype if array.dtype.kind == "f" else None)), batch
        )

    def step(state: State, batch: Any) -> tuple[State, Metrics]:
        rng = np.random.default_rng([state.seed, state.updates])

        def dropout(x: Array, rate: float) -> Array:
            return x * Array(((rng.random(x.shape) >= rate) / (1 - rate)).astype(x.dtype)) if rate else x

        def loss(*weights: Array) -> Array:
            return task.loss(ops, model.apply(ops, dict(zip(specs, weights)), batch, dropout), batch)

        value, found = engine.value_and_grad(loss)(*(Array(weight) for weight in state.params.values()))
        grads = {name: grad.value for name, grad in zip(specs, found)}
        if engine.check_gradients:
            _check(grads, state.updates + 1)
        count = state.updates + 1
        moved = optimisers.step(optim, state.lr, count, state.params, grads, state.first, state.second)
        return State(*moved, count, state.lr, state.seed), {"loss": float(value)}

    def constants(state: State) -> dict[str, Array]:
        return {name: Array(value) for name, value in state.params.items()}

    def to_arrays(state: State) -> Arrays:
        named = {f"params/{name}": np.array(value) for name, value in state.params.items()}
        named |= {f"optim/first/{name}": np.array(value) for name, value in state.first.items()}
        named |= {f"optim/second/{name}": np.array(value) for name, value in state.second.items()}
        return named | {f"state/{key}": np.array(getattr(state, key)) for key in ("updates", "lr", "seed")}

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> State:
        shapes = {name: spec.shape for name, spec in specs.items()}
        params = {name: value.astype(dtype) for name, value in _taken(arrays, "params/", shapes).items()}
        if all(name.startswith("params/") for name in arrays):
            return fresh(params, 0)
        first, second = (_taken(arrays, f"optim/{moment}/", shapes) for moment in ("first", "second"))
        numbers = _taken(arrays, "state/", {"updates": (), "lr": (), "seed": ()})
        return State(params, first, second, *(numbers[key].item() for key in ("updates", "lr", "seed")))

    return Program(
        init=lambda seed: fresh(initialise(specs, seed, dtype.type), seed),
        place=place,
        step=step,
        predict=lambda state, batch: np.array(model.apply(ops, constants(state), batch).value),
        embed=lambda state, batch: map_nest(
            lambda x: np.array(x.value), model.embed(ops, constants(state), batch)
        ),
        to_arrays=to_arrays,
        from_arrays=from_arrays,
        set_lr=lambda state, lr: state._replace(lr=float(lr)),
    )


def _check(grads: Arrays, update: int) -> None:
    for name, grad in grads.items():
        if not np.isfinite(grad).all():
            raise HeddleError(
                f"loom: found a gradient of {name} that isn't finite in update {update}, expected finite numbers; "
                "lower optim.lr, or set backend.precision=float64"
            )


def _taken(arrays: Mapping[str, np.ndarray], prefix: str, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Return copies of the arrays under `prefix`, which must have exactly these names and shapes.

    Raises:
        CheckpointError: names the first that is missing, too many, or of another shape.
    """
    found = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    for name in sorted(shapes.keys() ^ found.keys()):
        told = "no" if name in shapes else "an unknown"
        others = sorted(found.keys() - shapes.keys() if name in shapes else shapes.keys() - found.keys())
        hint = nearest(name, others) or "; load another file"
        raise CheckpointError(f"weights: found {told} {prefix}{name}, expected the model's own names{hint}")
    for name, shape in shapes.items():
        if np.shape(found[name]) != shape:
            raise CheckpointError(
                f"weights: {prefix}{name}: found shape {np.shape(found[name])}, expected {shape}"
            )
    return {name: np.array(found[name]) for name in shapes}
