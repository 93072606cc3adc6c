"""sddmm on JAX; "add" is differentiated by the pair in edge_sum.py."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.jax.compat import in_second, native_call, operation, same_dtype, widened
from heddle_kernels.jax.csr_arrays import SIZE, CsrArrays
from heddle_kernels.jax.edge_sum import edge_take
from heddle_kernels.jax.spmm import weighted


def sddmm(adjacency: Adjacency, x: Array, y: Array, op: str) -> Array:
    """Combine both ends of each edge, in the adjacency's order.

    Args:
        adjacency: the edges.
        x: [n_receivers, ...] and y: [n_senders, ...].
        op: "add": x[receiver] + y[sender], [n_edges, ...]; "dot": their product summed over the last axis.

    Raises:
        GraphError: shapes that don't fit.
    """
    library.code(library.COMBINE, "sddmm", "op", op)
    csr = CsrArrays.of(adjacency)
    x, y = same_dtype(jnp.asarray(x), jnp.asarray(y))
    shapes.ends("sddmm", x.shape, y.shape, csr.rows(False), csr.rows(True))
    shapes.edge_values(x.shape, op)
    return _add(csr, x, y) if op == "add" else dot(*csr, x, y)


def _native(csr: CsrArrays, shape: tuple[int, ...], x: Array, y: Array, op: str) -> Array:
    walk = {"indptr": csr.indptr, "ids": csr.senders}
    return native_call("sddmm", shape, x.dtype, **walk, a=x, b=y, combine=library.COMBINE[op])


def _dot_shape(*operands: Any) -> tuple[int, ...]:
    return operands[1].shape[0], *operands[SIZE].shape[1:-1]


def _dot_native(*operands: Array) -> Array:
    *csr, x, y = operands
    return _native(CsrArrays(*csr), _dot_shape(*operands), x, y, "dot")


def _dot_elsewhere(*operands: Array) -> Array:
    *arrays, x, y = operands
    csr = CsrArrays(*arrays)
    product = widened(x[csr.receivers]) * widened(y[csr.senders])
    return product.sum(-1).astype(x.dtype)


def _x_adjoint(cotangent: Array, *operands: Any) -> Array:
    return weighted(*operands[:SIZE], cotangent, operands[-1], reduce="sum", transpose=False)


def _y_adjoint(cotangent: Array, *operands: Any) -> Array:
    return weighted(*operands[:SIZE], cotangent, operands[SIZE], reduce="sum", transpose=True)


def _batch(function: Any, size: int, operands: Any, axes: Any, params: Any) -> tuple[Array, int]:
    return in_second(function, size, operands, axes, SIZE)


dot = operation(
    "sddmm_dot",
    fixed=SIZE,
    shape=_dot_shape,
    on_cpu=_dot_native,
    on_cuda=_dot_native,
    elsewhere=_dot_elsewhere,
    batch=_batch,
    adjoints=[_x_adjoint, _y_adjoint],
)


def _sum_shape(*operands: Any) -> tuple[int, ...]:
    return operands[1].shape[0], *operands[SIZE].shape[1:]


def _sum_native(*operands: Array) -> Array:
    *csr, x, y = operands
    return _native(CsrArrays(*csr), _sum_shape(*operands), x, y, "add")


def _sum_elsewhere(*operands: Array) -> Array:
    *arrays, x, y = operands
    csr = CsrArrays(*arrays)
    return x[csr.receivers] + y[csr.senders]


_sum = operation(
    "sddmm_add",
    fixed=SIZE + 2,
    shape=_sum_shape,
    on_cpu=_sum_native,
    on_cuda=_sum_native,
    elsewhere=_sum_elsewhere,
    batch=_batch,
    n_indices=SIZE,
)


@jax.custom_jvp
def _add(csr: CsrArrays, x: Array, y: Array) -> Array:
    return _sum(*csr, x, y)


@_add.defjvp
def _add_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    csr = primals[0]
    _, x, y = tangents
    tangent = edge_take(csr, x, at_senders=False) + edge_take(csr, y, at_senders=True)
    return _add(*primals), tangent
