"""segment_matmul on JAX, and the outer products that differentiate it: each is the other's derivative."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle_kernels import shapes
from heddle_kernels.jax.compat import native_call, operation, precision, same_dtype
from heddle_kernels.jax.gather import gather_rows


def segment_matmul(lhs: Array, rhs: Array, group_sizes: Array, bias: Array | None = None) -> Array:
    """Multiply groups of rows by a matrix each: row i of group g gives lhs[i] @ rhs[g] + bias[g].

    Args:
        lhs: [n, k], the rows of group 0, then those of group 1 ...
        rhs: [groups, k, m].
        group_sizes: [groups] int, rows of each group; they sum to n, and 0 is a size too.
        bias: [groups, m], or None.

    Returns: [n, m].

    Raises:
        GraphError: shapes that don't fit.
    """
    lhs, rhs = same_dtype(jnp.asarray(lhs), jnp.asarray(rhs))
    sizes = jnp.asarray(group_sizes)
    shapes.grouped(lhs.shape, rhs.shape, sizes.shape, None if bias is None else bias.shape)
    out = _product(sizes, lhs, rhs, transposed=False, precision=precision())
    if bias is None:
        return out
    groups = jnp.repeat(
        jnp.arange(sizes.shape[0], dtype=sizes.dtype), sizes, total_repeat_length=lhs.shape[0]
    )
    return out + gather_rows(groups, jnp.asarray(bias).astype(out.dtype))


def _product_shape(sizes: Any, lhs: Any, rhs: Any, transposed: bool, precision: int) -> tuple[int, ...]:
    return lhs.shape[0], rhs.shape[1 if transposed else 2]


def _product_native(sizes: Array, lhs: Array, rhs: Array, transposed: bool, precision: int) -> Array:
    shape = _product_shape(sizes, lhs, rhs, transposed, precision)
    given = {"sizes": sizes, "lhs": lhs, "rhs": rhs, "transposed": transposed, "precision": precision}
    return native_call("segment_matmul", shape, lhs.dtype, **given)


def _product_elsewhere(sizes: Array, lhs: Array, rhs: Array, transposed: bool, precision: int) -> Array:
    return jax.lax.ragged_dot(lhs, jnp.swapaxes(rhs, 1, 2) if transposed else rhs, sizes.astype(jnp.int32))


def _lhs_adjoint(
    cotangent: Array, sizes: Array, lhs: Any, rhs: Array, transposed: bool, precision: int
) -> Array:
    return _product(sizes, cotangent, rhs, transposed=not transposed, precision=precision)


def _rhs_adjoint(
    cotangent: Array, sizes: Array, lhs: Array, rhs: Any, transposed: bool, precision: int
) -> Array:
    left, right = (cotangent, lhs) if transposed else (lhs, cotangent)
    return _outer(sizes, left, right, precision=precision)


def _product_batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    sizes, lhs, rhs = operands
    if axes[1] is not None and axes[2] is not None:
        each = jnp.moveaxis(lhs, axes[1], 0), jnp.moveaxis(rhs, axes[2], 0)
        return jax.lax.map(lambda pair: function(sizes, *pair), each), 0
    if axes[1] is not None:  # every row becomes `size` rows of its group
        lhs = jnp.moveaxis(lhs, axes[1], 1)
        out = function(sizes * jnp.asarray(size, sizes.dtype), lhs.reshape(-1, lhs.shape[2]), rhs)
        return out.reshape(lhs.shape[0], size, out.shape[1]), 1
    axis = 1 if params["transposed"] else 2  # every matrix becomes `size` side by side
    rhs = jnp.moveaxis(rhs, axes[2], axis)
    shape = list(rhs.shape)
    shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
    out = function(sizes, lhs, rhs.reshape(shape))
    return out.reshape(out.shape[0], size, rhs.shape[axis + 1]), 1


_product = operation(
    "segment_matmul",
    fixed=1,
    shape=_product_shape,
    on_cpu=_product_native,
    on_cuda=_product_native,
    elsewhere=_product_elsewhere,
    batch=_product_batch,
    adjoints=[_lhs_adjoint, _rhs_adjoint],
)


def _outer_shape(sizes: Any, lhs: Any, rhs: Any, precision: int) -> tuple[int, ...]:
    return sizes.shape[0], lhs.shape[1], rhs.shape[1]


def _outer_native(sizes: Array, lhs: Array, rhs: Array, precision: int) -> Array:
    shape = _outer_shape(sizes, lhs, rhs, precision)
    given = {"sizes": sizes, "lhs": lhs, "rhs": rhs, "precision": precision}
    return native_call("segment_outer", shape, lhs.dtype, **given)


def _outer_elsewhere(sizes: Array, lhs: Array, rhs: Array, precision: int) -> Array:
    matrices = jnp.zeros_like(lhs, shape=_outer_shape(sizes, lhs, rhs, precision))
    _, pull = jax.vjp(lambda matrix: jax.lax.ragged_dot(lhs, matrix, sizes.astype(jnp.int32)), matrices)
    return pull(rhs)[0]


def _left_adjoint(cotangent: Array, sizes: Array, lhs: Any, rhs: Array, precision: int) -> Array:
    return _product(sizes, rhs, cotangent, transposed=True, precision=precision)


def _right_adjoint(cotangent: Array, sizes: Array, lhs: Array, rhs: Any, precision: int) -> Array:
    return _product(sizes, lhs, cotangent, transposed=False, precision=precision)


def _outer_batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    sizes, lhs, rhs = operands
    if axes[1] is not None and axes[2] is not None:
        each = jnp.moveaxis(lhs, axes[1], 0), jnp.moveaxis(rhs, axes[2], 0)
        return jax.lax.map(lambda pair: function(sizes, *pair), each), 0
    at = 1 if axes[1] is not None else 2  # the batch becomes more columns of one side
    both = [lhs, rhs]
    wide = jnp.moveaxis(both[at - 1], axes[at], 1)
    both[at - 1] = wide.reshape(wide.shape[0], -1)
    out = function(sizes, *both)
    return out.reshape(*out.shape[:at], size, wide.shape[2], *out.shape[at + 1 :]), at


_outer = operation(
    "segment_outer",
    fixed=1,
    shape=_outer_shape,
    on_cpu=_outer_native,
    on_cuda=_outer_native,
    elsewhere=_outer_elsewhere,
    batch=_outer_batch,
    adjoints=[_left_adjoint, _right_adjoint],
)
