"""Dropout for one pass of a model on several devices."""

import jax
from jax import Array

from heddle_jax.train.dropout import Dropout


class ShardedDropout:
    """Draws alike where all devices hold the same rows, and apart where each holds its own.

    Which is which is known under shard_map alone, as `spmd` runs bodies by default.
    """

    def __init__(self, key: Array, axis: str):
        self._axis = axis
        self._same = Dropout(jax.random.fold_in(key, 0))
        self._per_device = Dropout(jax.random.fold_in(jax.random.fold_in(key, 1), jax.lax.axis_index(axis)))

    def __call__(self, x: Array, rate: float) -> Array:
        return (self._per_device if varies(x, self._axis) else self._same)(x, rate)


def varies(x: Array, axis: str) -> bool:
    """Tell whether devices along `axis` may hold different values of x, of any shape, as shard_map sees it."""
    of = jax.typeof(x)
    varying = of.mat.varying if hasattr(of, "mat") else of.vma  # the name since jax 0.10, and before it
    return axis in varying
