"""The maximum of spmm on JAX. Its derivatives sum over the elements that attain it; where those are is a constant."""

import functools
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle_kernels import library
from heddle_kernels.jax.compat import in_second, native_call, operation, widened
from heddle_kernels.jax.csr_arrays import SIZE, CsrArrays, divided


def spmm_max(csr: CsrArrays, weight: Array | None, x: Array, transpose: bool) -> Array:
    """Take the largest weight x[s] of the edges (s, r) of each r, elementwise; from receivers if `transpose`."""
    if weight is None:
        return _max(csr, x, transpose)
    return _weighted_max(csr, weight, x, transpose)


def _batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    return in_second(function, size, operands, axes, SIZE)


def _rows(csr: Any, at_senders: bool, x: Any) -> tuple[int, ...]:
    return CsrArrays(*csr).rows(at_senders), *x.shape[1:]


def _messages(csr: CsrArrays, weight: Array | None, x: Array, transpose: bool) -> Array:
    messages = x[csr.ends(transpose)[0]]
    return messages if weight is None else messages * _wide(weight, x)


def _wide(weight: Array, x: Array) -> Array:
    return weight.reshape(*weight.shape, *(1,) * (x.ndim - weight.ndim))


# --- forward: one primitive, whose weight may be empty ---


def _forward_native(*operands: Array, transpose: bool, weighted: bool) -> Array:
    *csr, weight, x = operands
    walk, shape = CsrArrays(*csr).walk(transpose), _rows(csr, transpose, x)
    given = {"weight": weight if weighted else None, "x": x}
    return native_call("spmm", shape, x.dtype, **walk, **given, reduce=library.REDUCE["max"], counted=0)


def _forward_elsewhere(*operands: Array, transpose: bool, weighted: bool) -> Array:
    *arrays, weight, x = operands
    csr = CsrArrays(*arrays)
    messages = _messages(csr, weight if weighted else None, x, transpose)
    largest = jax.ops.segment_max(messages, csr.ends(transpose)[1], csr.rows(transpose))
    indptr = csr.t_indptr if transpose else csr.indptr
    empty = (jnp.diff(indptr) == 0).reshape(-1, *(1,) * (x.ndim - 1))
    return jnp.where(empty, jnp.zeros_like(largest), largest)


_forward = operation(
    "spmm_max",
    fixed=SIZE + 2,
    n_indices=SIZE,
    shape=lambda *operands, transpose, weighted: _rows(operands[:SIZE], transpose, operands[-1]),
    on_cpu=_forward_native,
    on_cuda=_forward_native,
    elsewhere=_forward_elsewhere,
    batch=lambda function, size, operands, axes, params: _batch_optional(
        function, size, operands, axes, params
    ),
)


def _batch_optional(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    """Batch where operand SIZE is a weight that may be empty, and then stays so."""
    if params["weighted"]:
        return _batch(function, size, operands, axes, params)
    rest, rest_axes = operands[SIZE + 1 :], axes[SIZE + 1 :]
    empty = functools.partial(function, *operands[:SIZE], operands[SIZE])
    return in_second(empty, size, rest, rest_axes, 0)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _max(csr: CsrArrays, x: Array, transpose: bool) -> Array:
    return _forward(*csr, _nothing(x), x, transpose=transpose, weighted=False)


@_max.defjvp
def _max_jvp(transpose: bool, primals: Any, tangents: Any) -> tuple[Array, Array]:
    csr, x = primals
    largest = _max(csr, x, transpose)
    at = *csr, _nothing(x), *jax.lax.stop_gradient((x, largest))
    flags = {"weighted": False, "reverse": transpose, "adjoint": False}
    return largest, divided(_sum_argmax(*at, tangents[1], **flags), _ties(at, flags))


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def _weighted_max(csr: CsrArrays, weight: Array, x: Array, transpose: bool) -> Array:
    return _forward(*csr, weight, x, transpose=transpose, weighted=True)


@_weighted_max.defjvp
def _weighted_max_jvp(transpose: bool, primals: Any, tangents: Any) -> tuple[Array, Array]:
    csr, weight, x = primals
    largest = _weighted_max(csr, weight, x, transpose)
    at = *csr, *jax.lax.stop_gradient((weight, x, largest))
    flags = {"reverse": transpose, "adjoint": False}
    tangent = _product_argmax(*at, weight, tangents[2], **flags) + _product_argmax(
        *at, tangents[1], x, **flags
    )
    return largest, divided(tangent, _ties(at, flags | {"weighted": True}))


def _nothing(x: Array) -> Array:
    return jnp.zeros((0,), x.dtype)


_PARTS = 4096
"""Parts of one by which 16 bits count to 2**28."""


def _ties(at: Any, flags: dict[str, bool]) -> Array:
    """Count the elements that attain each maximum, at least 1, in float32 at least: float16 ends at 65504."""
    x = at[SIZE + 1]
    parts = 1 if x.dtype.itemsize > 2 else _PARTS
    count = _sum_argmax(*at, jnp.full_like(x, 1 / parts), **flags)
    return jnp.maximum(widened(count) * parts, 1)


# --- sums over attaining elements: of a value; of a factor per edge times a value; of a product per edge ---
# operands: csr, weight, x, largest, then these. `reverse`: the maximum went from receivers to senders. `adjoint`:
# from where messages arrived back to where they started.


def _hits(*at: Array, weighted: bool, reverse: bool) -> Array:
    *arrays, weight, x, largest = at
    csr = CsrArrays(*arrays)
    messages, most = (
        _messages(csr, weight if weighted else None, x, reverse),
        largest[csr.ends(reverse)[1]],
    )
    return (messages == most) | (jnp.isnan(messages) & jnp.isnan(most))


def _sum_elsewhere(*operands: Array, weighted: bool, reverse: bool, adjoint: bool) -> Array:
    csr, value = CsrArrays(*operands[:SIZE]), operands[-1]
    start, end = csr.ends(reverse != adjoint)
    hits = _hits(*operands[: SIZE + 3], weighted=weighted, reverse=reverse)
    terms = jnp.where(hits, value[start], jnp.zeros_like(value, shape=()))
    return jax.ops.segment_sum(terms, end, csr.rows(reverse != adjoint))


def _sum_native(*operands: Array, weighted: bool, reverse: bool, adjoint: bool) -> Array:
    *csr, weight, x, largest, value = operands
    walk, shape = CsrArrays(*csr).walk(reverse != adjoint), _rows(csr, reverse != adjoint, x)
    given = {
        "weight": weight if weighted else None,
        "x": x,
        "largest": largest,
        "factor": None,
        "value": value,
    }
    return native_call("spmm_argmax", shape, x.dtype, **walk, **given, transposed=adjoint)


def _sum_adjoint(cotangent: Array, *operands: Any, weighted: bool, reverse: bool, adjoint: bool) -> Array:
    return _sum_argmax(*operands[:-1], cotangent, weighted=weighted, reverse=reverse, adjoint=not adjoint)


_sum_argmax = operation(
    "spmm_argmax",
    fixed=SIZE + 3,
    n_indices=SIZE,
    shape=lambda *operands, weighted, reverse, adjoint: _rows(
        operands[:SIZE], reverse != adjoint, operands[SIZE + 1]
    ),
    on_cpu=_sum_native,
    on_cuda=_sum_native,
    elsewhere=_sum_elsewhere,
    batch=_batch_optional,
    adjoints=[_sum_adjoint],
)


def _product_native(*operands: Array, reverse: bool, adjoint: bool) -> Array:
    *csr, weight, x, largest, factor, value = operands
    walk, shape = CsrArrays(*csr).walk(reverse != adjoint), _rows(csr, reverse != adjoint, x)
    given = {"weight": weight, "x": x, "largest": largest, "factor": factor, "value": value}
    return native_call("spmm_argmax", shape, x.dtype, **walk, **given, transposed=adjoint)


def _product_elsewhere(*operands: Array, reverse: bool, adjoint: bool) -> Array:
    *arrays, factor, value = operands
    csr = CsrArrays(*arrays[:SIZE])
    start, end = csr.ends(reverse != adjoint)
    hits = _hits(*arrays, weighted=True, reverse=reverse)
    terms = jnp.where(hits, value[start] * _wide(factor, value), jnp.zeros_like(value, shape=()))
    return jax.ops.segment_sum(terms, end, csr.rows(reverse != adjoint))


def _factor_adjoint(cotangent: Array, *operands: Any, reverse: bool, adjoint: bool) -> Array:
    value = operands[-1]
    ends = (value, cotangent) if adjoint else (cotangent, value)
    return _edges_argmax(*operands[: SIZE + 3], *ends, reverse=reverse)


def _value_adjoint(cotangent: Array, *operands: Any, reverse: bool, adjoint: bool) -> Array:
    return _product_argmax(*operands[:-1], cotangent, reverse=reverse, adjoint=not adjoint)


_product_argmax = operation(
    "spmm_argmax_weighted",
    fixed=SIZE + 3,
    n_indices=SIZE,
    shape=lambda *operands, reverse, adjoint: _rows(operands[:SIZE], reverse != adjoint, operands[SIZE + 1]),
    on_cpu=_product_native,
    on_cuda=_product_native,
    elsewhere=_product_elsewhere,
    batch=_batch,
    adjoints=[_factor_adjoint, _value_adjoint],
)


def _edges_native(*operands: Array, reverse: bool) -> Array:
    *csr, weight, x, largest, a, b = operands
    arrays = CsrArrays(*csr)
    given = {"weight": weight, "x": x, "largest": largest, "a": a, "b": b, "transposed": reverse}
    return native_call(
        "sddmm_argmax", weight.shape, x.dtype, indptr=arrays.indptr, ids=arrays.senders, **given
    )


def _edges_elsewhere(*operands: Array, reverse: bool) -> Array:
    *arrays, a, b = operands
    start, end = CsrArrays(*arrays[:SIZE]).ends(reverse)
    weight = arrays[SIZE]
    product = jnp.where(
        _hits(*arrays, weighted=True, reverse=reverse), a[end] * b[start], jnp.zeros_like(a, shape=())
    )
    return product.reshape(*weight.shape, prod(product.shape[weight.ndim :])).sum(-1)


def _a_adjoint(cotangent: Array, *operands: Any, reverse: bool) -> Array:
    return _product_argmax(*operands[: SIZE + 3], cotangent, operands[-1], reverse=reverse, adjoint=False)


def _b_adjoint(cotangent: Array, *operands: Any, reverse: bool) -> Array:
    return _product_argmax(
        *operands[: SIZE + 3], cotangent, operands[SIZE + 3], reverse=reverse, adjoint=True
    )


_edges_argmax = operation(
    "sddmm_argmax",
    fixed=SIZE + 3,
    n_indices=SIZE,
    shape=lambda *operands, reverse: operands[SIZE].shape,
    on_cpu=_edges_native,
    on_cuda=_edges_native,
    elsewhere=_edges_elsewhere,
    batch=_batch,
    adjoints=[_a_adjoint, _b_adjoint],
)
