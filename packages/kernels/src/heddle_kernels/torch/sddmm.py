"""sddmm on torch."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle.graphs.adjacency import Adjacency
from heddle_kernels import library, shapes
from heddle_kernels.torch.csr_arrays import SIZE, CsrArrays
from heddle_kernels.torch.define import call, define, float_code, id_code, in_second, recorded, total
from heddle_kernels.torch.edge_sum import edge_sum_on
from heddle_kernels.torch.spmm_sum import spmm_sum

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
        return _sddmm.recorded(*CsrArrays.of(adjacency), x, y, op)
    senders, _, indptr, _, t_receivers, t_indptr, t_order = adjacency
    return _sddmm.forward(indptr, senders, t_indptr, t_receivers, t_order, x, y, op)


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
    arrays, (x, _, op) = CsrArrays.split(arguments)
    return x.new_empty((arrays.senders.shape[0], *(x.shape[1:] if op == "add" else x.shape[1:-1])))


def _setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.op = given.op
    ctx.save_for_backward(*given[:SIZE], *((given.x, given.y) if given.op == "dot" else ()))


def _backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    arrays, ends = CsrArrays.split(ctx.saved_tensors)
    if ctx.op == "add":
        return {
            name: edge_sum_on(arrays, grad, at_senders)
            for name, at_senders in (("x", False), ("y", True))
            if getattr(wanted, name)
        }
    x, y = ends
    grads = {"x": spmm_sum(arrays, grad, y, "sum", False)} if wanted.x else {}
    return grads | ({"y": spmm_sum(arrays, grad, x, "sum", True)} if wanted.y else {})


def _jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
    def of(x: Tensor, y: Tensor) -> Tensor:
        product: Tensor = call("sddmm", (x, y), *given._replace(x=x, y=y))
        return product

    if given.op == "add":
        ends = [torch.zeros_like(x) if t is None else t for x, t in zip((given.x, given.y), tangents[SIZE:])]
        return of(*ends)
    terms = [of(tangents.x, given.y)] if tangents.x is not None else []
    return total(terms + ([of(given.x, tangents.y)] if tangents.y is not None else []))


_sddmm = define("sddmm", _cpu, _fake, setup=_setup, backward=_backward, jvp=_jvp, vmap=in_second("x", "y"))
