"""Ops that are wrong in one way each, as real engines have been."""

from typing import Any

import numpy as np

from .faulty import column, is_differentiating, sound, with_ops


def fill_empty(value: float):
    def segment_max(self, data, ids, n):
        out = sound("segment_max")(self, data, ids, n)
        out[np.bincount(ids, minlength=n) == 0] = value
        return out

    return segment_max


def winner_takes_all(self, data, ids, n):
    """Give the whole gradient of a maximum to the first of the tied entries of [e] data."""
    largest, winners = sound("segment_max")(self, data, ids, n), np.zeros(data.shape)
    for segment in np.unique(ids):
        winners[np.flatnonzero((ids == segment) & (data == largest[segment]))[0]] = 1
    return winners


def forgets_weight(self, adjacency, x, weight=None):
    """Give the right value and the gradient of the sum without weights."""
    return sound("spmm")(self, adjacency, x, None if is_differentiating(self) else weight)


def counts_an_edge_once(self, adjacency, x, weight=None):
    """Drop repeated edges, as a sparse matrix that overwrites does."""
    ends = np.stack([adjacency.senders, adjacency.receivers])
    keep = np.zeros(adjacency.n_edges, bool)
    keep[np.unique(ends, axis=1, return_index=True)[1]] = True
    ones = np.ones(adjacency.n_edges, x.dtype) if weight is None else weight
    return sound("spmm")(self, adjacency, x, ones * column(keep, ones))


def mixes_heads(self, adjacency, x, weight=None):
    if weight is not None and weight.ndim > 1:
        weight = weight[:, ::-1]
    return sound("spmm")(self, adjacency, x, weight)


def assumes_sorted_ids(self, data, ids, n):
    out, starts = np.zeros((n, *data.shape[1:]), data.dtype), np.searchsorted(ids, np.arange(n + 1))
    for segment in range(n):
        out[segment] = data[starts[segment] : starts[segment + 1]].sum(axis=0)
    return out


def sums_in_float32(self, data, ids, n):
    return sound("segment_sum")(self, data.astype(np.float32), ids, n).astype(data.dtype)


def returns_float64(self, data, ids, n):
    return sound("segment_sum")(self, data.astype(np.float64), ids, n)


def overflows(self, data, ids, n):
    with np.errstate(all="ignore"):
        exps = np.exp(data)
        return exps / self.segment_sum(exps, ids, n)[ids]


def divides_by_zero(self, data, ids, n):
    with np.errstate(all="ignore"):
        exps = np.exp(data - sound("segment_max")(self, data, ids, n)[ids])
        return exps / self.segment_sum(exps, ids, n)[ids]


def normalises_over_all_edges(self, adjacency, logits):
    exps = np.exp(logits - logits.max(axis=0, initial=0, keepdims=True))
    return exps / exps.sum(axis=0, keepdims=True)


def shifts_in_place(self, data, ids, n):
    if data.size and data.flags.writeable and not is_differentiating(self):
        data -= data.max()
    return sound("segment_softmax")(self, data, ids, n)


def clamps_in_place(self, x, name):
    return np.maximum(x, 0, out=x) if name == "relu" else sound("activate")(self, x, name)


def loses_empty_groups(self, lhs, rhs, sizes):
    kept = np.asarray(sizes)[np.asarray(sizes) > 0]
    return sound("segment_matmul")(self, lhs, rhs[: len(kept)], kept)


def reads_through_gaps(self, x, index):
    """Read an index as if its entries lay side by side, as native code that ignores strides does."""
    if index.strides and index.strides[0] > index.itemsize:
        base = index.base if index.base is not None else index
        index = base.reshape(-1)[: len(index)]
    return sound("gather")(self, x, index)


def wraps(self, array, like=None):
    return (
        np.array(array).astype(np.int32) if array.dtype.kind == "i" else sound("asarray")(self, array, like)
    )


def caches_by_size():
    kept: dict[Any, Any] = {}

    def spmm(self, adjacency, x, weight=None):
        key = adjacency.n_edges, adjacency.n_receivers
        return sound("spmm")(self, kept.setdefault(key, adjacency), x, weight)

    return spmm


def piles_up():
    sums: list[np.ndarray] = []

    def value_and_grad(function):
        right = with_ops().value_and_grad(function)

        def both(*args):
            value, grads = right(*args)
            if not sums or [s.shape for s in sums] != [g.shape for g in grads]:
                sums[:] = [np.zeros_like(grad) for grad in grads]
            for total, grad in zip(sums, grads):
                total += grad.astype(total.dtype)
            return value, tuple(total.astype(grad.dtype) for total, grad in zip(sums, grads))

        return both

    return value_and_grad


def none_where_unused(function):
    right = with_ops().value_and_grad(function)

    def both(*args):
        value, grads = right(*args)
        return value, tuple(grad if grad.any() else None for grad in grads)

    return both
