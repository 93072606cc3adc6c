"""Registers these kernels as what the operators of heddle_kernels.torch do on CUDA tensors.

Where the library can't be used, they raise its reason when they are called.
"""

from heddle_kernels.cuda import matmul, segments, sparse
from heddle_kernels.torch.define import LIBRARY

_WITH_GRADIENT = {
    "segment_matmul": matmul.segment_matmul,
    "segment_outer": matmul.segment_outer,
    "grouped_matmul": matmul.grouped_matmul,
    "grouped_outer": matmul.grouped_outer,
    "spmm": sparse.spmm,
    "spmm_max": sparse.spmm_max,
    "spmm_top": sparse.spmm_top,
    "sddmm": sparse.sddmm,
    "sddmm_top": sparse.sddmm_top,
    "edge_sum": sparse.edge_sum,
    "gather": segments.gather,
    "segment_reduce": segments.segment_reduce,
    "segment_softmax": segments.segment_softmax,
    "segment_softmax_grad": segments.segment_softmax_grad,
}

REGISTERED = {
    **_WITH_GRADIENT,
    **{f"{name}_forward": function for name, function in _WITH_GRADIENT.items()},
    "index_sort": segments.index_sort,
}
"""Name of each operator -> its function on CUDA tensors."""

for _name, _function in REGISTERED.items():
    LIBRARY.impl(_name, _function, "CUDA")
