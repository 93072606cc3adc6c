"""Grouped products on CUDA tensors; see heddle_kernels.torch.segment_matmul and grouped_matmul."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from heddle_kernels import shapes
from heddle_kernels.cuda.device import fault, precision, stream, workspace
from heddle_kernels.cuda.library import call
from heddle_kernels.torch.define import float_code, id_code, pointer

Tensors = Sequence[Tensor]


def segment_matmul(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    """Multiply groups of rows by a matrix each; `sizes` lies on the device, or is sent there."""
    lhs, rhs = lhs.contiguous(), rhs.contiguous()
    sizes = sizes.to(lhs.device, non_blocking=True).contiguous()
    bias = None if bias is None else bias.contiguous()
    shapes.grouped(lhs.shape, rhs.shape, sizes.shape, None if bias is None else bias.shape, transposed)
    dtype, index = _dtype("segment_matmul", lhs, rhs, bias), id_code("segment_matmul", sizes)
    (n, k), groups, m = lhs.shape, rhs.shape[0], rhs.shape[1 if transposed else 2]
    if k == 0:
        return _biases(lhs, sizes, bias, m)
    out, space = lhs.new_empty((n, m)), workspace("matmul", lhs, groups)
    addresses = *map(pointer, (lhs, rhs, bias, sizes, out)), n, groups, k, m, transposed, dtype, index
    given = precision(), space.data_ptr(), space.numel(), fault(lhs).data_ptr(), stream(lhs)
    call("segment_matmul", *addresses, *given)
    return out


def segment_outer(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    """Multiply, per group of rows, lhs transposed by rhs; 0 for a group without rows."""
    lhs, rhs = lhs.contiguous(), rhs.contiguous()
    sizes = sizes.to(lhs.device, non_blocking=True).contiguous()
    shapes.rows("segment_outer", "rhs", rhs.shape, lhs.shape[0], "as many as lhs")
    dtype, index = _dtype("segment_outer", lhs, rhs), id_code("segment_outer", sizes)
    (n, k), groups, m = lhs.shape, sizes.shape[0], rhs.shape[1]
    out = lhs.new_empty((groups, k, m))
    space = workspace("segment_outer", lhs, n, groups, k, m, dtype)
    addresses = *map(pointer, (lhs, rhs, sizes, out)), n, groups, k, m, dtype, index
    given = precision(), space.data_ptr(), space.numel(), fault(lhs).data_ptr(), stream(lhs)
    call("segment_outer", *addresses, *given)
    return out


def grouped_matmul(lhs: Tensors, rhs: Tensors, bias: Tensors, transposed: bool) -> list[Tensor]:
    """Multiply pairs of matrices of any sizes."""
    axis = 0 if transposed else 1
    outs = [a.new_empty((a.shape[0], b.shape[axis])) for a, b in zip(lhs, rhs)]
    for i, (a, out) in enumerate(zip(lhs, outs)):
        if a.shape[1] == 0:
            out.copy_(bias[i] if len(bias) else out.new_zeros(()))
    _pairs("grouped_matmul", lhs, rhs, bias, outs, 1, (transposed,))
    return outs


def grouped_outer(lhs: Tensors, rhs: Tensors) -> list[Tensor]:
    """Multiply lhs[i] transposed by rhs[i]."""
    outs = [a.new_zeros((a.shape[1], b.shape[1])) for a, b in zip(lhs, rhs)]
    _pairs("grouped_outer", lhs, rhs, (), outs, 0, ())
    return outs


def _pairs(
    op: str, lhs: Tensors, rhs: Tensors, bias: Tensors, outs: Tensors, inner: int, flags: tuple[bool, ...]
) -> None:
    """Call a product of pairs for those whose inner axis, `inner` of lhs, is not empty; the others are done."""
    some = [i for i, a in enumerate(lhs) if a.shape[inner] and outs[i].numel()]
    if not some:
        return
    lists = [[each[i].contiguous() for i in some] for each in (lhs, rhs, *((bias,) if len(bias) else ()))]
    results = [outs[i] for i in some]
    dtype = _dtype(op, *(tensor for each in lists for tensor in each))
    sizes = np.array([(*a.shape, out.shape[1]) for a, out in zip(lists[0], results)], np.int64)
    arrays = [np.array([t.data_ptr() for t in each], np.int64) for each in (*lists, results)]
    addresses: list[int | None] = [array.ctypes.data for array in arrays]
    if op == "grouped_matmul" and not len(bias):
        addresses.insert(2, None)
    space = workspace("matmul", results[0], len(some))
    given = precision(), space.data_ptr(), space.numel(), stream(results[0])
    call(op, *addresses, sizes.ctypes.data, len(some), *flags, dtype, *given)


def _dtype(op: str, *tensors: Tensor | None) -> int:
    some = [tensor for tensor in tensors if tensor is not None]
    found = {tensor.dtype for tensor in some}
    if len(found) > 1:
        names = " and ".join(sorted(map(str, found)))
        raise TypeError(f"{op}: found {names}, expected one dtype; cast all to the same")
    return float_code(op, some[0])


def _biases(lhs: Tensor, sizes: Tensor, bias: Tensor | None, m: int) -> Tensor:
    """Return the product of lhs [n, 0]: zeros, or the bias of each row's group."""
    if bias is None:
        return lhs.new_zeros((lhs.shape[0], m))
    group = torch.repeat_interleave(sizes, output_size=lhs.shape[0])
    return bias[group]
