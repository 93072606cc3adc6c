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
    """Multiply groups of rows by a matrix each: [n, k], [g, k, m], [g] sizes -> [n, m]; `bias` is [g, m] or None.

    `transposed`: the matrices are [g, m, k]. Sizes lie on the device, or are sent there.

    Raises:
        GraphError: shapes that don't fit.
        TypeError: several dtypes, or none of float16, bfloat16, float32 and float64.
    """
    lhs, rhs = lhs.contiguous(), rhs.contiguous()
    sizes = sizes.to(lhs.device, non_blocking=True).contiguous()
    bias = None if bias is None else bias.contiguous()
    shapes.grouped(lhs.shape, rhs.shape, sizes.shape, None if bias is None else bias.shape, transposed)
    dtype, index = _dtype("segment_matmul", lhs, rhs, bias), id_code("segment_matmul", sizes)
    (n, k), groups, m = lhs.shape, rhs.shape[0], rhs.shape[1 if transposed else 2]
    if k == 0:
        return _biases(lhs, sizes, bias, m)
    out, space = lhs.new_empty((n, m)), workspace("matmul", lhs, groups=groups)
    call(
        "segment_matmul",
        lhs=pointer(lhs),
        rhs=pointer(rhs),
        bias=pointer(bias),
        sizes=pointer(sizes),
        out=pointer(out),
        n=n,
        groups=groups,
        k=k,
        m=m,
        transposed=transposed,
        dtype=dtype,
        index=index,
        precision=precision(),
        workspace=space.data_ptr(),
        workspace_bytes=space.numel(),
        fault=fault(lhs).data_ptr(),
        stream=stream(lhs),
    )
    return out


def segment_outer(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    """Multiply, per group of rows, lhs transposed by rhs: [n, k], [n, m], [g] sizes -> [g, k, m]; 0 for an empty group.

    Raises:
        TypeError: several dtypes, or none of float16, bfloat16, float32 and float64.
    """
    lhs, rhs = lhs.contiguous(), rhs.contiguous()
    sizes = sizes.to(lhs.device, non_blocking=True).contiguous()
    shapes.rows("segment_outer", "rhs", rhs.shape, lhs.shape[0], "as many as lhs")
    dtype, index = _dtype("segment_outer", lhs, rhs), id_code("segment_outer", sizes)
    (n, k), groups, m = lhs.shape, sizes.shape[0], rhs.shape[1]
    out = lhs.new_empty((groups, k, m))
    space = workspace("segment_outer", lhs, n=n, groups=groups, k=k, m=m, dtype=dtype)
    call(
        "segment_outer",
        lhs=pointer(lhs),
        rhs=pointer(rhs),
        sizes=pointer(sizes),
        out=pointer(out),
        n=n,
        groups=groups,
        k=k,
        m=m,
        dtype=dtype,
        index=index,
        precision=precision(),
        workspace=space.data_ptr(),
        workspace_bytes=space.numel(),
        fault=fault(lhs).data_ptr(),
        stream=stream(lhs),
    )
    return out


def grouped_matmul(lhs: Tensors, rhs: Tensors, bias: Tensors, transposed: bool) -> list[Tensor]:
    """Multiply pairs of matrices of any sizes: lhs[i] [n_i, k_i] @ rhs[i] [k_i, m_i] + bias[i] [m_i].

    `bias` is [] for none; `transposed`: rhs[i] is [m_i, k_i].

    Raises:
        GraphError: shapes that don't fit.
        TypeError: several dtypes, or none of float16, bfloat16, float32 and float64.
    """
    axis = 0 if transposed else 1
    outs = [a.new_empty((a.shape[0], b.shape[axis])) for a, b in zip(lhs, rhs)]
    for i, (a, out) in enumerate(zip(lhs, outs)):
        if a.shape[1] == 0:
            out.copy_(bias[i] if len(bias) else out.new_zeros(()))
    _pairs("grouped_matmul", lhs, rhs, bias, outs, 1, transposed=transposed)
    return outs


def grouped_outer(lhs: Tensors, rhs: Tensors) -> list[Tensor]:
    """Multiply lhs[i] [n_i, k_i] transposed by rhs[i] [n_i, m_i]: a list of [k_i, m_i].

    Raises:
        TypeError: several dtypes, or none of float16, bfloat16, float32 and float64.
    """
    outs = [a.new_zeros((a.shape[1], b.shape[1])) for a, b in zip(lhs, rhs)]
    _pairs("grouped_outer", lhs, rhs, (), outs, 0)
    return outs


def _pairs(
    op: str, lhs: Tensors, rhs: Tensors, bias: Tensors, outs: Tensors, inner: int, **flags: bool
) -> None:
    """Call a product of pairs for those whose inner axis, `inner` of lhs, is not empty; the others are done."""
    some = [i for i, a in enumerate(lhs) if a.shape[inner] and outs[i].numel()]
    if not some:
        return
    lists = {"lhs": lhs, "rhs": rhs} | ({"biases": bias} if len(bias) else {})
    dense = {name: [each[i].contiguous() for i in some] for name, each in lists.items()}
    dtype = _dtype(op, *(tensor for each in dense.values() for tensor in each))
    dense["outs"] = results = [outs[i] for i in some]
    shapes = np.array([(*a.shape, out.shape[1]) for a, out in zip(dense["lhs"], results)], np.int64)
    arrays = {name: np.array([t.data_ptr() for t in each], np.int64) for name, each in dense.items()}
    addresses: dict[str, int | None] = {name: array.ctypes.data for name, array in arrays.items()}
    if op == "grouped_matmul":
        addresses.setdefault("biases", None)
    space = workspace("matmul", results[0], groups=len(some))
    call(
        op,
        **addresses,
        shapes=shapes.ctypes.data,
        count=len(some),
        **flags,
        dtype=dtype,
        precision=precision(),
        workspace=space.data_ptr(),
        workspace_bytes=space.numel(),
        stream=stream(results[0]),
    )


def _dtype(op: str, *tensors: Tensor | None) -> int:
    some = [tensor for tensor in tensors if tensor is not None]
    dtypes = {tensor.dtype for tensor in some}
    if len(dtypes) > 1:
        names = " and ".join(sorted(map(str, dtypes)))
        raise TypeError(f"{op}: found {names}, expected one dtype; cast all to the same")
    return float_code(op, some[0])


def _biases(lhs: Tensor, sizes: Tensor, bias: Tensor | None, m: int) -> Tensor:
    """Return the product of lhs [n, 0]: zeros, or the bias of each row's group."""
    if bias is None:
        return lhs.new_zeros((lhs.shape[0], m))
    group = torch.repeat_interleave(sizes, output_size=lhs.shape[0])
    return bias[group]
