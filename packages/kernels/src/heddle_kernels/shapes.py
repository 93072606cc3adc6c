"""Shape rules of the ops, shared by the faces: each returns sizes, or says what doesn't fit."""

from math import prod
from typing import Any

from heddle.errors import GraphError, problem

Shape = tuple[int, ...]


def rows(op: str, name: str, shape: Shape, expected: int, meaning: str) -> None:
    """Check that an array has one row for each of `expected`."""
    if len(shape) == 0 or shape[0] != expected:
        found = f"shape {tuple(shape)}"
        raise GraphError(problem(f"{op}: {name}", found, f"{expected} rows, {meaning}", "pass the matching array"))


def heads(op: str, x: Shape, weight: Shape | None, n_edges: int) -> tuple[int, int]:
    """Return (heads, columns per head) of x [n, ..., d] under `weight` [n_edges, ...]; (1, all) without one."""
    if weight is None:
        return 1, prod(x[1:])
    rows(op, "weight", weight, n_edges, "the number of edges")
    if len(weight) == 1:
        return 1, prod(x[1:])
    if tuple(weight[1:]) != tuple(x[1 : len(weight)]):
        expected = f"axes that match those of x, {tuple(x)}, after the first"
        raise GraphError(problem(f"{op}: weight", f"shape {tuple(weight)}", expected, "reshape it"))
    return prod(weight[1:]), prod(x[len(weight) :])


def ends(op: str, x: Shape, y: Shape, n_receivers: int, n_senders: int) -> None:
    """Check the two operands of sddmm: x [n_receivers, ...], y [n_senders, ...] with equal further axes."""
    if x[:1] != (n_receivers,):
        rows(op, "x", x, n_receivers, "the number of receivers")
    if y[:1] != (n_senders,):
        rows(op, "y", y, n_senders, "the number of senders")
    if x[1:] != y[1:]:
        expected = f"{tuple(x[1:])} after the first axis, as x has"
        raise GraphError(problem(f"{op}: y", f"shape {tuple(y)}", expected, "reshape it"))


def sides(adjacency: Any, transpose: bool) -> tuple[Any, Any, Any]:
    """Return (indptr, ids, perm) of the walk over receivers, or over senders if `transpose`."""
    if transpose:
        return adjacency.t_indptr, adjacency.t_receivers, adjacency.t_order
    return adjacency.indptr, adjacency.senders, None


def out_of_range(where: str, found: int, bound: int) -> GraphError:
    """Return the error for an id out of [0, bound)."""
    return GraphError(problem(where, found, f"an id in [0, {bound})", "remove the entry or add the row"))


def edge_values(x: Shape, op: str) -> tuple[Shape, Shape]:
    """Return the axes of a value per edge that sddmm keeps, and those that it sums ("dot") or adds ("add")."""
    return ((), x[1:]) if op == "add" else (x[1:-1], x[1:][-1:])
