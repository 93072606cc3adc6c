"""segment_matmul on torch, and the outer products by which it is differentiated: each is the other's derivative."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from heddle_kernels import library, shapes
from heddle_kernels.torch.define import (
    DEFINED,
    autocast,
    call,
    define,
    float_code,
    id_code,
    multilinear,
    one_by_one,
    pointer,
    recorded,
    total,
)

_native_matmul = library.native.segment_matmul
_native_outer = library.native.segment_outer


def segment_matmul(
    lhs: Tensor, rhs: Tensor, group_sizes: Tensor | np.ndarray, bias: Tensor | None = None
) -> Tensor:
    """Multiply groups of rows by a matrix each: row i of group g gives lhs[i] @ rhs[g] + bias[g].

    Args:
        lhs: [n, k], the rows of group 0, then those of group 1 ...
        rhs: [groups, k, m].
        group_sizes: [groups] int on the CPU, rows of each group; they sum to n, and 0 is a size too.
        bias: [groups, m], or None.

    Returns: [n, m]; under torch.autocast in its dtype, as torch's own products are.

    Raises:
        GraphError: shapes that don't fit, sizes that don't sum to n.
    """
    if not isinstance(group_sizes, Tensor):
        group_sizes = torch.from_numpy(np.asarray(group_sizes))
    if torch._C._is_any_autocast_enabled():
        lhs, rhs, bias = autocast(lhs, rhs, bias)
    return _product(lhs, rhs, group_sizes, bias, False)


def _product(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    operator = DEFINED["segment_matmul"]
    wanted = recorded(lhs, rhs, bias)
    out: Tensor = (operator.recorded if wanted else operator.forward)(lhs, rhs, sizes, bias, transposed)
    return out


def _outer(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    """Multiply, per group of rows, lhs transposed by rhs: [n, k], [n, m], [groups] -> [groups, k, m]."""
    out: Tensor = call("segment_outer", (lhs, rhs), lhs, rhs, sizes)
    return out


def _cpu(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    lhs, rhs, sizes = lhs.contiguous(), rhs.contiguous(), sizes.contiguous()
    bias = None if bias is None else bias.contiguous()
    shape, matrices = lhs.shape, rhs.shape
    shapes.grouped(shape, matrices, sizes.shape, None if bias is None else bias.shape, transposed)
    _same_dtype(lhs, rhs, bias)
    n, k, m = *shape, matrices[1 if transposed else 2]
    out = lhs.new_empty((n, m))
    _native_matmul(
        lhs=lhs.data_ptr(),
        rhs=rhs.data_ptr(),
        bias=pointer(bias),
        sizes=sizes.data_ptr(),
        out=out.data_ptr(),
        n=n,
        groups=matrices[0],
        k=k,
        m=m,
        transposed=transposed,
        dtype=float_code("segment_matmul", lhs),
        index=id_code("segment_matmul", sizes),
        threads=torch.get_num_threads(),
    )
    return out


def _same_dtype(*tensors: Tensor | None) -> None:
    dtypes = {tensor.dtype for tensor in tensors if tensor is not None}
    if len(dtypes) > 1:
        names = " and ".join(sorted(map(str, dtypes)))
        raise TypeError(f"segment_matmul: found {names}, expected one dtype; cast all to the same")


def _fake(lhs: Tensor, rhs: Tensor, sizes: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    return lhs.new_empty((lhs.shape[0], rhs.shape[1 if transposed else 2]))


def _setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(given.lhs, given.rhs, given.group_sizes)
    ctx.transposed = given.transposed


def _backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    lhs, rhs, sizes = ctx.saved_tensors
    grads = {}
    if wanted.lhs:
        grads["lhs"] = _product(grad, rhs, sizes, None, not ctx.transposed)
    if wanted.rhs:
        grads["rhs"] = _outer(grad, lhs, sizes) if ctx.transposed else _outer(lhs, grad, sizes)
    if wanted.bias:
        grads["bias"] = _outer(grad.new_ones((grad.shape[0], 1)), grad, sizes)[:, 0]
    return grads


def _jvp(given: Any, output: Tensor, tangents: Any) -> Tensor | None:
    lhs, rhs, sizes, _, transposed = given
    terms = []
    if tangents.lhs is not None:
        terms.append(_product(tangents.lhs, rhs, sizes, None, transposed))
    if tangents.rhs is not None:
        terms.append(_product(lhs, tangents.rhs, sizes, None, transposed))
    if tangents.bias is not None:  # rows of ones times each group's bias
        terms.append(_product(lhs.new_ones((lhs.shape[0], 1)), tangents.bias[:, None], sizes, None, False))
    return total(terms)


define(
    "segment_matmul",
    _cpu,
    _fake,
    fixed=("group_sizes",),
    setup=_setup,
    backward=_backward,
    jvp=_jvp,
    vmap=one_by_one,
)


def _outer_cpu(lhs: Tensor, rhs: Tensor, sizes: Tensor) -> Tensor:
    lhs, rhs, sizes = lhs.contiguous(), rhs.contiguous(), sizes.contiguous()
    shapes.rows("segment_outer", "rhs", rhs.shape, lhs.shape[0], "as many as lhs")
    _same_dtype(lhs, rhs)
    out = _outer_fake(lhs, rhs, sizes)
    _native_outer(
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


def _outer_setup(ctx: Any, given: Any, output: Tensor) -> None:
    ctx.save_for_backward(*given)


def _outer_backward(ctx: Any, wanted: Any, grad: Tensor) -> dict[str, Any]:
    lhs, rhs, sizes = ctx.saved_tensors
    grads = {"lhs": _product(rhs, grad, sizes, None, True)} if wanted.lhs else {}
    return grads | ({"rhs": _product(lhs, grad, sizes, None, False)} if wanted.rhs else {})


define(
    "segment_outer",
    _outer_cpu,
    _outer_fake,
    fixed=("group_sizes",),
    setup=_outer_setup,
    backward=_outer_backward,
    jvp=multilinear(lambda given: call("segment_outer", (given.lhs, given.rhs), *given), "lhs", "rhs"),
    vmap=one_by_one,
)
