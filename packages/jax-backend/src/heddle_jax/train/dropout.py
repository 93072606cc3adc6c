"""Dropout for one pass of a model, from one key."""

import jax
import jax.numpy as jnp
from jax import Array


class Dropout:
    """A `heddle.nn.layers.base.Dropout`: call n draws from fold_in(key, n), so it traces like any function."""

    def __init__(self, key: Array):
        self._key = key
        self._calls = 0

    def __call__(self, x: Array, rate: float) -> Array:
        if not rate:
            return x
        self._calls += 1
        kept = jax.random.bernoulli(jax.random.fold_in(self._key, self._calls), 1 - rate, x.shape)
        return jnp.where(kept, x / (1 - rate), jnp.zeros_like(x))
