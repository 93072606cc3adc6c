"""Segment reductions of rows that lie on several devices: each device reduces its own, then one step across."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle_jax.ops import segments

Groups = Any
"""None for all devices of the axis together, or a tuple of tuples of their positions: each group by itself."""


def segment_sum(
    data: Array, segment_ids: Array, num_segments: int, axis: str, groups: Groups = None
) -> Array:
    """Sum rows by segment over all devices of `axis`: [e, ...], [e] int -> [num_segments, ...], the same on each.

    An id outside [0, num_segments) is a bug; give padding a segment of its own.

    Args:
        axis: name of the mapped axis.
        groups: positions on it that reduce by themselves, or None for all together.
    """
    partial = segments.segment_sum(data, segment_ids, num_segments)
    return jax.lax.psum(partial, axis, axis_index_groups=groups)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def segment_max(
    data: Array, segment_ids: Array, num_segments: int, axis: str, groups: Groups = None
) -> Array:
    """Take the largest of each segment over all devices: [e, ...], [e] int -> [num_segments, ...], the same on each.

    An empty segment gives 0; equal maxima share the gradient equally.

    Args:
        axis: name of the mapped axis.
        groups: positions on it that reduce by themselves, or None for all together.
    """
    least = jnp.full((num_segments, *data.shape[1:]), lowest(data.dtype), data.dtype)
    largest_here = least.at[segment_ids].max(data, mode="promise_in_bounds")
    filled = jnp.zeros(num_segments, jnp.int32).at[segment_ids].max(1, mode="promise_in_bounds")
    largest = jax.lax.pmax(largest_here, axis, axis_index_groups=groups)
    filled = jax.lax.pmax(filled, axis, axis_index_groups=groups)
    filled = jnp.expand_dims(filled > 0, range(1, data.ndim))
    return jnp.where(filled, largest, jnp.zeros_like(largest))


@segment_max.defjvp
def _segment_max_jvp(num_segments, axis, groups, primals, tangents):
    data, segment_ids = primals
    largest = segment_max(data, segment_ids, num_segments, axis, groups)
    share = (data == segments.gather(largest, segment_ids)).astype(data.dtype)
    count = segment_sum(share, segment_ids, num_segments, axis, groups)
    count = jnp.where(count > 0, count, jnp.ones_like(count))
    return largest, segment_sum(share * tangents[0], segment_ids, num_segments, axis, groups) / count


def segment_softmax(
    logits: Array, segment_ids: Array, num_segments: int, axis: str, groups: Groups = None
) -> Array:
    """Normalise rows within each segment, whose rows lie on all devices: [e, ...] -> [e, ...], each its own rows.

    A segment of -inf alone gives 0. The largest logit of a segment is a constant to the gradient: it cancels.

    Args:
        segment_ids: [e] int below `num_segments`.
        axis: name of the mapped axis.
        groups: positions on it that reduce by themselves, or None for all together.
    """
    largest = segment_max(jax.lax.stop_gradient(logits), segment_ids, num_segments, axis, groups)
    largest = jnp.where(jnp.isfinite(largest), largest, jnp.zeros_like(largest))
    exps = jnp.exp(logits - segments.gather(largest, segment_ids))
    total = segment_sum(exps, segment_ids, num_segments, axis, groups)
    total = jnp.where(total > 0, total, jnp.ones_like(total))
    return exps / segments.gather(total, segment_ids)


def lowest(dtype: Any) -> Any:
    """Return the value of a dtype that is below all others."""
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min
