"""NumpyOps: slow and obvious, the truth that every engine is tested against."""

import array_api_compat
import numpy as np

from heddle.graphs.graph import Array
from heddle.ops.graph_ops import GraphOps


class NumpyOps(GraphOps):
    """The primitives on numpy, one loop each; no gradients (see `heddle.testing.reference_backend` for those)."""

    xp = array_api_compat.array_namespace(np.empty(0))

    def asarray(self, array: np.ndarray, like: Array | None = None) -> Array:
        if like is not None and np.issubdtype(array.dtype, np.floating):
            return np.array(array, like.dtype)
        return np.array(array)

    def stop_gradient(self, x: Array) -> Array:
        return x

    def gather(self, x: Array, index: Array) -> Array:
        return x[index]

    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        wide = self.widened(data)
        out = np.zeros((num_segments, *data.shape[1:]), wide.dtype)
        for row, segment in zip(wide, segment_ids):
            out[segment] += row
        return out.astype(data.dtype, copy=False)

    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        out = np.zeros((num_segments, *data.shape[1:]), data.dtype)
        seen = np.zeros(num_segments, bool)
        for row, segment in zip(data, segment_ids):
            out[segment] = np.maximum(out[segment], row) if seen[segment] else row
            seen[segment] = True
        return out

    def segment_matmul(self, lhs: Array, rhs: Array, group_sizes: np.ndarray) -> Array:
        out, start = np.zeros((lhs.shape[0], rhs.shape[2]), np.result_type(lhs, rhs)), 0
        for matrix, size in zip(rhs, group_sizes):
            out[start : start + size] = lhs[start : start + size] @ matrix
            start += size
        return out
