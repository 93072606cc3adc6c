"""Program: one jitted step with donated buffers; compiled once per shape of batch."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import CheckpointError
from heddle.layers.base import no_dropout
from heddle.model import Batch
from heddle.nest import map_nest
from heddle.params import initialise
from heddle.program import Metrics, Program
from heddle.task import Task
from heddle_jax.dropout import Dropout
from heddle_jax.ops import JaxOps
from heddle_jax.optimizer import build_optimizer

Params = dict[str, Array]


class State(NamedTuple):
    """A pytree: weights by name, the optimiser's moments, the random key, the learning rate and the steps taken."""

    params: Params
    moments: Any
    key: Array
    lr: Array
    steps: Array


def build_program(model: Any, task: Task, optim: Mapping[str, Any], ops: JaxOps, dtype: np.dtype) -> Program:
    """Return the Program that trains a portable model for `task` in `dtype`.

    Raises:
        ConfigError: an optimiser's setting that doesn't fit (`heddle.optim.check_optim`).
    """
    specs = model.params()
    optimizer = build_optimizer(optim, list(specs))

    def init(seed: int) -> State:
        params = {name: jnp.asarray(value, dtype) for name, value in initialise(specs, seed).items()}
        lr = jnp.asarray(float(optim.get("lr", 0.01)), jnp.float32)
        key = jax.random.key_data(jax.random.key(seed))
        return State(params, optimizer.init(params), key, lr, jnp.zeros((), jnp.int32))

    def place(batch: Batch) -> Batch:
        return map_nest(lambda leaf: ops.asarray(leaf, like=jnp.zeros((), dtype)), batch)

    def loss_of(params: Params, batch: Batch, dropout: Dropout) -> Array:
        return task.loss(ops, model.apply(ops, params, batch, dropout), batch)

    @partial(jax.jit, donate_argnums=0)
    def advance(state: State, batch: Batch) -> tuple[State, Array]:
        dropout = Dropout(jax.random.fold_in(jax.random.wrap_key_data(state.key), state.steps))
        loss, grads = jax.value_and_grad(loss_of)(state.params, batch, dropout)
        directions, moments = optimizer.update(grads, state.moments, state.params)
        params = {
            name: value - state.lr.astype(value.dtype) * directions[name]
            for name, value in state.params.items()
        }
        return State(params, moments, state.key, state.lr, state.steps + 1), loss

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        state, loss = advance(state, batch)
        return state, {"loss": float(loss)}

    @jax.jit
    def outputs(params: Params, batch: Batch) -> Array:
        return model.apply(ops, params, batch, no_dropout)

    @jax.jit
    def embeddings(params: Params, batch: Batch) -> Any:
        return model.embed(ops, params, batch, no_dropout)

    def predict(state: State, batch: Batch) -> np.ndarray:
        return np.array(outputs(state.params, batch))

    def embed(state: State, batch: Batch) -> Any:
        return map_nest(np.array, embeddings(state.params, batch))

    def set_lr(state: State, lr: float) -> State:
        return state._replace(lr=jnp.asarray(lr, jnp.float32))

    return Program(
        init, place, step, predict, embed, to_arrays, lambda arrays: from_arrays(init(0), arrays), set_lr
    )


def to_arrays(state: State) -> dict[str, np.ndarray]:
    """Return the state as named numpy arrays: "params/NAME", "optim/PATH", "key", "lr", "steps"."""
    named = {f"params/{name}": value for name, value in state.params.items()}
    named |= {f"optim/{path}": value for path, value in _moments(state).items()}
    named |= {"key": state.key, "lr": state.lr, "steps": state.steps}
    return {name: np.array(value) for name, value in named.items()}


def from_arrays(fresh: State, arrays: Mapping[str, np.ndarray]) -> State:
    """Return `fresh` with the values of `arrays`, to the bit; "params/" alone leave the rest as it is.

    Raises:
        CheckpointError: names that are missing or unknown, or another shape.
    """
    expected = to_arrays(fresh)
    given = {name for name in arrays}
    if all(name.startswith("params/") for name in given):
        expected = {name: value for name, value in expected.items() if name.startswith("params/")}
    missing, unknown = sorted(expected.keys() - given), sorted(given - expected.keys())
    if missing or unknown:
        raise CheckpointError(
            f"checkpoint: missing {missing[:3] or 'nothing'}, unknown {unknown[:3] or 'nothing'}; "
            "load it with the model and the optimiser that wrote it"
        )
    for name, value in expected.items():
        if arrays[name].shape != value.shape:
            raise CheckpointError(
                f"checkpoint: {name}: found shape {arrays[name].shape}, expected {value.shape}; "
                "load it with the model that wrote it"
            )

    def loaded(name: str, value: Array) -> Array:
        return jnp.array(arrays[name], value.dtype) if name in expected else value

    flat, tree = jax.tree_util.tree_flatten_with_path(fresh.moments)
    moments = [loaded(f"optim/{_path(path)}", value) for path, value in flat]
    return State(
        {name: loaded(f"params/{name}", value) for name, value in fresh.params.items()},
        jax.tree_util.tree_unflatten(tree, moments),
        loaded("key", fresh.key),
        loaded("lr", fresh.lr),
        loaded("steps", fresh.steps),
    )


def _moments(state: State) -> dict[str, Array]:
    return {_path(path): value for path, value in jax.tree_util.tree_flatten_with_path(state.moments)[0]}


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
