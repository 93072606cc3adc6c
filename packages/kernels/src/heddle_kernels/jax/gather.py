"""Rows by id on JAX, and sums of rows by id: each is the other's transpose. The largest of each id too."""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle_kernels import library, shapes
from heddle_kernels.jax.compat import in_second, native_call, operation, same_dtype, widened


def gather(x: Array, index: Array) -> Array:
    """Return rows of x: [n, ...], [e] int -> [e, ...]."""
    x, index = jnp.asarray(x), jnp.asarray(index)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.take(x, index, axis=0)  # integers have no gradient, and XLA's gather serves
    return gather_rows(index, x)


def checked(op: str, data: Array, ids: Array) -> tuple[Array, Array]:
    """Return float data [e, ...] and its segment ids [e] as JAX arrays.

    Raises:
        TypeError: data of no float dtype.
        GraphError: another number of ids than of rows.
    """
    (data,), ids = same_dtype(jnp.asarray(data)), jnp.asarray(ids)
    shapes.rows(op, "segment_ids", ids.shape, data.shape[0], "as many as data has")
    return data, ids


def _gather_shape(ids: Any, x: Any) -> tuple[int, ...]:
    return ids.shape[0], *x.shape[1:]


def _gather_cpu(ids: Array, x: Array) -> Array:
    row_bytes = prod(x.shape[1:]) * x.dtype.itemsize
    return native_call("gather", _gather_shape(ids, x), x.dtype, ids=ids, x=x, row_bytes=row_bytes)


def _gather_adjoint(cotangent: Array, ids: Array, x: Any) -> Array:
    return sum_rows(ids, cotangent, n=x.aval.shape[0])


def _batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    return in_second(function, size, operands, axes, 1)


gather_rows = operation(
    "gather",
    fixed=1,
    shape=_gather_shape,
    on_cpu=_gather_cpu,
    elsewhere=lambda ids, x: x[ids],
    batch=_batch,
    adjoints=[_gather_adjoint],
)


def _reduce_shape(ids: Any, data: Any, n: int) -> tuple[int, ...]:
    return n, *data.shape[1:]


def _reduce_cpu(reduce: str, ids: Array, data: Array, n: int) -> Array:
    shape, code = _reduce_shape(ids, data, n), library.REDUCE[reduce]
    return native_call("segment_reduce", shape, data.dtype, ids=ids, data=data, reduce=code)


def _sum_elsewhere(ids: Array, data: Array, n: int) -> Array:
    wide = widened(data)
    return jax.ops.segment_sum(wide, ids, n).astype(data.dtype)


def _largest_elsewhere(ids: Array, data: Array, n: int) -> Array:
    counts = jax.ops.segment_sum(jnp.ones_like(ids), ids, n).reshape(-1, *(1,) * (data.ndim - 1))
    return jnp.where(counts > 0, jax.ops.segment_max(data, ids, n), jnp.zeros_like(data, shape=()))


sum_rows = operation(
    "segment_sum",
    fixed=1,
    shape=_reduce_shape,
    on_cpu=lambda ids, data, n: _reduce_cpu("sum", ids, data, n),
    elsewhere=_sum_elsewhere,
    batch=_batch,
    adjoints=[lambda cotangent, ids, data, n: gather_rows(ids, cotangent)],
)
largest = operation(
    "segment_max",
    fixed=2,
    n_indices=1,
    shape=_reduce_shape,
    on_cpu=lambda ids, data, n: _reduce_cpu("max", ids, data, n),
    elsewhere=_largest_elsewhere,
    batch=_batch,
)
