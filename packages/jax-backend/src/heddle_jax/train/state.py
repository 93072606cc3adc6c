"""State: all that a step depends on, and named numpy arrays of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import CheckpointError

Params = dict[str, Array]


class State(NamedTuple):
    """A pytree; a step uses it up, its arrays' memory goes to the next one.

    Attributes:
        params: weights by name.
        moments: the optimiser's.
        key: data of the random key that dropout is drawn from.
        lr: learning rate.
        steps: steps taken.
        extra: what a model keeps beside its weights and isn't trained, such as running means, by name.
    """

    params: Params
    moments: Any
    key: Array
    lr: Array
    steps: Array
    extra: Params


def new_state(params: Params, extra: Params, moments: Any, lr: float, seed: int) -> State:
    """Return the State of a run that starts.

    Args:
        params, extra: by name, what is trained and what is kept beside it.
        moments: of the optimiser, a pytree.
        lr: learning rate.
        seed: of the random key.
    """
    key = jax.random.key_data(jax.random.key(seed))
    return State(params, moments, key, jnp.asarray(lr, jnp.float32), jnp.zeros((), jnp.int32), extra)


def to_arrays(state: State) -> dict[str, np.ndarray]:
    """Return the state as name -> numpy array, of the shapes that it has on the device.

    Names are "params/NAME", "extra/NAME", "optim/PATH", "key", "lr" and "steps". Floats of `extra` are "params/NAME",
    too: predictions depend on running means as they do on weights.
    """
    return {name: np.array(value) for name, value in _named(state).items()}


def from_arrays(fresh: State, arrays: Mapping[str, np.ndarray]) -> State:
    """Return `fresh` with the values of `arrays` (`to_arrays` of a like state), to the bit.

    Arrays named "params/" alone leave the rest as it is.

    Raises:
        CheckpointError: names that are missing or unknown, or another shape.
    """
    expected = _named(fresh)
    if all(name.startswith("params/") for name in arrays):
        expected = {name: value for name, value in expected.items() if name.startswith("params/")}
    missing, unknown = sorted(expected.keys() - arrays.keys()), sorted(arrays.keys() - expected.keys())
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
    return State(
        {name: loaded(f"params/{name}", value) for name, value in fresh.params.items()},
        jax.tree_util.tree_unflatten(tree, [loaded(f"optim/{_path(path)}", value) for path, value in flat]),
        loaded("key", fresh.key),
        loaded("lr", fresh.lr),
        loaded("steps", fresh.steps),
        {name: loaded(_extra_name(name, value), value) for name, value in fresh.extra.items()},
    )


def _named(state: State) -> dict[str, Array]:
    named = {f"params/{name}": value for name, value in state.params.items()}
    named |= {_extra_name(name, value): value for name, value in state.extra.items()}
    flat, _ = jax.tree_util.tree_flatten_with_path(state.moments)
    named |= {f"optim/{_path(path)}": value for path, value in flat}
    return named | {"key": state.key, "lr": state.lr, "steps": state.steps}


def _extra_name(name: str, value: Array) -> str:
    floats = jnp.issubdtype(value.dtype, jnp.floating)
    return f"params/{name}" if floats else f"extra/{name}"


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
