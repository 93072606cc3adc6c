"""The operator under spmm on torch: any reduction forward, and the gradient of sums and means."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import batch_second, define, float_code, id_code, recorded, refuse_batched
from heddle_kernels.torch.structure import SCHEMA, Structure

_native_spmm = library.native.spmm
_REDUCE = library.REDUCE


def spmm_sum(structure: Structure, weight: Tensor | None, x: Tensor, reduce: str, transpose: bool) -> Tensor:
    """Call the operator that records what there is to record, for a sum or a mean."""
    operator = _spmm.recorded if recorded(x, weight) else _spmm.forward
    return operator(*structure, weight, x, reduce, transpose)


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
    """Run the operator on CPU tensors."""
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
    _, x, _, transpose = arguments[5:]
    return x.new_empty((Structure(*arguments[:5]).rows(transpose), *x.shape[1:]))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:7])
    ctx.reduce, ctx.transpose = inputs[7:]


def _backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    structure = Structure(*ctx.saved_tensors[:5])
    weight, x = ctx.saved_tensors[5:]
    if ctx.reduce == "mean":
        grad = grad / structure.degree(ctx.transpose, grad)
    weight_grad = x_grad = None
    if ctx.needs_input_grad[5]:
        weight_grad = _per_edge(structure, (x, grad) if ctx.transpose else (grad, x), weight.ndim)
    if ctx.needs_input_grad[6]:
        x_grad = spmm_sum(structure, weight, grad, "sum", not ctx.transpose)
    return *(None,) * 5, weight_grad, x_grad, None, None


def _per_edge(structure: Structure, ends: tuple[Tensor, Tensor], axes: int) -> Tensor:
    """Multiply both ends of each edge and sum all axes after the first `axes`: [n_edges, ...]."""
    x, y = ends
    from heddle_kernels.torch.sddmm import sddmm_on

    width = prod(x.shape[axes:])
    x, y = x.reshape(*x.shape[:axes], width), y.reshape(*y.shape[:axes], width)
    return sddmm_on(structure, x, y, "dot")


def _vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("spmm", in_dims[:5])
    *structure, weight, x, reduce, transpose = arguments
    if weight is not None and in_dims[5] is None:  # one weight for the batch: the batch becomes more columns
        return op(*structure, weight, x.movedim(in_dims[6], -1), reduce, transpose), -1
    weight, x = batch_second(weight, in_dims[5], size), batch_second(x, in_dims[6], size)
    return op(*structure, weight, x, reduce, transpose), 1


_spmm = define(
    f"spmm({SCHEMA}, Tensor? weight, Tensor x, str reduce, bool transpose) -> Tensor",
    cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    vmap=_vmap,
)
forward = _spmm.forward
