"""edge_sum on torch: values of edges summed at one of their ends. sddmm's "add" is differentiated by it."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.csr_arrays import SIZE, CsrArrays
from heddle_kernels.torch.define import call, define, float_code, id_code, in_second, multilinear, pointer


def edge_sum_on(arrays: CsrArrays, data: Tensor, at_senders: bool) -> Tensor:
    """Sum data [n_edges, ...] by receiver, or by sender: [n_receivers or n_senders, ...]; without edges 0."""
    out: Tensor = call("edge_sum", (data,), *arrays, data, at_senders)
    return out


def _cpu(*arguments: Any) -> Tensor:
    arrays, (data, at_senders) = CsrArrays.split(arguments)
    data = data.contiguous()
    indptr, ids, order = arrays.walk(at_senders)
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
    arrays, (data, at_senders) = CsrArrays.split(arguments)
    return data.new_empty((arrays.rows(at_senders), *data.shape[1:]))


def _setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(*given[:SIZE])
    ctx.at_senders = given.at_senders


def _backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    arrays, _ = CsrArrays.split(ctx.saved_tensors)
    nothing = grad.new_zeros((arrays.rows(not ctx.at_senders), *grad.shape[1:]))
    ends = (nothing, grad) if ctx.at_senders else (grad, nothing)
    return {"data": call("sddmm", ends, *arrays, *ends, "add")}


define(
    "edge_sum",
    _cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    jvp=multilinear(lambda given: edge_sum_on(CsrArrays(*given[:SIZE]), *given[SIZE:]), "data"),
    vmap=in_second("data"),
)
