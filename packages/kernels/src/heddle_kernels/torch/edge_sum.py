"""edge_sum on torch: values of edges summed at one of their ends. sddmm's "add" is differentiated by it."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import define, float_code, id_code, pointer, recorded, refuse_batched
from heddle_kernels.torch.structure import SCHEMA, Structure


def edge_sum_on(structure: Structure, data: Tensor, at_senders: bool) -> Tensor:
    """Sum data [n_edges, ...] by receiver, or by sender: [n_receivers or n_senders, ...]; without edges 0."""
    operator = _edge_sum.recorded if recorded(data) else _edge_sum.forward
    return operator(*structure, data, at_senders)


def _cpu(*arguments: Any) -> Tensor:
    data, at_senders = arguments[5:]
    data = data.contiguous()
    indptr, ids, order = Structure(*arguments[:5]).walk(at_senders)
    n_edges = ids.shape[0]
    shapes.rows("edge_sum", "data", data.shape, n_edges, "the number of edges")
    out = _fake(*arguments)
    library.native.spmm(
        indptr=indptr.data_ptr(),
        ids=pointer(order),
        perm=None,
        weight=None,
        x=data.data_ptr(),
        out=out.data_ptr(),
        rows=out.shape[0],
        edges=n_edges,
        x_rows=n_edges,
        heads=1,
        width=prod(data.shape[1:]),
        dtype=float_code("edge_sum", data),
        index=id_code("edge_sum", indptr, ids),
        reduce=library.REDUCE["sum"],
        threads=torch.get_num_threads(),
    )
    return out


def _fake(*arguments: Any) -> Tensor:
    data, at_senders = arguments[5:]
    return data.new_empty((Structure(*arguments[:5]).rows(at_senders), *data.shape[1:]))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:5])
    ctx.at_senders = inputs[6]


def _backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    from heddle_kernels.torch.sddmm import sddmm_on

    structure = Structure(*ctx.saved_tensors)
    nothing = grad.new_zeros((structure.rows(not ctx.at_senders), *grad.shape[1:]))
    ends = (nothing, grad) if ctx.at_senders else (grad, nothing)
    return *(None,) * 5, sddmm_on(structure, *ends, "add"), None


def _vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("edge_sum", in_dims[:5])
    *structure, data, at_senders = arguments
    return op(*structure, data.movedim(in_dims[5], 1), at_senders), 1


_edge_sum = define(
    f"edge_sum({SCHEMA}, Tensor data, bool at_senders) -> Tensor",
    _cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    vmap=_vmap,
)
