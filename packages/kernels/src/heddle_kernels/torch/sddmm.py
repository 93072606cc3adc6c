"""sddmm on torch."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.torch.define import batch_second, define, float_code, id_code, recorded, refuse_batched
from heddle_kernels.torch.edge_sum import edge_sum_on
from heddle_kernels.torch.spmm_sum import spmm_sum
from heddle_kernels.torch.structure import SCHEMA, Structure

_native_sddmm = library.native.sddmm
_COMBINE = library.COMBINE


def sddmm(adjacency: Adjacency, x: Tensor, y: Tensor, op: str) -> Tensor:
    """Combine both ends of each edge, in the adjacency's order.

    Args:
        adjacency: the edges, as tensors of one int dtype.
        x: [n_receivers, ...] and y: [n_senders, ...].
        op: "add": x[receiver] + y[sender], [n_edges, ...]; "dot": their product summed over the last axis.

    Raises:
        GraphError: shapes that don't fit, an id out of range.
    """
    if x.dtype != y.dtype:
        dtype = torch.promote_types(x.dtype, y.dtype)
        x, y = x.to(dtype), y.to(dtype)
    if recorded(x, y):
        return sddmm_on(Structure.of(adjacency), x, y, op)
    senders, _, indptr, _, t_receivers, t_indptr, t_order = adjacency
    return _sddmm.forward(indptr, senders, t_indptr, t_receivers, t_order, x, y, op)


def sddmm_on(structure: Structure, x: Tensor, y: Tensor, op: str) -> Tensor:
    """Call the operator that records what there is to record."""
    return (_sddmm.recorded if recorded(x, y) else _sddmm.forward)(*structure, x, y, op)


def _cpu(
    indptr: Tensor,
    senders: Tensor,
    t_indptr: Tensor,
    t_receivers: Tensor,
    t_order: Tensor,
    x: Tensor,
    y: Tensor,
    op: str,
) -> Tensor:
    indptr, senders, x, y = indptr.contiguous(), senders.contiguous(), x.contiguous(), y.contiguous()
    n_rows, n_edges, shape = indptr.shape[0] - 1, senders.shape[0], x.shape
    n_senders = t_indptr.shape[0] - 1
    shapes.ends("sddmm", shape, y.shape, n_rows, n_senders)
    heads, width = shapes.edge_values(shape, op)
    out = x.new_empty((n_edges, *(width if op == "add" else heads)))
    _native_sddmm(
        indptr=indptr.data_ptr(),
        ids=senders.data_ptr(),
        a=x.data_ptr(),
        b=y.data_ptr(),
        out=out.data_ptr(),
        rows=n_rows,
        edges=n_edges,
        b_rows=n_senders,
        heads=prod(heads),
        width=prod(width),
        dtype=float_code("sddmm", x),
        index=id_code("sddmm", indptr, senders),
        combine=_COMBINE.get(op, -1),
        threads=torch.get_num_threads(),
    )
    return out


def _fake(*arguments: Any) -> Tensor:
    x, _, op = arguments[5:]
    return x.new_empty((arguments[1].shape[0], *(x.shape[1:] if op == "add" else x.shape[1:-1])))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.op = inputs[7]
    ctx.save_for_backward(*inputs[: 7 if ctx.op == "dot" else 5])


def _backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    structure = Structure(*ctx.saved_tensors[:5])
    needs_x, needs_y = ctx.needs_input_grad[5:7]
    if ctx.op == "add":
        x_grad = edge_sum_on(structure, grad, False) if needs_x else None
        y_grad = edge_sum_on(structure, grad, True) if needs_y else None
    else:
        x, y = ctx.saved_tensors[5:]
        x_grad = spmm_sum(structure, grad, y, "sum", False) if needs_x else None
        y_grad = spmm_sum(structure, grad, x, "sum", True) if needs_y else None
    return *(None,) * 5, x_grad, y_grad, None


def _vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("sddmm", in_dims[:5])
    *structure, x, y, combine = arguments
    return op(*structure, batch_second(x, in_dims[5], size), batch_second(y, in_dims[6], size), combine), 1


_sddmm = define(
    f"sddmm({SCHEMA}, Tensor x, Tensor y, str op) -> Tensor",
    _cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    vmap=_vmap,
)
