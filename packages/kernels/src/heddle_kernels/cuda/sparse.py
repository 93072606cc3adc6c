"""Sums over edges on CUDA tensors; see heddle_kernels.torch.spmm, sddmm, edge_sum and spmm_argmax."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from heddle_kernels import shapes
from heddle_kernels.cuda.device import fault, stream, workspace
from heddle_kernels.cuda.library import call
from heddle_kernels.library import COMBINE, REDUCE
from heddle_kernels.torch.csr_arrays import CsrArrays
from heddle_kernels.torch.define import float_code, id_code, pointer


def spmm(
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
    """Reduce weighted rows over the edges of each node that receives: the operator heddle::spmm on CUDA.

    Args:
        indptr, senders, t_indptr, t_receivers, t_order: the arrays of an adjacency.
        weight: [n_edges, ...], or None for ones.
        x: [n_senders, ..., d]; [n_receivers, ..., d] if `transpose`.
        reduce: "sum", "mean" or "max".
        transpose: whether senders receive.

    Returns: [n_receivers, ..., d], [n_senders, ..., d] if `transpose`; 0 for a node without edges.
    """
    csr = CsrArrays(indptr, senders, t_indptr, t_receivers, t_order)
    walk = csr.walk(transpose)
    shapes.rows("spmm", "x", x.shape, csr.rows(not transpose), "one for each node that sends")
    heads, width = shapes.heads("spmm", x.shape, None if weight is None else weight.shape, walk[1].shape[0])
    return reduce_walk("spmm", *walk, weight, x, heads, width, reduce)


def reduce_walk(
    op: str,
    indptr: Tensor,
    ids: Tensor | None,
    perm: Tensor | None,
    weight: Tensor | None,
    x: Tensor,
    heads: int,
    width: int,
    reduce: str,
) -> Tensor:
    """Reduce rows over a walk: row i of the result is of the entries indptr[i] to indptr[i + 1], [n, ...]; 0 for none.

    Args:
        op: what an error names.
        indptr: [n + 1].
        ids: [n_edges], the row of x that each entry takes; None for the entry's own.
        perm: [n_edges], where an entry's weight lies; None for its own place.
        weight: [n_edges, heads], or None for ones.
        x: [rows, heads * width] in any shape of these many columns.
        reduce: "sum", "mean" or "max".
    """
    x, weight = x.contiguous(), None if weight is None else weight.contiguous()
    edges = x.shape[0] if ids is None else ids.shape[0]
    out = x.new_empty((indptr.shape[0] - 1, *x.shape[1:]))
    dtype = float_code(op, x)
    space = workspace("spmm", x, edges=edges, columns=heads * width, dtype=dtype)
    call(
        "spmm",
        indptr=pointer(indptr),
        ids=pointer(ids),
        perm=pointer(perm),
        weight=pointer(weight),
        x=pointer(x),
        out=pointer(out),
        rows=out.shape[0],
        edges=edges,
        x_rows=x.shape[0],
        heads=heads,
        width=width,
        dtype=dtype,
        index=id_code(op, indptr, ids),
        reduce=REDUCE.get(reduce, -1),
        workspace=space.data_ptr(),
        workspace_bytes=space.numel(),
        fault=fault(x).data_ptr(),
        stream=stream(x),
    )
    return out


def spmm_max(*arguments: Any) -> Tensor:
    """Return the largest weight x[s] of the edges (s, r) of each r, elementwise: the operator heddle::spmm_max on CUDA.

    Args:
        arguments: the five arrays of an adjacency's CSR; weight [n_edges, ...] or None; x [n_senders, ...]; transpose.
    """
    csr, (weight, x, transpose) = CsrArrays(*arguments[:5]), arguments[5:]
    return spmm(*csr, weight, x, "max", transpose)


def edge_sum(*arguments: Any) -> Tensor:
    """Sum values of edges [n_edges, ...] by receiver, or by sender: the operator heddle::edge_sum on CUDA.

    Args:
        arguments: the five arrays of an adjacency's CSR; the values; whether to sum at the senders.

    Raises:
        GraphError: another number of values than edges.
    """
    data, at_senders = arguments[5], bool(arguments[6])
    indptr, ids, order = CsrArrays(*arguments[:5]).walk(at_senders)
    shapes.rows("edge_sum", "data", data.shape, ids.shape[0], "the number of edges")
    return reduce_walk("edge_sum", indptr, order, None, None, data, 1, prod(data.shape[1:]), "sum")


def sddmm(
    indptr: Tensor,
    senders: Tensor,
    t_indptr: Tensor,
    t_receivers: Tensor,
    t_order: Tensor,
    x: Tensor,
    y: Tensor,
    op: str,
) -> Tensor:
    """Combine both ends of each edge (s, r): "add": x[r] + y[s]; "dot": their product summed over the last axis.

    Args:
        indptr, senders, t_indptr, t_receivers, t_order: the arrays of an adjacency.
        x: [n_receivers, ...] and y: [n_senders, ...].

    Raises:
        GraphError: shapes that don't fit.
    """
    indptr, senders, x, y = indptr.contiguous(), senders.contiguous(), x.contiguous(), y.contiguous()
    rows, far = indptr.shape[0] - 1, t_indptr.shape[0] - 1
    shapes.ends("sddmm", x.shape, y.shape, rows, far)
    heads, width = shapes.edge_values(x.shape, op)
    out = x.new_empty((senders.shape[0], *(width if op == "add" else heads)))
    call(
        "sddmm",
        indptr=pointer(indptr),
        ids=pointer(senders),
        a=pointer(x),
        b=pointer(y),
        out=pointer(out),
        rows=rows,
        edges=senders.shape[0],
        b_rows=far,
        heads=prod(heads),
        width=prod(width),
        dtype=float_code("sddmm", x),
        index=id_code("sddmm", indptr, senders),
        combine=COMBINE.get(op, -1),
        fault=fault(x).data_ptr(),
        stream=stream(x),
    )
    return out


def spmm_argmax(*arguments: Any) -> Tensor:
    """Sum factor value over the elements that attain a maximum, for each node: [n, ...], heddle::spmm_argmax on CUDA.

    Args:
        arguments: the five arrays of an adjacency's CSR; of the maximum weight [n_edges, ...] or None, x and largest
            [n, ...]; factor and value, or None for ones; whether the maximum was sent to senders; whether to sum at the
            other end.
    """
    csr, (weight, x, largest, factor, value) = CsrArrays(*arguments[:5]), arguments[5:10]
    adjoint = bool(arguments[11])
    at_senders = bool(arguments[10]) != adjoint
    indptr, ids, perm = csr.walk(at_senders)
    heads, width = shapes.heads(
        "spmm_argmax", x.shape, None if weight is None else weight.shape, ids.shape[0]
    )
    out = x.new_empty((csr.rows(at_senders), *x.shape[1:]))
    x, largest = x.contiguous(), largest.contiguous()
    weight, factor, value = (None if t is None else t.contiguous() for t in (weight, factor, value))
    dtype = float_code("spmm_argmax", x)
    space = workspace("spmm", x, edges=ids.shape[0], columns=heads * width, dtype=dtype)
    call(
        "spmm_argmax",
        indptr=pointer(indptr),
        ids=pointer(ids),
        perm=pointer(perm),
        weight=pointer(weight),
        x=pointer(x),
        largest=pointer(largest),
        factor=pointer(factor),
        value=pointer(value),
        out=pointer(out),
        rows=out.shape[0],
        edges=ids.shape[0],
        other_rows=csr.rows(not at_senders),
        heads=heads,
        width=width,
        transposed=adjoint,
        dtype=dtype,
        index=id_code("spmm_argmax", indptr, ids),
        workspace=space.data_ptr(),
        workspace_bytes=space.numel(),
        fault=fault(x).data_ptr(),
        stream=stream(x),
    )
    return out


def sddmm_argmax(*arguments: Any) -> Tensor:
    """Sum a b over the elements that attain a maximum, for each edge and head: heddle::sddmm_argmax on CUDA.

    Args:
        arguments: the five arrays of an adjacency's CSR; of the maximum weight [n_edges, ...], x and largest [n, ...];
            a where messages arrive, b where they start; whether the maximum was sent to senders.

    Returns: as weight, [n_edges, ...].
    """
    csr, reverse = CsrArrays(*arguments[:5]), bool(arguments[10])
    weight, x, largest, a, b = (tensor.contiguous() for tensor in arguments[5:10])
    indptr, ids, _ = csr.walk(False)
    out = torch.empty_like(weight)
    call(
        "sddmm_argmax",
        indptr=pointer(indptr),
        ids=pointer(ids),
        weight=pointer(weight),
        x=pointer(x),
        largest=pointer(largest),
        a=pointer(a),
        b=pointer(b),
        out=pointer(out),
        rows=indptr.shape[0] - 1,
        edges=ids.shape[0],
        other_rows=csr.rows(True),
        heads=prod(weight.shape[1:]),
        width=prod(x.shape[weight.ndim :]),
        transposed=reverse,
        dtype=float_code("sddmm_argmax", x),
        index=id_code("sddmm_argmax", indptr, ids),
        fault=fault(x).data_ptr(),
        stream=stream(x),
    )
    return out
