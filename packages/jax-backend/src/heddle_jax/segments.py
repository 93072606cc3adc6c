"""Segment reductions of XLA whose treatment of ids and gradients is ours to choose."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

PROMISED = "promise_in_bounds"
"""Ids are known to be in range, since graphs are validated."""

DROPPED = "drop"
"""Rows whose id is below 0 or past the last segment don't count: padding may be marked so."""


def segment_sum(
    data: Array,
    segment_ids: Array,
    num_segments: int,
    mode: str = PROMISED,
    ids_sorted: bool = False,
    ids_unique: bool = False,
) -> Array:
    """Sum rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0.

    Floats narrower than 32 bits are added up in float32 and returned as they came.
    """
    wide = data.astype(_sum_dtype(data.dtype))
    total = jax.ops.segment_sum(wide, segment_ids, num_segments, ids_sorted, ids_unique, mode=mode)
    return total.astype(data.dtype)


def gather(x: Array, index: Array) -> Array:
    """Return rows of x: [n, ...], [e] int -> [e, ...]; the gradient is summed as `segment_sum` sums."""
    wide = x.astype(_sum_dtype(x.dtype))
    return wide.at[index].get(mode=PROMISED).astype(x.dtype)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def segment_max(data: Array, segment_ids: Array, num_segments: int, mode: str = PROMISED) -> Array:
    """Take the largest of each segment, elementwise; an empty segment gives 0; ties share the gradient equally."""
    top = jax.ops.segment_max(data, segment_ids, num_segments, mode=mode)
    ones = jnp.ones_like(segment_ids)
    filled = jax.ops.segment_sum(ones, segment_ids, num_segments, mode=mode) > 0
    return jnp.where(jnp.expand_dims(filled, range(1, data.ndim)), top, jnp.zeros_like(top))


@segment_max.defjvp
def _segment_max_jvp(num_segments, mode, primals, tangents):
    data, segment_ids = primals
    top = segment_max(data, segment_ids, num_segments, mode)
    share = (data == gather(top, segment_ids)).astype(data.dtype)
    count = segment_sum(share, segment_ids, num_segments, mode)
    count = jnp.where(count > 0, count, jnp.ones_like(count))
    return top, segment_sum(share * tangents[0], segment_ids, num_segments, mode) / count


def _sum_dtype(dtype: jnp.dtype) -> jnp.dtype:
    narrow = jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32
    return jnp.dtype(jnp.float32) if narrow else dtype
