"""Segment reductions of XLA whose gradients are ours to choose."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array


def segment_sum(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Sum rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    zeros = jnp.zeros((num_segments, *data.shape[1:]), data.dtype)
    return zeros.at[segment_ids].add(data, mode="promise_in_bounds")


def gather(x: Array, index: Array) -> Array:
    """Return rows of x: [n, ...], [e] int -> [e, ...]."""
    return x.at[index].get(mode="promise_in_bounds")


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def segment_max(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Take the largest of each segment, elementwise; an empty segment gives 0; ties share the gradient equally."""
    floats = jnp.issubdtype(data.dtype, jnp.floating)
    lowest = -jnp.inf if floats else jnp.iinfo(data.dtype).min
    least = jnp.full((num_segments, *data.shape[1:]), lowest, data.dtype)
    top = least.at[segment_ids].max(data, mode="promise_in_bounds")
    filled = jnp.zeros(num_segments, bool).at[segment_ids].set(True, mode="promise_in_bounds")
    return jnp.where(jnp.expand_dims(filled, range(1, data.ndim)), top, jnp.zeros_like(top))


@segment_max.defjvp
def _segment_max_jvp(num_segments, primals, tangents):
    data, segment_ids = primals
    top = segment_max(data, segment_ids, num_segments)
    share = (data == gather(top, segment_ids)).astype(data.dtype)
    count = segment_sum(share, segment_ids, num_segments)
    count = jnp.where(count > 0, count, jnp.ones_like(count))
    return top, segment_sum(share * tangents[0], segment_ids, num_segments) / count
