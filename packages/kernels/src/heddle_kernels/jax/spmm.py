"""spmm on JAX: sums and means, with and without weights; the maximum is in spmm_max.py."""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.jax.compat import (
    OPERATIONS,
    in_second,
    native_call,
    operation,
    same_dtype,
    second,
    widened,
)
from heddle_kernels.jax.csr_arrays import SIZE, CsrArrays
from heddle_kernels.jax.spmm_max import spmm_max


def spmm(
    adjacency: Adjacency,
    x: Array,
    weight: Array | None = None,
    *,
    reduce: str = "sum",
    transpose: bool = False,
) -> Array:
    """Reduce weighted sender rows by receiver: y[r] = reduce over edges (s, r) of weight x[s].

    Args:
        adjacency: the edges.
        x: [n_senders, ..., d].
        weight: None for ones, or [n_edges, ...] in the adjacency's order, matching x's axes after the first.
        reduce: "sum", "mean" (by the number of edges) or "max" (ties share the gradient).
        transpose: send from receivers to senders instead: x [n_receivers, ..., d] -> [n_senders, ..., d].

    Returns: [n_receivers, ..., d]; 0 for a receiver without edges.

    Raises:
        GraphError: shapes that don't fit.
    """
    library.code(library.REDUCE, "spmm", "reduce", reduce)
    csr = CsrArrays.of(adjacency)
    shapes.rows("spmm", "x", x.shape, csr.rows(not transpose), "one for each node that sends")
    shapes.heads("spmm", x.shape, None if weight is None else weight.shape, csr.senders.shape[0])
    if weight is None:
        (x,) = same_dtype(jnp.asarray(x))
    else:
        weight, x = same_dtype(jnp.asarray(weight), jnp.asarray(x))
    if reduce == "max":
        return spmm_max(csr, weight, x, transpose)
    if weight is None:
        return plain(*csr, x, reduce=reduce, transpose=transpose)
    return weighted(*csr, weight, x, reduce=reduce, transpose=transpose)


def _plain_native(*operands: Array, reduce: str, transpose: bool) -> Array:
    *csr, x = operands
    walk = CsrArrays(*csr).walk(transpose)
    shape = _plain_shape(*operands, reduce=reduce, transpose=transpose)
    code = library.REDUCE[reduce]
    return native_call("spmm", shape, x.dtype, **walk, weight=None, x=x, reduce=code, counted=0)


def _plain_shape(*operands: Any, reduce: str, transpose: bool) -> tuple[int, ...]:
    return CsrArrays(*operands[:SIZE]).rows(transpose), *operands[SIZE].shape[1:]


def _plain_elsewhere(*operands: Array, reduce: str, transpose: bool) -> Array:
    csr, x = CsrArrays(*operands[:SIZE]), operands[SIZE]
    return _sum_elsewhere(csr, x[csr.ends(transpose)[0]], reduce, transpose)


def _sum_elsewhere(csr: CsrArrays, messages: Array, reduce: str, transpose: bool) -> Array:
    """Sum messages where they go, in float32 at least, as the library does."""
    wide = widened(messages)
    out = jax.ops.segment_sum(wide, csr.ends(transpose)[1], csr.rows(transpose))
    if reduce == "mean":
        out = csr.divided(transpose, out)
    return out.astype(messages.dtype)


def _plain_adjoint(cotangent: Array, *operands: Any, reduce: str, transpose: bool) -> Array:
    csr = CsrArrays(*operands[:SIZE])
    if reduce == "mean":
        cotangent = csr.divided(transpose, cotangent)
    return plain(*csr, cotangent, reduce="sum", transpose=not transpose)


def _plain_batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    return in_second(function, size, operands, axes, SIZE)


plain = operation(
    "spmm",
    fixed=SIZE,
    shape=_plain_shape,
    on_cpu=_plain_native,
    on_cuda=_plain_native,
    elsewhere=_plain_elsewhere,
    batch=_plain_batch,
    adjoints=[_plain_adjoint],
)


def _weighted_native(*operands: Array, reduce: str, transpose: bool) -> Array:
    *csr, weight, x = operands
    walk = CsrArrays(*csr).walk(transpose)
    shape = _weighted_shape(*operands, reduce=reduce, transpose=transpose)
    code = library.REDUCE[reduce]
    return native_call("spmm", shape, x.dtype, **walk, weight=weight, x=x, reduce=code, counted=0)


def _weighted_shape(*operands: Any, reduce: str, transpose: bool) -> tuple[int, ...]:
    return CsrArrays(*operands[:SIZE]).rows(transpose), *operands[SIZE + 1].shape[1:]


def _weighted_elsewhere(*operands: Array, reduce: str, transpose: bool) -> Array:
    *arrays, weight, x = operands
    csr = CsrArrays(*arrays)
    messages = x[csr.ends(transpose)[0]] * weight.reshape(*weight.shape, *(1,) * (x.ndim - weight.ndim))
    return _sum_elsewhere(csr, messages, reduce, transpose)


def _weight_adjoint(cotangent: Array, *operands: Any, reduce: str, transpose: bool) -> Array:
    *arrays, weight, x = operands
    csr = CsrArrays(*arrays)
    if reduce == "mean":
        cotangent = csr.divided(transpose, cotangent)
    axes = weight.aval.ndim
    ends = (x, cotangent) if transpose else (cotangent, x)
    dot = OPERATIONS["sddmm_dot"].bind
    return dot(*csr, *(end.reshape(*end.shape[:axes], prod(end.shape[axes:])) for end in ends))


def _value_adjoint(cotangent: Array, *operands: Any, reduce: str, transpose: bool) -> Array:
    csr, weight = CsrArrays(*operands[:SIZE]), operands[SIZE]
    if reduce == "mean":
        cotangent = csr.divided(transpose, cotangent)
    return weighted(*csr, weight, cotangent, reduce="sum", transpose=not transpose)


def _weighted_batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    *csr, weight, x = operands
    if axes[SIZE] is None:  # one weight for the batch: the batch becomes more columns
        return function(*csr, weight, jnp.moveaxis(x, axes[-1], -1)), x.ndim - 1
    return function(*csr, second(weight, axes[SIZE], size), second(x, axes[-1], size)), 1


weighted = operation(
    "spmm_weighted",
    fixed=SIZE,
    shape=_weighted_shape,
    on_cpu=_weighted_native,
    on_cuda=_weighted_native,
    elsewhere=_weighted_elsewhere,
    batch=_weighted_batch,
    adjoints=[_weight_adjoint, _value_adjoint],
)
