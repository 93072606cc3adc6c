"""Placing: a batch of numpy arrays as JAX arrays of the precision that a run asks for."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from heddle.errors import ConfigError, nearest
from heddle.graphs.pytree import tree_map
from heddle.nn.model import Batch
from heddle_jax.ops.jax_ops import narrowed


class Precision(NamedTuple):
    """What numbers are kept and computed in.

    Attributes:
        weights: dtype of weights, moments, targets and loss.
        compute: dtype of features and of everything between them and the outputs.
    """

    weights: np.dtype
    compute: np.dtype


PRECISIONS = {
    "float32": Precision(np.dtype(np.float32), np.dtype(np.float32)),
    "float64": Precision(np.dtype(np.float64), np.dtype(np.float64)),
    "bfloat16": Precision(np.dtype(np.float32), jnp.dtype(jnp.bfloat16)),
}


def precision_of(name: str) -> Precision:
    """Return the Precision of that name; "bfloat16" keeps weights in float32 and computes with bfloat16 copies.

    Raises:
        ConfigError: an unknown name, or float64 while JAX's 64-bit mode is off.
    """
    if name not in PRECISIONS:
        valid = list(PRECISIONS)
        raise ConfigError(
            f"backend.precision: found {name!r}, expected one of {valid}{nearest(str(name), valid)}"
        )
    if name == "float64" and not jax.config.read("jax_enable_x64"):
        raise ConfigError(
            "backend.precision: found float64 while JAX's 64-bit mode is off, expected it on; set JAX_ENABLE_X64=1"
        )
    return PRECISIONS[name]


def place_batch(batch: Batch, precision: Precision) -> Batch:
    """Return a copy of the batch on the device: floats in `precision.compute`, targets in `precision.weights`.

    Raises:
        GraphError: an integer beyond 32 bits while JAX's 64-bit mode is off.
    """
    compute, weights = precision.compute, precision.weights
    cast = Batch(
        _cast(batch.graph, compute),
        _cast(batch.prepared, compute),
        _cast(batch.index, compute),
        _cast(batch.targets, weights),
        _cast(batch.mask, weights),
        _cast(batch.divisor, weights),
        _cast(batch.asked, compute),
        _cast(batch.weights, weights),
        _cast(batch.groups, weights),
    )
    return jax.device_put(cast)


def to_host(pytree: Any) -> Any:
    """Return a pytree of JAX arrays as numpy arrays of their own, narrow floats in float32."""

    def copy(leaf: jax.Array) -> np.ndarray:
        wide = leaf.astype(jnp.float32) if leaf.dtype == jnp.bfloat16 else leaf
        return np.array(wide)

    return tree_map(copy, pytree)


def _cast(pytree: Any, dtype: np.dtype) -> Any:
    """Return copies: an array on the device may share memory with what it was made of."""

    def cast(leaf: Any) -> np.ndarray:
        array = np.asarray(leaf)
        return np.array(array, dtype if np.issubdtype(array.dtype, np.floating) else narrowed(array))

    return tree_map(cast, pytree)
