"""functional_program: the Program of an engine that has primitives and `value_and_grad`, and nothing more to write."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from heddle.data.task import Task
from heddle.engines.backend import Backend
from heddle.engines.optim import Optim
from heddle.engines.optim_groups import param_rules, sparse_groups, table_names
from heddle.engines.optimisers import Moments, start, update
from heddle.engines.program import Metrics, Program
from heddle.errors import ConfigError
from heddle.graphs.graph import Array
from heddle.graphs.pytree import tree_map
from heddle.nn.layers.base import Dropout
from heddle.nn.model import Batch, Model
from heddle.nn.named_arrays import fitting_arrays
from heddle.nn.params import initialise
from heddle.ops.graph_ops import GraphOps

Check = Callable[[Mapping[str, Array], int], None]
"""(gradients by parameter, number of the update that they are for) -> None; raises to stop the run."""


class State(NamedTuple):
    """Weights, optimiser, learning rate and the seed that dropout is drawn from, together with the count of updates."""

    params: dict[str, Array]
    moments: Moments
    lr: float
    seed: int


def functional_program(
    engine: Backend,
    model: Any,
    task: Task,
    optim: Optim,
    dtype: type = np.float32,
    to_numpy: Callable[[Array], np.ndarray] | None = None,
    check: Check | None = None,
) -> Program:
    """Return the Program of a portable Model on an engine's `ops()` and `value_and_grad`.

    A step is plain arithmetic on the engine's arrays: `heddle.engines.optimisers`. `heddle.engines.program.Program`
    says what each function does.

    Args:
        dtype: of weights and features, np.float32 or np.float64.
        to_numpy: copies an array to the host; by default through its `__array__`.
        check: looks at the gradients before each update.

    Raises:
        ConfigError: a model of another kind, or an optimiser that doesn't fit the parameters' names.
    """
    if not isinstance(model, Model):
        raise ConfigError(f"model: found a {type(model).__name__}, expected a portable Model; choose one")
    specs, ops = model.params(), engine.ops()
    rules = param_rules(optim, list(specs), table_names(specs))
    if sparse_groups(optim):
        raise ConfigError(
            f"optim.groups.{sparse_groups(optim)[0]}.sparse: found backend {engine.name!r}, whose gradients are dense, "
            "expected an engine with sparse ones; take out sparse"
        )
    frozen = {name for rule in rules if rule.frozen for name in rule.names}

    def on_host(x: Array) -> np.ndarray:
        return np.array(ops.stop_gradient(x)) if to_numpy is None else np.array(to_numpy(x))

    def on_engine(leaf: Any) -> Any:
        if not isinstance(leaf, (np.ndarray, np.generic)):
            return leaf
        return ops.asarray(np.array(leaf, dtype if leaf.dtype.kind == "f" else None))

    def fresh(params: Mapping[str, np.ndarray], seed: int) -> State:
        placed = tree_map(on_engine, dict(params))
        return State(placed, start(ops.xp, placed), optim.lr, seed)

    def init(seed: int) -> State:
        return fresh(initialise(specs, seed, dtype), seed)

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        trained = {name: value for name, value in state.params.items() if name not in frozen}

        def loss(*weights: Array) -> Array:
            dropout = dropout_of(ops, np.random.default_rng([state.seed, state.moments.updates]))
            params = {**state.params, **dict(zip(trained, weights))}
            return task.loss(ops, model.apply(ops, params, batch, dropout), batch)

        value, gradients = engine.value_and_grad(loss)(*trained.values())
        grads = dict(zip(trained, gradients))
        if check is not None:
            check(grads, state.moments.updates + 1)
        params, moments = update(ops.xp, optim, state.lr, state.params, grads, state.moments)
        return state._replace(params=params, moments=moments), {"loss": float(value)}

    def predict(state: State, batch: Batch) -> np.ndarray:
        return on_host(model.apply(ops, state.params, batch))

    def embed(state: State, batch: Batch) -> Any:
        return tree_map(on_host, model.embed(ops, state.params, batch))

    def to_arrays(state: State) -> dict[str, np.ndarray]:
        named = {f"params/{name}": on_host(value) for name, value in state.params.items()}
        for moment in ("first", "second"):
            values = getattr(state.moments, moment)
            named |= {f"optim/{moment}/{name}": on_host(value) for name, value in values.items()}
        numbers = {"updates": state.moments.updates, "lr": state.lr, "seed": state.seed}
        return named | {f"state/{name}": np.array(value) for name, value in numbers.items()}

    def from_arrays(arrays: Mapping[str, np.ndarray]) -> State:
        shapes = {name: spec.shape for name, spec in specs.items()}
        state = fresh(fitting_arrays("weights", "params/", arrays, shapes), 0)
        if all(name.startswith("params/") for name in arrays):
            return state
        first, second = (
            tree_map(on_engine, fitting_arrays("checkpoint", f"optim/{moment}/", arrays, shapes))
            for moment in ("first", "second")
        )
        numbers = fitting_arrays("checkpoint", "state/", arrays, {"updates": (), "lr": (), "seed": ()})
        updates, lr, seed = (value.item() for value in numbers.values())
        return State(state.params, Moments(first, second, updates), lr, seed)

    def device_put(batch: Batch) -> Batch:
        result: Batch = tree_map(on_engine, batch)
        return result

    def set_lr(state: State, lr: float) -> State:
        return state._replace(lr=float(lr))

    return Program(init, device_put, step, predict, embed, to_arrays, from_arrays, set_lr)


def dropout_of(ops: GraphOps, rng: np.random.Generator) -> Dropout:
    """Return a Dropout that draws from `rng`, on the host."""

    def dropout(x: Array, rate: float) -> Array:
        if not rate:
            return x
        return x * ops.asarray((rng.random(tuple(x.shape)) >= rate) / (1 - rate), like=x)

    return dropout
