"""Reductions by segment on JAX."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle_kernels.jax.compat import widened
from heddle_kernels.jax.csr_arrays import divided
from heddle_kernels.jax.gather import checked, gather_rows, largest, sum_rows


def segment_sum(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Sum rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    data, ids = checked("segment_sum", data, segment_ids)
    return sum_rows(ids, data, n=int(num_segments))


def segment_mean(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Average rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0."""
    data, ids = checked("segment_mean", data, segment_ids)
    wide = widened(data)
    count = jnp.maximum(sum_rows(ids, jnp.ones(ids.shape, wide.dtype), n=int(num_segments)), 1)
    total = sum_rows(ids, wide, n=int(num_segments))
    return (total / count.reshape(-1, *(1,) * (data.ndim - 1))).astype(data.dtype)


def segment_max(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Equal maxima share the gradient.
    """
    data, ids = checked("segment_max", data, segment_ids)
    return _segment_max(ids, data, int(num_segments))


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _segment_max(ids: Array, data: Array, n: int) -> Array:
    return largest(ids, data, n=n)


@_segment_max.defjvp
def _segment_max_jvp(n: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    ids, data = primals
    largest = _segment_max(ids, data, n)
    data, most = jax.lax.stop_gradient((data, gather_rows(ids, largest)))
    attained = ((data == most) | (jnp.isnan(data) & jnp.isnan(most))).astype(data.dtype)
    ties = jnp.maximum(sum_rows(ids, widened(attained), n=n), 1)
    return largest, divided(sum_rows(ids, attained * tangents[1], n=n), ties)
