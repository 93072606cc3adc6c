"""The operator under spmm on torch: any reduction forward, and the gradient of sums and means."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.csr_arrays import SIZE, CsrArrays, divided
from heddle_kernels.torch.define import batch_second, call, define, float_code, id_code, multilinear

_native_spmm = library.native.spmm
_REDUCE = library.REDUCE


def spmm_sum(arrays: CsrArrays, weight: Tensor | None, x: Tensor, reduce: str, transpose: bool) -> Tensor:
    """Return the weighted sum, or mean, of sender rows by receiver, and record the gradient if one is wanted.

    Args:
        weight: [n_edges, ...], or None for ones.
        x: [n_senders, ..., d]; [n_receivers, ..., d] if `transpose`.
        reduce: "sum" or "mean".
        transpose: whether senders receive.

    Returns: [n_receivers, ..., d], [n_senders, ..., d] if `transpose`; 0 for a node without edges.
    """
    out: Tensor = call("spmm", (x, weight), *arrays, weight, x, reduce, transpose)
    return out


def cpu(
    indptr: Tensor,
    senders: Tensor,
    t_indptr: Tensor,
    t_receivers: Tensor,
    t_order: Tensor,
    weight: Tensor | None,
    x: Tensor,
    reduce: str,
    transpose: bool,
) -> Tensor:
    """Reduce weighted sender rows by receiver on CPU tensors: the operator heddle::spmm.

    Args:
        indptr, senders, t_indptr, t_receivers, t_order: the arrays of an adjacency.
        weight: [n_edges, ...], or None for ones.
        x: [n_senders, ..., d]; [n_receivers, ..., d] if `transpose`.
        reduce: "sum", "mean" or "max".
        transpose: send from receivers to senders.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
        TypeError: dtypes that the library doesn't compute in.
    """
    rows, ids, far = (t_indptr, t_receivers, indptr) if transpose else (indptr, senders, t_indptr)
    rows, ids, x = rows.contiguous(), ids.contiguous(), x.contiguous()
    n_rows, n_edges, shape = rows.shape[0] - 1, ids.shape[0], x.shape
    if len(shape) == 0 or shape[0] != far.shape[0] - 1:
        shapes.rows("spmm", "x", shape, far.shape[0] - 1, "one for each node that sends")
    columns = shape[1:]
    if weight is None:
        heads, width = 1, prod(columns)
    else:
        weight = weight.contiguous()
        heads, width = shapes.heads("spmm", shape, weight.shape, n_edges)
    out = x.new_empty((n_rows, *columns))
    _native_spmm(
        indptr=rows.data_ptr(),
        ids=ids.data_ptr(),
        perm=t_order.contiguous().data_ptr() if transpose else None,
        weight=None if weight is None else weight.data_ptr(),
        x=x.data_ptr(),
        out=out.data_ptr(),
        rows=n_rows,
        edges=n_edges,
        x_rows=shape[0],
        heads=heads,
        width=width,
        dtype=float_code("spmm", x),
        index=id_code("spmm", rows, ids),
        reduce=_REDUCE.get(reduce, -1),
        threads=torch.get_num_threads(),
    )
    return out


def _fake(*arguments: Any) -> Tensor:
    arrays, (_, x, _, transpose) = CsrArrays.split(arguments)
    return x.new_empty((arrays.rows(transpose), *x.shape[1:]))


def _setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(*given[:SIZE], given.weight, given.x)
    ctx.reduce, ctx.transpose = given.reduce, given.transpose


def _backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    arrays, (weight, x) = CsrArrays.split(ctx.saved_tensors)
    if ctx.reduce == "mean":
        grad = divided(grad, arrays.degree(ctx.transpose))
    grads = {}
    if wanted.weight:
        ends = (x, grad) if ctx.transpose else (grad, x)
        grads["weight"] = _per_edge(arrays, ends, weight.ndim)
    if wanted.x:
        grads["x"] = spmm_sum(arrays, weight, grad, "sum", not ctx.transpose)
    return grads


def _per_edge(arrays: CsrArrays, ends: tuple[Tensor, Tensor], axes: int) -> Tensor:
    """Multiply both ends of each edge and sum all axes after the first `axes`: [n_edges, ...]."""
    x, y = ends
    width = prod(x.shape[axes:])
    x, y = x.reshape(*x.shape[:axes], width), y.reshape(*y.shape[:axes], width)
    products: Tensor = call("sddmm", (x, y), *arrays, x, y, "dot")
    return products


def _vmap(op: Any, size: int, dims: Any, given: Any) -> tuple[Tensor, int]:
    if given.weight is not None and dims.weight is None:  # one weight: the batch becomes more columns
        return op(*given._replace(x=given.x.movedim(dims.x, -1))), -1
    weight = batch_second(given.weight, dims.weight, size)
    return op(*given._replace(weight=weight, x=batch_second(given.x, dims.x, size))), 1


_spmm = define(
    "spmm",
    cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    jvp=multilinear(lambda given: call("spmm", (given.weight, given.x), *given), "weight", "x"),
    vmap=_vmap,
)
forward = _spmm.forward
