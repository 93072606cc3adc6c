"""Kernels on numpy arrays: float32, float64, float16, and bfloat16 (of ml_dtypes); int32 and int64 ids.

Inputs that aren't contiguous or aligned are copied. No gradients.
"""

from heddle_kernels.numpy.partition import partition
from heddle_kernels.numpy.sddmm import sddmm
from heddle_kernels.numpy.segment import gather, segment_max, segment_mean, segment_softmax, segment_sum
from heddle_kernels.numpy.segment_matmul import grouped_matmul, segment_matmul
from heddle_kernels.numpy.sort import build_adjacency, index_sort
from heddle_kernels.numpy.spmm import spmm
from heddle_kernels.numpy.sum_rows import sum_rows

__all__ = [
    "build_adjacency",
    "gather",
    "grouped_matmul",
    "index_sort",
    "partition",
    "sddmm",
    "segment_matmul",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "spmm",
    "sum_rows",
]
