"""Segment reductions of XLA whose treatment of ids and gradients is ours to choose."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.errors import GraphError, problem

PROMISED = "promise_in_bounds"
"""Ids are known to be in range, since graphs are validated."""

DROPPED = "drop"
"""Rows whose id is below 0 or past the last segment don't count: padding may be marked so."""


LONG = 1 << 20
"""Rows above which a sum is taken in parts: in float32, adding 1 to 16777216 changes nothing."""

_PART = 32
"""Rows of a part, where there are few enough segments for so many parts."""


def segment_sum(
    data: Array,
    segment_ids: Array,
    num_segments: int,
    mode: str = PROMISED,
    ids_sorted: bool = False,
    ids_unique: bool = False,
) -> Array:
    """Sum rows by segment: [e, ...], [e] int in any order -> [num_segments, ...]; an empty segment gives 0.

    Floats narrower than 32 bits are added up in float32 and returned as they came. Of many rows, `parts` sums are taken
    and added up.

    Args:
        mode: of ids out of range: PROMISED for none, DROPPED to leave their rows out.
        ids_sorted, ids_unique: what is known of the ids.
    """
    position_dtype("segment_sum", data.shape[0], num_segments)
    wide = data.astype(wide_dtype(data.dtype))
    n_parts = parts(data.shape[0], num_segments) if jnp.issubdtype(wide.dtype, jnp.inexact) else 1
    if n_parts > 1:
        total = _sum_in_parts(wide, segment_ids, num_segments, n_parts)
    else:
        total = jax.ops.segment_sum(wide, segment_ids, num_segments, ids_sorted, ids_unique, mode=mode)
    return total.astype(data.dtype)


def parts(n_rows: int, num_segments: int) -> int:
    """Return in how many parts rows are summed: 1 up to `LONG` rows; all parts' sums are no more than the rows."""
    if n_rows <= LONG:
        return 1
    return max(1, min(-(-n_rows // _PART), min(n_rows, 2**31 - 1) // max(1, num_segments)))


def _sum_in_parts(data: Array, segment_ids: Array, num_segments: int, n_parts: int) -> Array:
    n_rows = data.shape[0]
    dtype = position_dtype("segment_sum", n_rows, num_segments)
    part = jnp.arange(n_rows, dtype=dtype) // -(-n_rows // n_parts)
    known = (segment_ids >= 0) & (segment_ids < num_segments)
    ids = jnp.where(known, segment_ids.astype(dtype) + part * num_segments, n_parts * num_segments)
    sums = jax.ops.segment_sum(data, ids, n_parts * num_segments, mode=DROPPED)
    return jnp.sum(sums.reshape(n_parts, num_segments, *data.shape[1:]), axis=0)


def gather(x: Array, index: Array) -> Array:
    """Return rows of x: [n, ...], [e] int -> [e, ...]; the gradient is summed as `segment_sum` sums."""
    position_dtype("gather", x.shape[0], index.shape[0])
    wide = x.astype(wide_dtype(x.dtype))
    return wide.at[index].get(mode=PROMISED).astype(x.dtype)


def segment_count(segment_ids: Array, num_segments: int) -> Array:
    """Count the rows of each segment: [e] int of any type -> [num_segments] int; ids out of range don't count."""
    ones = jnp.ones(segment_ids.shape, position_dtype("segment_count", segment_ids.shape[0], num_segments))
    return jax.ops.segment_sum(ones, segment_ids, num_segments, mode=DROPPED)


def segment_max(data: Array, segment_ids: Array, num_segments: int, mode: str = PROMISED) -> Array:
    """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Equal maxima share the gradient equally.

    Args:
        mode: of ids out of range: PROMISED for none, DROPPED to leave their rows out.
    """
    position_dtype("segment_max", data.shape[0], num_segments)
    wide = data.astype(wide_dtype(data.dtype))
    return _segment_max(wide, segment_ids, num_segments, mode).astype(data.dtype)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _segment_max(data: Array, segment_ids: Array, num_segments: int, mode: str) -> Array:
    largest = jax.ops.segment_max(data, segment_ids, num_segments, mode=mode)
    filled = segment_count(segment_ids, num_segments) > 0
    return jnp.where(jnp.expand_dims(filled, range(1, data.ndim)), largest, jnp.zeros_like(largest))


@_segment_max.defjvp
def _segment_max_jvp(num_segments, mode, primals, tangents):
    data, segment_ids = primals
    largest = _segment_max(data, segment_ids, num_segments, mode)
    share = (data == gather(largest, segment_ids)).astype(data.dtype)
    count = segment_sum(share, segment_ids, num_segments, mode)
    count = jnp.where(count > 0, count, jnp.ones_like(count))
    return largest, segment_sum(share * tangents[0], segment_ids, num_segments, mode) / count


def position_dtype(name: str, *sizes: int) -> jnp.dtype:
    """Return the type that positions among so many rows or segments fit into: int32, int64 from 2**31 on.

    Raises:
        GraphError: there are so many, and JAX's 64-bit mode is off.
    """
    most = max(sizes)
    if most < 2**31:
        return jnp.dtype(jnp.int32)
    if not jax.config.read("jax_enable_x64"):
        expected = "fewer than 2**31 as long as JAX's 64-bit mode is off"
        raise GraphError(problem(name, f"{most} rows", expected, "set jax_enable_x64"))
    return jnp.dtype(jnp.int64)


def in_wide(op: Callable[..., Array], data: Array, *rest: Any) -> Array:
    """Return op(data, *rest) in the dtype of data [e, ...], computed in float32 where that is of narrower floats."""
    wide = wide_dtype(data.dtype)
    return op(data, *rest) if wide == data.dtype else op(data.astype(wide), *rest).astype(data.dtype)


def wide_dtype(dtype: jnp.dtype) -> jnp.dtype:
    """Return the dtype that sums of `dtype` are taken in: float32 for narrower floats, else `dtype` itself."""
    narrow = jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32
    return jnp.dtype(jnp.float32) if narrow else dtype
