"""Rows by id and by segment on CUDA tensors; see heddle_kernels.torch.segment, softmax and sort.

Ids in any order are sorted first, by torch: each segment is then summed in one order, the same on every run.
"""

from math import prod

import torch
from torch import Tensor

from heddle_kernels import shapes
from heddle_kernels.cuda.device import fault, note_ids, stream, workspace
from heddle_kernels.cuda.library import call
from heddle_kernels.cuda.sparse import reduce_walk
from heddle_kernels.torch.define import float_code, id_code, pointer


def index_sort(ids: Tensor, num_values: int) -> tuple[Tensor, Tensor]:
    """Sort ids [n] in [0, num_values) stably: (order [n], indptr [num_values + 1]) in their dtype."""
    id_code("index_sort", ids)
    ordered, order = torch.sort(ids, stable=True)
    values = torch.arange(num_values + 1, dtype=ids.dtype, device=ids.device)
    indptr = torch.searchsorted(ordered, values, out_int32=ids.dtype is torch.int32)
    note_ids(indptr, ids.shape[0], ordered)
    return order.to(ids.dtype), indptr


def gather(x: Tensor, index: Tensor) -> Tensor:
    """Return rows of x [n, ...] by index [m]: [m, ...]; 0 for an id out of range, which `check` raises later."""
    x, index = x.contiguous(), index.contiguous()
    out = x.new_empty((index.shape[0], *x.shape[1:]))
    call(
        "gather",
        ids=index.data_ptr(),
        x=x.data_ptr(),
        out=out.data_ptr(),
        count=index.shape[0],
        x_rows=x.shape[0],
        row_bytes=prod(x.shape[1:]) * x.element_size(),
        index=id_code("gather", index),
        fault=fault(x).data_ptr(),
        stream=stream(x),
    )
    return out


def segment_reduce(data: Tensor, ids: Tensor, num_segments: int, how: str) -> Tensor:
    """Reduce each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Args:
        ids: [e] int in any order.
        how: "sum", "mean" or "max".
    """
    shapes.rows(f"segment_{how}", "segment_ids", ids.shape, data.shape[0], "as many as data has")
    order, indptr = index_sort(ids, num_segments)
    return reduce_walk(f"segment_{how}", indptr, order, None, None, data, 1, prod(data.shape[1:]), how)


def segment_softmax(data: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int) -> Tensor:
    """Softmax within each segment: [e, ...], [e] int -> [e, ...].

    `indptr` [num_segments + 1] says where each begins if ids are sorted, which spares sorting them; None if not.
    """
    return _softmax("segment_softmax", {"data": data}, ids, indptr, num_segments)


def segment_softmax_grad(
    y: Tensor, grad: Tensor, ids: Tensor, indptr: Tensor | None, num_segments: int
) -> Tensor:
    """Return y (grad - sum over the segment of y grad), the gradient of a softmax in its logits, [e, ...].

    Args:
        y, grad: the softmax and its gradient, [e, ...].
        ids: [e] int, the segment of each row.
        indptr: [num_segments + 1] where sorted ids begin; None for ids in any order.
    """
    return _softmax("segment_softmax_grad", {"y": y, "grad": grad}, ids, indptr, num_segments)


def _softmax(
    op: str, given: dict[str, Tensor], ids: Tensor, indptr: Tensor | None, num_segments: int
) -> Tensor:
    dense = {name: tensor.contiguous() for name, tensor in given.items()}
    data, order = next(iter(dense.values())), None
    shapes.rows(op, "segment_ids", ids.shape, data.shape[0], "as many as data has")
    if indptr is None:
        order, indptr = index_sort(ids, num_segments)
    indptr = indptr.contiguous()
    out = torch.zeros_like(data)  # what belongs to no segment
    sizes = {"count": data.shape[0], "segments": num_segments, "width": prod(data.shape[1:])}
    sizes["dtype"] = float_code(op, data)
    space = workspace("segment_softmax", data, **sizes)
    call(
        op,
        indptr=pointer(indptr),
        perm=pointer(order),
        **{name: pointer(tensor) for name, tensor in dense.items()},
        out=pointer(out),
        **sizes,
        index=id_code(op, indptr, order),
        workspace=space.data_ptr(),
        workspace_bytes=space.numel(),
        fault=fault(data).data_ptr(),
        stream=stream(data),
    )
    return out
