"""Shape rules of the ops, shared by the faces: each returns sizes, or says what doesn't fit."""

from collections.abc import Sequence
from math import prod
from typing import Any

from heddle.errors import GraphError, problem

Shape = tuple[int, ...]


def rows(op: str, name: str, shape: Shape, expected: int, meaning: str) -> None:
    """Check that an array of this shape has `expected` rows; `meaning` says in the error what they are.

    Raises:
        GraphError: it has another number of rows, or no axis.
    """
    if len(shape) == 0 or shape[0] != expected:
        got = f"shape {tuple(shape)}"
        raise GraphError(
            problem(f"{op}: {name}", got, f"{expected} rows, {meaning}", "pass the matching array")
        )


def heads(op: str, x: Shape, weight: Shape | None, n_edges: int) -> tuple[int, int]:
    """Return (heads, columns per head) of x [n, ..., d] under `weight` [n_edges, ...]; (1, all) without one.

    Raises:
        GraphError: a weight of another number of edges, or whose further axes aren't the first of x's.
    """
    if weight is None or (len(weight) == 1 and weight[0] == n_edges):
        return 1, prod(x[1:])
    rows(op, "weight", weight, n_edges, "the number of edges")
    if tuple(weight[1:]) != tuple(x[1 : len(weight)]):
        expected = f"axes that match those of x, {tuple(x)}, after the first"
        raise GraphError(problem(f"{op}: weight", f"shape {tuple(weight)}", expected, "reshape it"))
    return prod(weight[1:]), prod(x[len(weight) :])


def ends(op: str, x: Shape, y: Shape, n_receivers: int, n_senders: int) -> None:
    """Check the two operands of sddmm: x [n_receivers, ...], y [n_senders, ...] with equal further axes.

    Raises:
        GraphError: another number of rows, or further axes that differ.
    """
    if x[:1] != (n_receivers,):
        rows(op, "x", x, n_receivers, "the number of receivers")
    if y[:1] != (n_senders,):
        rows(op, "y", y, n_senders, "the number of senders")
    if x[1:] != y[1:]:
        expected = f"{tuple(x[1:])} after the first axis, as x has"
        raise GraphError(problem(f"{op}: y", f"shape {tuple(y)}", expected, "reshape it"))


def sides(adjacency: Any, transpose: bool) -> tuple[Any, Any, Any]:
    """Return (indptr [n + 1], ids [n_edges], perm [n_edges]) of the walk over receivers; of senders if `transpose`.

    `perm` is where the walk's edges lie in the adjacency's order: None over receivers, which have it.
    """
    if transpose:
        return adjacency.t_indptr, adjacency.t_receivers, adjacency.t_order
    return adjacency.indptr, adjacency.senders, None


def out_of_range(where: str, value: int, bound: int) -> GraphError:
    """Return the error for an id out of [0, bound)."""
    return GraphError(problem(where, value, f"an id in [0, {bound})", "remove the entry or add the row"))


def edge_values(x: Shape, op: str) -> tuple[Shape, Shape]:
    """Return the axes of a value per edge that sddmm keeps, and those that it sums ("dot") or adds ("add").

    Raises:
        GraphError: "dot" of x without a last axis.
    """
    if op == "dot" and len(x) < 2:
        raise GraphError(problem("sddmm: x", f"shape {tuple(x)}", "a last axis to sum over", "add one"))
    return ((), x[1:]) if op == "add" else (x[1:-1], x[1:][-1:])


def grouped(lhs: Shape, rhs: Shape, sizes: Shape, bias: Shape | None, transposed: bool = False) -> None:
    """Check lhs [n, k], rhs [groups, k, m] ([groups, m, k] if `transposed`), sizes [groups], bias [groups, m].

    Raises:
        GraphError: a shape that doesn't fit.
    """
    op = "segment_matmul"
    if len(lhs) != 2:
        raise GraphError(problem(f"{op}: lhs", f"shape {tuple(lhs)}", "two axes, [n, k]", "reshape it"))
    if len(rhs) != 3 or rhs[2 if transposed else 1] != lhs[1]:
        expected = f"[groups, {'m, ' if transposed else ''}{lhs[1]}{'' if transposed else ', m'}]"
        raise GraphError(
            problem(f"{op}: rhs", f"shape {tuple(rhs)}", expected, "pass a matrix for each group")
        )
    rows(op, "group_sizes", sizes, rhs[0], "the number of matrices in rhs")
    if bias is not None and tuple(bias) != (rhs[0], rhs[1 if transposed else 2]):
        expected = f"{(rhs[0], rhs[1 if transposed else 2])}"
        raise GraphError(
            problem(f"{op}: bias", f"shape {tuple(bias)}", expected, "pass a row for each group")
        )


def paired(lhs: Sequence[Shape], rhs: Sequence[Shape], bias: Sequence[Shape] | None) -> None:
    """Check lists of lhs [n_i, k_i], rhs [k_i, m_i] and bias [m_i].

    Raises:
        GraphError: lists of different lengths, or a pair or bias that doesn't fit.
    """
    op = "grouped_matmul"
    for name, each in (("rhs", rhs), ("bias", bias)):
        if each is not None and len(each) != len(lhs):
            expected = f"{len(lhs)}, as many as lhs has"
            raise GraphError(problem(f"{op}: {name}", f"{len(each)} matrices", expected, "pass one for each"))
    for i, (a, b) in enumerate(zip(lhs, rhs)):
        if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
            got = f"shapes {tuple(a)} and {tuple(b)}"
            raise GraphError(problem(f"{op}: pair {i}", got, "[n, k] and [k, m]", "reshape them"))
        if bias is not None and tuple(bias[i]) != (b[1],):
            raise GraphError(
                problem(f"{op}: bias[{i}]", f"shape {tuple(bias[i])}", f"{(b[1],)}", "reshape it")
            )
