"""Rows by id and reductions by segment on numpy. Segment ids may come in any order; sorted ones are faster."""

from math import prod

import numpy as np

from heddle_kernels import library, shapes
from heddle_kernels.memory import pointer
from heddle_kernels.numpy.arrays import count, ids, plain, values


def gather(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return rows of x, of any dtype but objects: [n, ...], [e] int -> [e, ...]; GraphError for an id out of range."""
    (index,), code = ids("gather", index)
    x = plain("gather", x)
    x = np.require(x, x.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])
    out = np.empty((len(index), *x.shape[1:]), x.dtype)
    library.native.gather(
        ids=pointer(index),
        x=pointer(x),
        out=pointer(out),
        count=len(index),
        x_rows=len(x),
        row_bytes=prod(x.shape[1:]) * x.itemsize,
        index=code,
        threads=0,
    )
    return out


def segment_sum(data: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Sum rows by segment: [e, ...], [e] int -> [num_segments, ...]; an empty segment gives 0."""
    return _reduce(data, segment_ids, num_segments, "sum")


def segment_mean(data: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Average rows by segment: [e, ...], [e] int -> [num_segments, ...]; an empty segment gives 0."""
    return _reduce(data, segment_ids, num_segments, "mean")


def segment_max(data: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

    A NaN makes its segment's entry NaN.
    """
    return _reduce(data, segment_ids, num_segments, "max")


def segment_softmax(data: np.ndarray, segment_ids: np.ndarray, num_segments: int) -> np.ndarray:
    """Softmax within each segment: [e, ...], [e] int below `num_segments` -> [e, ...].

    A segment of -inf alone gives 0.
    """
    data, dtype, segment_ids, index = _arguments("segment_softmax", data, segment_ids)
    num_segments = count("segment_softmax", "num_segments", num_segments)
    out = np.empty_like(data, order="C")
    library.native.segment_softmax(
        ids=pointer(segment_ids),
        data=pointer(data),
        out=pointer(out),
        count=len(data),
        segments=num_segments,
        width=prod(data.shape[1:]),
        dtype=dtype,
        index=index,
        threads=0,
    )
    return out


def _reduce(data: np.ndarray, segment_ids: np.ndarray, num_segments: int, reduce: str) -> np.ndarray:
    data, dtype, segment_ids, index = _arguments(f"segment_{reduce}", data, segment_ids)
    num_segments = count(f"segment_{reduce}", "num_segments", num_segments)
    out = np.empty((num_segments, *data.shape[1:]), data.dtype)
    library.native.segment_reduce(
        ids=pointer(segment_ids),
        data=pointer(data),
        out=pointer(out),
        count=len(data),
        segments=num_segments,
        width=prod(data.shape[1:]),
        dtype=dtype,
        index=index,
        reduce=library.REDUCE[reduce],
        threads=0,
    )
    return out


def _arguments(op: str, data: np.ndarray, segment_ids: np.ndarray) -> tuple[np.ndarray, int, np.ndarray, int]:
    data, dtype = values(op, data)
    (segment_ids,), index = ids(op, segment_ids)
    shapes.rows(op, "segment_ids", segment_ids.shape, len(data), "as many as data has")
    return data, dtype, segment_ids, index
