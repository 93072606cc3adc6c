"""Rows taken to edges, and rows of edges summed at one end, on XLA alone: each is the other's transpose.

On CPUs the sums go through jaxlib's CSR product along edges sorted once; XLA's scatter uses one processor.
"""

from collections.abc import Callable
from functools import partial
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
from heddle_jax.ops.sparse import alike, lowering

NARROW = 16
"""Columns below which XLA's scatter is faster than the CSR product."""

_STRUCTURE = 3
"""Operands that say where values go: ids of one end, indptr and the edges' order by that end (empty: as they are)."""


def edge_take(adjacency: Adjacency, x: Array, at: str) -> Array:
    """Give each edge the row of its "receivers" or "senders" end: [n, ...] floats -> [n_edges, ...]."""
    y: Array = _take.bind(*alike((*_csr(adjacency, at), x.reshape(x.shape[0], prod(x.shape[1:])))))
    return y.reshape(y.shape[0], *x.shape[1:])


def edge_sum(adjacency: Adjacency, data: Array, at: str) -> Array:
    """Sum [n_edges, ...] floats by the "receivers" or the "senders" of their edges: [n, ...], 0 without edges."""
    rows = data.reshape(data.shape[0], prod(data.shape[1:]))
    y: Array = _sum.bind(*alike((*_csr(adjacency, at), rows)))
    return y.reshape(y.shape[0], *data.shape[1:])


def _csr(adjacency: Adjacency, at: str) -> tuple[Array, ...]:
    if at == "senders":
        parts = adjacency.senders, adjacency.t_indptr, adjacency.t_order
    else:
        parts = adjacency.receivers, adjacency.indptr, adjacency.indptr[:0]
    segments.position_dtype("edges", adjacency.n_edges)
    ids, indptr, order = map(jnp.asarray, parts)
    return ids, indptr, order


def _take_rows(ids: Array, indptr: Array, order: Array, x: Array) -> Array:
    return segments.gather(x, ids)


def _sum_by_edge(ids: Array, indptr: Array, order: Array, data: Array) -> Array:
    return segments.segment_sum(data, ids, indptr.shape[0] - 1)


def _sum_by_csr(ids: Array, indptr: Array, order: Array, data: Array) -> Array:
    n, e = indptr.shape[0] - 1, data.shape[0]
    supported = data.dtype in (jnp.float32, jnp.float64) and indptr.dtype == jnp.int32
    if not supported or data.shape[1] < NARROW or 0 in (n, data.size):
        return _sum_by_edge(ids, indptr, order, data)
    columns = order if order.shape[0] else jnp.arange(e, dtype=indptr.dtype)
    summed: Array = BCSR((jnp.ones_like(data, shape=(e,)), columns, indptr), shape=(n, e)) @ data
    return summed


def _primitive(name: str, rows: Callable[..., int], elsewhere: Any, on_cpu: Any) -> Primitive:
    made = Primitive(name)

    def abstract(*avals: Any) -> Any:
        return avals[-1].update(shape=(rows(*avals), avals[-1].shape[1]), weak_type=False)

    def jvp(tangent: Array, *operands: Array) -> Any:
        return made.bind(*alike((*operands[:-1], tangent)))

    made.def_abstract_eval(abstract)
    made.def_impl(jax.jit(made.bind))
    ad.defjvp(made, *(None,) * _STRUCTURE, jvp)
    batching.primitive_batchers[made] = partial(_batch, made)
    mlir.register_lowering(made, mlir.lower_fun(elsewhere, multiple_results=False))
    mlir.register_lowering(made, lowering(on_cpu, elsewhere), platform="cpu")
    return made


def _batch(made: Primitive, operands: Any, axes: Any) -> tuple[Array, int]:
    *csr, x = operands
    if all(axis is None for axis in axes[:_STRUCTURE]):  # the batch becomes more columns
        x = jnp.moveaxis(x, axes[-1], 1)
        y: Array = made.bind(*alike((*csr, x.reshape(x.shape[0], prod(x.shape[1:])))))
        return y.reshape(y.shape[0], *x.shape[1:]), 1
    batched = [jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes) if axis is not None]

    def one(rows: list[Array]) -> Any:
        rest = iter(rows)
        return made.bind(*alike([x if axis is None else next(rest) for x, axis in zip(operands, axes)]))

    return jax.lax.map(one, batched), 0  # one structure after another


def _transpose(into: Primitive, cotangent: Any, *operands: Any) -> list[Any]:
    zero = type(cotangent) is ad.Zero
    cotangent_in = ad.Zero(operands[-1].aval) if zero else into.bind(*alike((*operands[:-1], cotangent)))
    return [None] * _STRUCTURE + [cotangent_in]


_take = _primitive("heddle_xla_edge_take", lambda ids, indptr, order, x: ids.shape[0], _take_rows, _take_rows)
_sum = _primitive(
    "heddle_xla_edge_sum", lambda ids, indptr, order, data: indptr.shape[0] - 1, _sum_by_edge, _sum_by_csr
)
ad.primitive_transposes[_take] = partial(_transpose, _sum)
ad.primitive_transposes[_sum] = partial(_transpose, _take)
