"""segment_matmul on torch, and the outer products by which it is differentiated: each is the other's derivative."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import define, float_code, id_code, pointer, recorded, refuse_batched


def segment_matmul(
    lhs: Tensor, rhs: Tensor, group_sizes: Tensor | np.ndarray, bias: Tensor | None = None
) -> Tensor:
    """Multiply groups of rows by a matrix each: row i of group g gives lhs[i] @ rhs[g] + bias[g].

    Args:
        lhs: [n, k], the rows of group 0, then those of group 1 ...
        rhs: [groups, k, m].
        group_sizes: [groups] int on the CPU, rows of each group; they sum to n, and 0 is a size too.
        bias: [groups, m], or None.

    Returns: [n, m].

    Raises:
        GraphError: shapes that don't fit, sizes that don't sum to n.
    """
    if not isinstance(group_sizes, Tensor):
        group_sizes = torch.from_numpy(np.asarray(group_sizes))
    return _product(lhs, rhs, group_sizes, bias, False)


def _product(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    operator = _segment_matmul.recorded if recorded(lhs, rhs, bias) else _segment_matmul.forward
    return operator(lhs, rhs, sizes, bias, transposed)


def _outer(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    """Multiply, per group of rows, lhs transposed by rhs: [n, k], [n, m], [groups] -> [groups, k, m]."""
    return (_segment_outer.recorded if recorded(lhs, rhs) else _segment_outer.forward)(lhs, rhs, sizes)


def _cpu(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    lhs, rhs, sizes = lhs.contiguous(), rhs.contiguous(), sizes.contiguous()
    bias = None if bias is None else bias.contiguous()
    shapes.grouped(lhs.shape, rhs.shape, sizes.shape, None if bias is None else bias.shape, transposed)
    _same_dtype(lhs, rhs, bias)
    out = _fake(lhs, rhs, sizes, bias, transposed)
    library.native.segment_matmul(
        lhs=lhs.data_ptr(),
        rhs=rhs.data_ptr(),
        bias=pointer(bias),
        sizes=sizes.data_ptr(),
        out=out.data_ptr(),
        n=lhs.shape[0],
        groups=rhs.shape[0],
        k=lhs.shape[1],
        m=out.shape[1],
        transposed=transposed,
        dtype=float_code("segment_matmul", lhs),
        index=id_code("segment_matmul", sizes),
        threads=torch.get_num_threads(),
    )
    return out


def _same_dtype(*tensors: Tensor | None) -> None:
    found = {tensor.dtype for tensor in tensors if tensor is not None}
    if len(found) > 1:
        names = " and ".join(sorted(map(str, found)))
        raise TypeError(f"segment_matmul: found {names}, expected one dtype; cast all to the same")


def _fake(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    return lhs.new_empty((lhs.shape[0], rhs.shape[1 if transposed else 2]))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, _, ctx.transposed = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    lhs, rhs, sizes = ctx.saved_tensors
    lhs_grad = rhs_grad = bias_grad = None
    if ctx.needs_input_grad[0]:
        lhs_grad = _product(grad, rhs, sizes, None, not ctx.transposed)
    if ctx.needs_input_grad[1]:
        rhs_grad = _outer(grad, lhs, sizes) if ctx.transposed else _outer(lhs, grad, sizes)
    if ctx.needs_input_grad[3]:
        bias_grad = _outer(grad.new_ones((grad.shape[0], 1)), grad, sizes)[:, 0]
    return lhs_grad, rhs_grad, None, bias_grad, None


def _vmap(op: Any, size: int, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    refuse_batched("segment_matmul", in_dims[2:3])
    return torch.stack([op(*_example(arguments, in_dims, i)) for i in range(size)]), 0


def _example(arguments: tuple[Any, ...], in_dims: tuple[int | None, ...], at: int) -> list[Any]:
    return [a if dim is None else a.select(dim, at) for a, dim in zip(arguments, in_dims)]


_segment_matmul = define(
    "segment_matmul(Tensor lhs, Tensor rhs, Tensor group_sizes, Tensor? bias, bool transposed) -> Tensor",
    _cpu,
    _fake,
    setup=_setup,
    backward=_backward,
    vmap=_vmap,
)


def _outer_cpu(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    lhs, rhs, sizes = lhs.contiguous(), rhs.contiguous(), sizes.contiguous()
    shapes.rows("segment_outer", "rhs", rhs.shape, lhs.shape[0], "as many as lhs")
    _same_dtype(lhs, rhs)
    out = _outer_fake(lhs, rhs, sizes)
    library.native.segment_outer(
        lhs=lhs.data_ptr(),
        rhs=rhs.data_ptr(),
        sizes=sizes.data_ptr(),
        out=out.data_ptr(),
        n=lhs.shape[0],
        groups=sizes.shape[0],
        k=lhs.shape[1],
        m=rhs.shape[1],
        dtype=float_code("segment_outer", lhs),
        index=id_code("segment_outer", sizes),
        threads=torch.get_num_threads(),
    )
    return out


def _outer_fake(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    return lhs.new_empty((sizes.shape[0], lhs.shape[1], rhs.shape[1]))


def _outer_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _outer_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    lhs, rhs, sizes = ctx.saved_tensors
    lhs_grad = _product(rhs, grad, sizes, None, True) if ctx.needs_input_grad[0] else None
    rhs_grad = _product(lhs, grad, sizes, None, False) if ctx.needs_input_grad[1] else None
    return lhs_grad, rhs_grad, None


_segment_outer = define(
    "segment_outer(Tensor lhs, Tensor rhs, Tensor group_sizes) -> Tensor",
    _outer_cpu,
    _outer_fake,
    setup=_outer_setup,
    backward=_outer_backward,
    vmap=_vmap,
)
