"""Values of nodes taken to their edges, and values of edges summed at one end: each is the other's transpose."""

from math import prod
from typing import Any

import jax
from jax import Array

from heddle_kernels import library
from heddle_kernels.jax.compat import in_second, native_call, operation, widened
from heddle_kernels.jax.csr_arrays import SIZE, CsrArrays


def edge_take(csr: CsrArrays, x: Array, at_senders: bool) -> Array:
    """Give each edge the row of its receiver, or its sender: [n, ...] -> [n_edges, ...], in the adjacency's order."""
    return _take(*csr, x, at_senders=at_senders)


def edge_sum(csr: CsrArrays, data: Array, at_senders: bool) -> Array:
    """Sum data [n_edges, ...] by receiver, or by sender: [n, ...]; without edges 0."""
    return _sum(*csr, data, at_senders=at_senders)


def _take_shape(*operands: Any, at_senders: bool) -> tuple[int, ...]:
    return operands[1].shape[0], *operands[SIZE].shape[1:]


def _take_native(*operands: Array, at_senders: bool) -> Array:
    csr, x = CsrArrays(*operands[:SIZE]), operands[SIZE]
    ids = csr.senders if at_senders else csr.receivers
    row_bytes = prod(x.shape[1:]) * x.dtype.itemsize
    shape = _take_shape(*operands, at_senders=at_senders)
    return native_call("gather", shape, x.dtype, ids=ids, x=x, row_bytes=row_bytes)


def _take_elsewhere(*operands: Array, at_senders: bool) -> Array:
    csr = CsrArrays(*operands[:SIZE])
    return operands[SIZE][csr.senders if at_senders else csr.receivers]


def _sum_shape(*operands: Any, at_senders: bool) -> tuple[int, ...]:
    return CsrArrays(*operands[:SIZE]).rows(at_senders), *operands[SIZE].shape[1:]


def _sum_native(*operands: Array, at_senders: bool) -> Array:
    csr, data = CsrArrays(*operands[:SIZE]), operands[SIZE]
    walk = csr.walk(at_senders)
    ids = csr.senders if walk["perm"] is None else walk["perm"]  # of counted edges, none are read
    shape = _sum_shape(*operands, at_senders=at_senders)
    given = {"indptr": walk["indptr"], "ids": ids, "perm": None, "weight": None, "x": data}
    code = library.REDUCE["sum"]
    return native_call("spmm", shape, data.dtype, **given, reduce=code, counted=not at_senders)


def _sum_elsewhere(*operands: Array, at_senders: bool) -> Array:
    csr, data = CsrArrays(*operands[:SIZE]), operands[SIZE]
    ids = csr.senders if at_senders else csr.receivers
    wide = widened(data)
    return jax.ops.segment_sum(wide, ids, csr.rows(at_senders)).astype(data.dtype)


def _take_adjoint(cotangent: Array, *operands: Any, at_senders: bool) -> Array:
    return edge_sum(CsrArrays(*operands[:SIZE]), cotangent, at_senders)


def _sum_adjoint(cotangent: Array, *operands: Any, at_senders: bool) -> Array:
    return edge_take(CsrArrays(*operands[:SIZE]), cotangent, at_senders)


def _batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    return in_second(function, size, operands, axes, SIZE)


_take = operation(
    "edge_take",
    fixed=SIZE,
    shape=_take_shape,
    on_cpu=_take_native,
    on_cuda=_take_native,
    elsewhere=_take_elsewhere,
    batch=_batch,
    adjoints=[_take_adjoint],
)
_sum = operation(
    "edge_sum",
    fixed=SIZE,
    shape=_sum_shape,
    on_cpu=_sum_native,
    on_cuda=_sum_native,
    elsewhere=_sum_elsewhere,
    batch=_batch,
    adjoints=[_sum_adjoint],
)
