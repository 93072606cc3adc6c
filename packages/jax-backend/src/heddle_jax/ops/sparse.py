"""spmm on XLA alone: on CPUs jaxlib's CSR product, both ways along edges sorted once; elsewhere gather and sum."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCSR
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from heddle.graphs.adjacency import Adjacency
from heddle_jax.ops import segments

MOST_HEADS = 16
"""Each head is a product of its own; with more of them, going by edge costs less."""

_STRUCTURE = 6
"""Operands that say where values go: indptr, senders, receivers, and the way back: t_indptr, t_receivers, t_order."""


def spmm(adjacency: Adjacency, x: Array, weight: Array | None = None) -> Array:
    """Sum weighted sender rows by receiver: y[r] = sum over edges (s, r) of weight x[s]; 0 for one without edges.

    jaxlib's product has no gradient that keeps to sorted edges. This one is a primitive that is linear in x and in
    weight, and whose transpose in x is itself with the edges transposed; so it has derivatives of any order.

    Args:
        x: [n_senders, ..., d] floats.
        weight: [n_edges, ...] in the adjacency's order, in the dtype of x, one for each leading axis of x after the
            first; None for ones.

    Returns: [n_receivers, ..., d].
    """
    segments.position_dtype("spmm", adjacency.n_edges, x.shape[0])
    heads = () if weight is None else x.shape[1 : weight.ndim]
    if weight is None:
        weight = jnp.ones_like(x, shape=(adjacency.n_edges,))
    senders, receivers, indptr, _, t_receivers, t_indptr, t_order = adjacency
    csr = map(jnp.asarray, (indptr, senders, receivers, t_indptr, t_receivers, t_order))
    inner = x.shape[1 + len(heads) :]
    weight = weight.reshape(adjacency.n_edges, prod(heads))
    y = _bind(*csr, weight, x.reshape(x.shape[0], prod(heads), prod(inner)), transpose=False)
    return y.reshape(y.shape[0], *heads, *inner)


def _bind(*operands: Array, transpose: bool) -> Array:
    """Bind the primitive to a structure, weight [n_edges, heads] and x [n, heads, d]."""
    bound: Array = _spmm.bind(*alike(operands), transpose=transpose)
    return bound


def alike(operands: Sequence[Array]) -> Sequence[Array]:
    """Return operands, of any shapes, that vary over the same mesh axes, as primitives under shard_map must."""
    varying = [_varying(x) for x in operands]
    union = frozenset[Any]().union(*varying)
    return [
        jax.lax.pcast(x, tuple(union - axes), to="varying") if union - axes else x
        for x, axes in zip(operands, varying)
    ]


def lowering(compute: Callable[..., Array], exported: Callable[..., Array]) -> Any:
    """Return the rule that lowers a primitive to `compute`, or to `exported` where `jax.export` lowers it.

    What jaxlib's CSR product is compiled to has no guarantee to run on another version of it, so it isn't exported.
    """
    rules = [mlir.lower_fun(function, multiple_results=False) for function in (compute, exported)]

    def lower(context: Any, *operands: Any, **params: Any) -> Any:
        for_export = context.module_context.lowering_parameters.for_export
        return rules[bool(for_export)](context, *operands, **params)

    return lower


def _varying(x: Array) -> frozenset[Any]:
    """Return the mesh axes over which a value varies inside shard_map; where jax keeps them depends on its version."""
    aval = jax.typeof(x)
    axes: frozenset[Any] | None = getattr(aval, "vma", None)
    return axes if axes is not None else getattr(getattr(aval, "mat", None), "varying", frozenset())


def _by_edge(*operands: Array, transpose: bool) -> Array:
    indptr, senders, receivers, t_indptr, _, _, weight, x = operands
    start, end, n = (receivers, senders, t_indptr) if transpose else (senders, receivers, indptr)
    messages = segments.gather(x, start) * weight[:, :, None]
    return segments.segment_sum(messages, end, n.shape[0] - 1)


def _by_csr(*operands: Array, transpose: bool) -> Array:
    indptr, senders, _, t_indptr, t_receivers, t_order, weight, x = operands
    heads, n = weight.shape[1], x.shape[0]
    supported = x.dtype in (jnp.float32, jnp.float64) and indptr.dtype == jnp.int32
    if not supported or heads > MOST_HEADS or 0 in (n, weight.size, x.size):
        return _by_edge(*operands, transpose=transpose)
    if transpose:
        indptr, senders = t_indptr, t_receivers
        weight = weight.at[t_order].get(mode=segments.PROMISED, unique_indices=True)
    shape = indptr.shape[0] - 1, n
    rows = [BCSR((weight[:, i], senders, indptr), shape=shape) @ x[:, i] for i in range(heads)]
    return jnp.stack(rows, axis=1) if heads > 1 else rows[0][:, None]


def _abstract(*avals: Any, transpose: bool) -> Any:
    n = avals[3 if transpose else 0].shape[0] - 1
    return avals[-1].update(shape=(n, *avals[-1].shape[1:]), weak_type=False)


def _weight_jvp(tangent: Array, *operands: Array, transpose: bool) -> Array:
    return _bind(*operands[:_STRUCTURE], tangent, operands[-1], transpose=transpose)


def _x_jvp(tangent: Array, *operands: Array, transpose: bool) -> Array:
    return _bind(*operands[:-1], tangent, transpose=transpose)


def _transpose(cotangent: Any, *operands: Any, transpose: bool) -> list[Any]:
    *csr, weight, x = operands
    cotangents: list[Any] = [None] * len(operands)
    undefined = _STRUCTURE if ad.is_undefined_primal(weight) else _STRUCTURE + 1
    if type(cotangent) is ad.Zero:
        cotangents[undefined] = ad.Zero(operands[undefined].aval)
    elif undefined == _STRUCTURE:
        start, end = (csr[2], csr[1]) if transpose else (csr[1], csr[2])
        cotangents[undefined] = jnp.sum(
            segments.gather(jnp.asarray(x), start) * segments.gather(jnp.asarray(cotangent), end), axis=-1
        )
    else:
        cotangents[undefined] = _bind(*csr, weight, cotangent, transpose=not transpose)
    return cotangents


def _batch(operands: Any, axes: Any, transpose: bool) -> tuple[Array, int]:
    size = next(x.shape[axis] for x, axis in zip(operands, axes) if axis is not None)
    *csr, weight, x = operands
    if any(axis is not None for axis in axes[:_STRUCTURE]):  # one structure after another
        full = [
            jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)
            for x, axis in zip(operands, axes)
        ]
        return jax.lax.map(lambda each: _bind(*each, transpose=transpose), tuple(full)), 0
    if axes[-2] is None:  # one weight for the batch, which becomes more columns
        x = jnp.moveaxis(x, axes[-1], 2)
        y = _bind(*csr, weight, x.reshape(*x.shape[:2], size * x.shape[3]), transpose=transpose)
        return y.reshape(*y.shape[:2], size, x.shape[-1]), 2
    weight = jnp.moveaxis(weight, axes[-2], 1)
    if axes[-1] is None:
        x = jnp.broadcast_to(x[:, None], (x.shape[0], size, *x.shape[1:]))
    else:
        x = jnp.moveaxis(x, axes[-1], 1)
    heads = weight.shape[1] * weight.shape[2]
    y = _bind(
        *csr,
        weight.reshape(weight.shape[0], heads),
        x.reshape(x.shape[0], heads, x.shape[-1]),
        transpose=transpose,
    )
    return y.reshape(y.shape[0], size, weight.shape[2], x.shape[-1]), 1


_spmm = Primitive("heddle_xla_spmm")
_spmm.def_abstract_eval(_abstract)
_spmm.def_impl(jax.jit(_spmm.bind, static_argnames="transpose"))
ad.defjvp(_spmm, *(None,) * _STRUCTURE, _weight_jvp, _x_jvp)
ad.primitive_transposes[_spmm] = _transpose
batching.primitive_batchers[_spmm] = _batch
mlir.register_lowering(_spmm, mlir.lower_fun(_by_edge, multiple_results=False))
mlir.register_lowering(_spmm, lowering(_by_csr, _by_edge), platform="cpu")
