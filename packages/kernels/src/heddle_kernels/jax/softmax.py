"""Softmax within segments on JAX."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.graphs.adjacency import Adjacency
from heddle_kernels.jax.compat import in_second, native_call, operation, widened
from heddle_kernels.jax.gather import checked, gather_rows, largest, sum_rows


def segment_softmax(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Softmax within each segment: [e, ...], [e] int below `num_segments`, in any order -> [e, ...].

    A segment of -inf alone gives 0, not NaN.
    """
    data, ids = checked("segment_softmax", data, segment_ids)
    return _softmax(ids, jnp.zeros_like(ids, shape=(0,)), data, int(num_segments))


def edge_softmax(adjacency: Adjacency, logits: Array) -> Array:
    """Softmax over the edges that each receiver receives: [n_edges, ...], as `segment_softmax`."""
    data, ids = checked("edge_softmax", logits, adjacency.receivers)
    return _softmax(ids, jnp.asarray(adjacency.indptr), data, adjacency.n_receivers)


# Operands: ids, then where each segment begins, or nothing if ids don't rise; then values.


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def _softmax(ids: Array, indptr: Array, data: Array, n: int) -> Array:
    return _forward(ids, indptr, data, n=n)


@_softmax.defjvp
def _softmax_jvp(n: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    ids, indptr, data = primals
    y = _softmax(ids, indptr, data, n)
    return y, _gradient(ids, indptr, y, tangents[2], n=n)


def _forward_cpu(ids: Array, indptr: Array, data: Array, n: int) -> Array:
    return native_call("segment_softmax", data.shape, data.dtype, ids=ids, data=data, segments=n)


def _forward_cuda(ids: Array, indptr: Array, data: Array, n: int) -> Array:
    if not indptr.shape[0]:
        return _forward_elsewhere(ids, indptr, data, n)
    return native_call("edge_softmax", data.shape, data.dtype, indptr=indptr, data=data)


def _forward_elsewhere(ids: Array, indptr: Array, data: Array, n: int) -> Array:
    wide = widened(data)
    most = largest(ids, wide, n=n)
    exps = jnp.exp(wide - jnp.where(jnp.isfinite(most), most, jnp.zeros_like(most))[ids])
    total = jax.ops.segment_sum(exps, ids, n)
    return (exps / jnp.where(total > 0, total, jnp.ones_like(total))[ids]).astype(data.dtype)


def _gradient_cpu(ids: Array, indptr: Array, y: Array, grad: Array, n: int) -> Array:
    return native_call("segment_softmax_grad", y.shape, y.dtype, ids=ids, y=y, grad=grad, segments=n)


def _gradient_cuda(ids: Array, indptr: Array, y: Array, grad: Array, n: int) -> Array:
    if not indptr.shape[0]:
        return _gradient_elsewhere(ids, indptr, y, grad, n)
    return native_call("edge_softmax_grad", y.shape, y.dtype, indptr=indptr, y=y, grad=grad)


def _gradient_elsewhere(ids: Array, indptr: Array, y: Array, grad: Array, n: int) -> Array:
    return y * (grad - jax.ops.segment_sum(y * grad, ids, n)[ids])


def _y_jvp(tangent: Array, ids: Array, indptr: Array, y: Array, grad: Array, n: int) -> Array:
    inner = gather_rows(ids, sum_rows(ids, y * grad, n=n))
    return tangent * (grad - inner) - y * gather_rows(ids, sum_rows(ids, tangent * grad, n=n))


def _y_adjoint(cotangent: Array, *operands: Any, n: int) -> Array:
    raise AssertionError("the gradient of a softmax is not linear in the softmax")


def _grad_adjoint(cotangent: Array, ids: Array, indptr: Array, y: Array, grad: Any, n: int) -> Array:
    return _gradient(ids, indptr, y, cotangent, n=n)  # symmetric


def _batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    return in_second(function, size, operands, axes, 2)


_forward = operation(
    "segment_softmax",
    fixed=3,
    n_indices=2,
    shape=lambda ids, indptr, data, n: data.shape,
    on_cpu=_forward_cpu,
    on_cuda=_forward_cuda,
    elsewhere=_forward_elsewhere,
    batch=_batch,
)
_gradient = operation(
    "segment_softmax_grad",
    fixed=2,
    shape=lambda ids, indptr, y, grad, n: y.shape,
    on_cpu=_gradient_cpu,
    on_cuda=_gradient_cuda,
    elsewhere=_gradient_elsewhere,
    batch=_batch,
    adjoints=[_y_adjoint, _grad_adjoint],
    jvps={2: _y_jvp},
)
