"""Segment operations by Jraph's names: core's formulas on sums that drop ids out of range."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from heddle.errors import GraphError
from heddle_jax.jraph_api.graphs_tuple import ArrayTree
from heddle_jax.ops import segments
from heddle_jax.ops.jax_ops import JaxOps, compiled


@dataclass(frozen=True)
class DroppingOps(JaxOps):
    """The primitives, with rows left out whose id is below 0 or past the last segment.

    Attributes:
        ids_sorted: whether ids are known to ascend.
        ids_unique: whether no id comes twice.
    """

    ids_sorted: bool = False
    ids_unique: bool = False
    checked = False

    @compiled("num_segments")
    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        flags = self.ids_sorted, self.ids_unique
        return segments.segment_sum(data, segment_ids, num_segments, segments.DROPPED, *flags)

    @compiled("num_segments")
    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        return segments.segment_max(data, segment_ids, num_segments, segments.DROPPED)


def segment_sum(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Sum rows by segment: [e, ...], [e] int -> [num_segments, ...]; an empty segment gives 0.

    This and the other segment operations share their arguments.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    ops, data, n = _read(data, segment_ids, num_segments, indices_are_sorted, unique_indices)
    return ops.segment_sum(data, segment_ids, n)


def segment_mean(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Average rows by segment: [e, ...], [e] int -> [num_segments, ...]; an empty segment gives 0.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    ops, data, n = _read(data, segment_ids, num_segments, indices_are_sorted, unique_indices)
    return ops.segment_mean(as_float(data), segment_ids, n)


def segment_variance(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Return the variance of each segment's rows: [e, ...], [e] int -> [num_segments, ...]; an empty segment gives 0.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    ops, data, n = _read(data, segment_ids, num_segments, indices_are_sorted, unique_indices)

    def variance(data: Array) -> Array:
        centred = data - ops.gather(ops.segment_mean(data, segment_ids, n), segment_ids)
        return ops.segment_mean(centred * centred, segment_ids, n)

    return segments.in_wide(variance, as_float(data))


def segment_normalize(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    eps: float = 1e-8,
) -> Array:
    """Subtract each segment's mean and divide by its standard deviation, at least sqrt(eps): [e, ...] -> [e, ...].

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.
        eps: least variance.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    ops, data, n = _read(data, segment_ids, num_segments, indices_are_sorted, unique_indices)

    def normalise(data: Array) -> Array:
        centred = data - ops.gather(ops.segment_mean(data, segment_ids, n), segment_ids)
        variance = ops.gather(ops.segment_mean(centred * centred, segment_ids, n), segment_ids)
        return centred * jax.lax.rsqrt(jnp.maximum(variance, jnp.asarray(eps, data.dtype)))

    return segments.in_wide(normalise, as_float(data))


def segment_max(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Take the largest of each segment, [num_segments, ...]; an empty one gives -inf, or the least integer.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    _, data, n = _read(data, segment_ids, num_segments, indices_are_sorted, unique_indices)
    return jax.ops.segment_max(data, segment_ids, n, indices_are_sorted, unique_indices)


def segment_min(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Take the smallest of each segment, [num_segments, ...]; an empty one gives inf, or the largest integer.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    _, data, n = _read(data, segment_ids, num_segments, indices_are_sorted, unique_indices)
    return jax.ops.segment_min(data, segment_ids, n, indices_are_sorted, unique_indices)


def segment_max_or_constant(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    constant: float = 0.0,
) -> Array:
    """Take the largest of each segment, [num_segments, ...]; an empty one gives `constant`.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.
        constant: of an empty segment.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    return _or_constant(
        segment_max, data, segment_ids, num_segments, indices_are_sorted, unique_indices, constant
    )


def segment_min_or_constant(
    data: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    constant: float = 0.0,
) -> Array:
    """Take the smallest of each segment, [num_segments, ...]; an empty one gives `constant`.

    Args:
        data: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.
        constant: of an empty segment.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    return _or_constant(
        segment_min, data, segment_ids, num_segments, indices_are_sorted, unique_indices, constant
    )


def segment_softmax(
    logits: Array,
    segment_ids: Array,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Array:
    """Softmax within each segment, elementwise: [e, ...] -> [e, ...]; a segment of -inf alone gives 0.

    Args:
        logits: [e, ...]; a scalar counts for every row.
        segment_ids: [e] int in any order; rows with an id outside [0, num_segments) are dropped.
        num_segments: None for the largest id plus 1, which isn't known inside jit.
        indices_are_sorted: a promise that ids ascend.
        unique_indices: a promise that no id comes twice.

    Raises:
        GraphError: `num_segments` is None inside jit.
    """
    ops, logits, n = _read(logits, segment_ids, num_segments, indices_are_sorted, unique_indices)
    return ops.segment_softmax(as_float(logits), segment_ids, n)


def partition_softmax(logits: ArrayTree, partitions: Array, sum_partitions: int | None = None) -> Array:
    """Softmax within runs of rows: [e, ...] logits, [n] int lengths of the runs -> [e, ...].

    Args:
        sum_partitions: the sum of `partitions`, which is the number of rows; taken from `logits` if None.
    """
    n_rows = logits.shape[0] if sum_partitions is None else sum_partitions
    ids = JaxOps().graph_ids(jnp.asarray(partitions), n_rows)
    return segment_softmax(logits, ids, len(partitions), indices_are_sorted=True)


def _read(
    data: Any, segment_ids: Any, num_segments: int | None, ids_sorted: bool, ids_unique: bool
) -> tuple[DroppingOps, Array, int]:
    """Return the ops for the flags, the data with a row for each id, and the number of segments."""
    data = jnp.asarray(data)
    if not data.ndim:
        data = jnp.broadcast_to(data, jnp.shape(segment_ids))
    return DroppingOps(ids_sorted, ids_unique), data, _count(segment_ids, num_segments)


def _count(segment_ids: Any, num_segments: int | None) -> int:
    if num_segments is not None:
        return int(num_segments)
    if isinstance(segment_ids, jax.core.Tracer):
        raise GraphError(
            "segment operation: found no num_segments inside jit, where ids aren't known, expected a number; "
            "pass num_segments as a static argument"
        )
    ids = np.asarray(segment_ids)
    return max(0, int(ids.max()) + 1) if ids.size else 0


def as_float(data: Array) -> Array:
    """Return integers of any shape as floats, for means and softmaxes; floats and complex numbers as they are."""
    return data if jnp.issubdtype(data.dtype, jnp.inexact) else data.astype(float)


def _or_constant(
    reduce: Any,
    data: Array,
    segment_ids: Array,
    num_segments: int | None,
    ids_sorted: bool,
    ids_unique: bool,
    constant: float,
) -> Array:
    _, data, n = _read(data, segment_ids, num_segments, ids_sorted, ids_unique)
    result = reduce(data, segment_ids, n, ids_sorted, ids_unique)
    filled = segments.segment_count(jnp.asarray(segment_ids), n) > 0
    rows = jnp.expand_dims(filled, range(1, result.ndim))
    return jnp.where(rows, result, jnp.full_like(result, constant))
