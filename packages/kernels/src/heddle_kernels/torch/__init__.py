"""Kernels on torch tensors, as operators of torch.library: gradients of any order, vmap, torch.compile without breaks.

float32, float64, bfloat16 and float16; int32 and int64 ids. Inputs that aren't contiguous are copied. Each call uses
`torch.get_num_threads()` threads.
"""

from heddle_kernels.torch.define import LIBRARY
from heddle_kernels.torch.grouped_matmul import grouped_matmul
from heddle_kernels.torch.on_cuda import register
from heddle_kernels.torch.relational_conv import relational_conv
from heddle_kernels.torch.sddmm import sddmm
from heddle_kernels.torch.segment import gather, segment_max, segment_mean, segment_sum
from heddle_kernels.torch.segment_matmul import segment_matmul
from heddle_kernels.torch.softmax import segment_softmax
from heddle_kernels.torch.sort import build_adjacency, index_sort
from heddle_kernels.torch.spmm import spmm

__all__ = [
    "build_adjacency",
    "gather",
    "grouped_matmul",
    "index_sort",
    "relational_conv",
    "sddmm",
    "segment_matmul",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "spmm",
]

register(LIBRARY)
