"""LoomOps: the six primitives; everything else Heddle derives from them."""

from typing import Any

import numpy as np

from heddle.ops.graph_ops import GraphOps
from loom_numpy import xp
from loom_numpy.array import Array, made


class LoomOps(GraphOps):
    """The primitives on Arrays. Rows of a segment are brought together by a stable sort and reduced in one go."""

    xp: Any = xp

    def asarray(self, array: np.ndarray, like: Array | None = None) -> Array:
        wanted = like.dtype if like is not None and np.asarray(array).dtype.kind == "f" else None
        return Array(np.array(array, wanted))

    def stop_gradient(self, x: Array) -> Array:
        return Array(x.value)

    def gather(self, x: Array, index: Array) -> Array:
        ids, rows = index.value, x.shape[0]
        return made(x.value[ids], (x, lambda grad: _reduce(np.add, grad, ids, rows)))

    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        ids = segment_ids.value
        return made(_reduce(np.add, data.value, ids, num_segments), (data, lambda grad: grad[ids]))

    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        ids = segment_ids.value
        largest = _reduce(np.maximum, data.value, ids, num_segments)

        def pull(grad: np.ndarray) -> np.ndarray:
            is_largest = (data.value == largest[ids]).astype(grad.dtype)
            ties = _reduce(np.add, is_largest, ids, num_segments)
            return is_largest * (grad / np.maximum(ties, 1))[ids]

        return made(largest, (data, pull))

    def segment_matmul(self, lhs: Array, rhs: Array, group_sizes: Any) -> Array:
        ends = np.cumsum(np.asarray(group_sizes))
        rows = [slice(end - size, end) for end, size in zip(ends, np.asarray(group_sizes))]
        value = np.zeros((lhs.shape[0], rhs.shape[2]), np.result_type(lhs.dtype, rhs.dtype))
        for group, matrix in zip(rows, rhs.value):
            value[group] = lhs.value[group] @ matrix

        def to_lhs(grad: np.ndarray) -> np.ndarray:
            out = np.zeros(lhs.shape, grad.dtype)
            for group, matrix in zip(rows, rhs.value):
                out[group] = grad[group] @ matrix.T
            return out

        def to_rhs(grad: np.ndarray) -> np.ndarray:
            parts = [lhs.value[group].T @ grad[group] for group in rows]
            return np.stack(parts) if parts else np.zeros(rhs.shape, grad.dtype)

        return made(value, (lhs, to_lhs), (rhs, to_rhs))


def _reduce(function: np.ufunc, data: np.ndarray, ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Reduce the rows of each segment: [e, ...], [e] -> [num_segments, ...], 0 where a segment is empty."""
    out = np.zeros((num_segments, *data.shape[1:]), data.dtype)
    if len(ids):
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        out[ordered[starts]] = function.reduceat(data[order], starts, axis=0)
    return out
