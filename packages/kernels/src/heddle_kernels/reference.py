"""The specification: every op once more on numpy, in plain loops, to test the fast ones against."""

import numpy as np

from heddle.graphs.adjacency import Adjacency


def spmm(
    adjacency: Adjacency,
    x: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    reduce: str = "sum",
    transpose: bool = False,
) -> np.ndarray:
    """Reduce weighted sender rows by receiver: y[r] = reduce over edges (s, r) of weight x[s]; 0 for r without edges.

    Args:
        adjacency: the edges.
        x: [n_senders, ..., d].
        weight: None for ones, or [n_edges, ...] in the adjacency's order, its further axes the first of x's.
        reduce: "sum", "mean" (by the number of edges) or "max".
        transpose: send from receivers to senders: x [n_receivers, ..., d].

    Returns: [n_receivers, ..., d], or [n_senders, ..., d] if `transpose`.
    """
    start, end = adjacency.senders, adjacency.receivers
    n = adjacency.n_receivers
    if transpose:
        start, end, n = end, start, adjacency.n_senders
    messages = x[start]
    if weight is not None:
        messages = messages * weight.reshape(weight.shape + (1,) * (x.ndim - weight.ndim))
    return segment_reduce(messages, end, n, reduce)


def sddmm(adjacency: Adjacency, x: np.ndarray, y: np.ndarray, op: str) -> np.ndarray:
    """Combine both ends of each edge (s, r), in the adjacency's order.

    Args:
        adjacency: the edges.
        x: [n_receivers, ...] and y: [n_senders, ...].
        op: "add": x[r] + y[s], [n_edges, ...]; "dot": x[r] y[s] summed over the last axis.
    """
    left, right = x[adjacency.receivers], y[adjacency.senders]
    return left + right if op == "add" else (left * right).sum(-1)


def segment_reduce(data: np.ndarray, segment_ids: np.ndarray, num_segments: int, reduce: str) -> np.ndarray:
    """Reduce each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    Args:
        reduce: "sum", "mean" or "max".
    """
    out = np.zeros((num_segments, *data.shape[1:]), data.dtype)
    for segment in np.unique(segment_ids):
        out[segment] = getattr(np, reduce)(data[segment_ids == segment], axis=0)
    return out


def segment_softmax(data: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Softmax within each segment: [e, ...], [e] int -> [e, ...]; 0 for a segment of -inf alone."""
    out = np.zeros_like(data)
    for segment in np.unique(segment_ids):
        rows = segment_ids == segment
        largest = data[rows].max(0)
        exps = np.exp(data[rows] - np.where(np.isfinite(largest), largest, 0))
        total = exps.sum(0)
        out[rows] = exps / np.where(total > 0, total, 1)
    return out


def index_sort(index: np.ndarray, num_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort ids [n] in [0, num_values) stably: the order [n], and where each value begins in it, [num_values + 1]."""
    counts = np.bincount(index, minlength=num_values)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return np.argsort(index, kind="stable").astype(index.dtype), indptr.astype(index.dtype)


def segment_matmul(
    lhs: np.ndarray, rhs: np.ndarray, group_sizes: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Multiply groups of rows by a matrix each: [n, k], [g, k, m], [g] sizes that sum to n -> [n, m].

    Args:
        bias: [g, m], added to the rows of its group; None for none.
    """
    ends = np.cumsum(group_sizes)
    out = np.zeros((lhs.shape[0], rhs.shape[2]), lhs.dtype)
    for group, (size, end) in enumerate(zip(group_sizes, ends)):
        out[end - size : end] = lhs[end - size : end] @ rhs[group] + (0 if bias is None else bias[group])
    return out


def segment_outer(lhs: np.ndarray, rhs: np.ndarray, group_sizes: np.ndarray) -> np.ndarray:
    """Multiply, per group of rows, lhs transposed by rhs: [n, k], [n, m], [g] -> [g, k, m]."""
    ends = np.cumsum(group_sizes)
    out = np.zeros((len(group_sizes), lhs.shape[1], rhs.shape[1]), lhs.dtype)
    for group, (size, end) in enumerate(zip(group_sizes, ends)):
        out[group] = lhs[end - size : end].T @ rhs[end - size : end]
    return out
