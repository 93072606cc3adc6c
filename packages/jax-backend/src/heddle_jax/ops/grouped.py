"""segment_matmul on XLA: ragged_dot, as a pair of primitives that every transformation of JAX goes through.

ragged_dot's own rule for vmap knows the first axis alone. Groups of all entries of a batch are groups of one product.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from heddle_jax.ops.sparse import alike


def segment_matmul(lhs: Array, rhs: Array, group_sizes: Array) -> Array:
    """Multiply groups of rows by a matrix each: [n, k], [g, k, m], [g] ints that sum to n -> [n, m]."""
    return _bind(_product, group_sizes, lhs, rhs)


def _bind(primitive: Primitive, *operands: Array) -> Array:
    bound: Array = primitive.bind(*alike(operands))
    return bound


def _rows(sizes: Array, lhs: Array, rhs: Array) -> Array:
    return jax.lax.ragged_dot(lhs, rhs, sizes)


def _matrices(sizes: Array, lhs: Array, rows: Array) -> Array:
    """Sum the outer products of each group's rows: [n, k], [n, m] -> [g, k, m]."""
    zeros = jnp.zeros((sizes.shape[0], lhs.shape[1], rows.shape[1]), lhs.dtype)
    (summed,) = jax.linear_transpose(lambda rhs: jax.lax.ragged_dot(lhs, rhs, sizes), zeros)(rows)
    result: Array = summed
    return result


def _primitive(name: str, compute: Any, shape: Any) -> Primitive:
    made = Primitive(name)

    def abstract(sizes: Any, lhs: Any, rhs: Any) -> Any:
        return lhs.update(shape=shape(sizes, lhs, rhs), weak_type=False)

    def lhs_jvp(tangent: Array, sizes: Array, lhs: Array, rhs: Array) -> Array:
        return _bind(made, sizes, tangent, rhs)

    def rhs_jvp(tangent: Array, sizes: Array, lhs: Array, rhs: Array) -> Array:
        return _bind(made, sizes, lhs, tangent)

    made.def_abstract_eval(abstract)
    made.def_impl(jax.jit(made.bind))
    ad.defjvp(made, None, lhs_jvp, rhs_jvp)
    mlir.register_lowering(made, mlir.lower_fun(compute, multiple_results=False))
    return made


_product = _primitive("heddle_segment_matmul", _rows, lambda sizes, lhs, rhs: (lhs.shape[0], rhs.shape[2]))
_outer = _primitive(
    "heddle_segment_outer", _matrices, lambda sizes, lhs, rows: (*sizes.shape, lhs.shape[1], rows.shape[1])
)


def _turned(matrices: Array) -> Array:
    return jnp.swapaxes(matrices, 1, 2)


def _product_transpose(cotangent: Any, sizes: Array, lhs: Any, rhs: Any) -> list[Any]:
    if ad.is_undefined_primal(lhs):
        zero = type(cotangent) is ad.Zero
        return [None, ad.Zero(lhs.aval) if zero else _bind(_product, sizes, cotangent, _turned(rhs)), None]
    zero = type(cotangent) is ad.Zero
    return [None, None, ad.Zero(rhs.aval) if zero else _bind(_outer, sizes, lhs, cotangent)]


def _outer_transpose(cotangent: Any, sizes: Array, lhs: Any, rows: Any) -> list[Any]:
    zero = type(cotangent) is ad.Zero
    if ad.is_undefined_primal(lhs):
        return [None, ad.Zero(lhs.aval) if zero else _bind(_product, sizes, rows, _turned(cotangent)), None]
    return [None, None, ad.Zero(rows.aval) if zero else _bind(_product, sizes, lhs, cotangent)]


def _batch(made: Primitive, operands: Any, axes: Any) -> tuple[Array, int]:
    size = next(x.shape[axis] for x, axis in zip(operands, axes) if axis is not None)
    full = [
        jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)
        for x, axis in zip(operands, axes)
    ]
    y = _bind(made, *(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]) for x in full))
    rows = full[1].shape[1] if made is _product else full[0].shape[1]
    return y.reshape(size, rows, *y.shape[1:]), 0


ad.primitive_transposes[_product] = _product_transpose
ad.primitive_transposes[_outer] = _outer_transpose
for _made in (_product, _outer):
    batching.primitive_batchers[_made] = lambda operands, axes, made=_made: _batch(made, operands, axes)
