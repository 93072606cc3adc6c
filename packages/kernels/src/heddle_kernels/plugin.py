"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.hookspecs import KernelInfo, hookimpl
from heddle_kernels.cuda.library import unavailable

PLUGIN_API = (1, 0)

_ON_CUDA = (
    "segment_matmul",
    "grouped_matmul",
    "spmm",
    "sddmm",
    "segment_sum",
    "segment_max",
    "segment_softmax",
)


@hookimpl
def heddle_kernels():
    reason = unavailable()
    on_cuda = [
        KernelInfo(name, "torch", "cuda", f"heddle_kernels.torch:{name}", ("torch",), reason)
        for name in _ON_CUDA
    ]
    return [
        KernelInfo("neighbor_sample", "numpy", "cpu", "heddle_kernels.sampling:NeighborSampler"),
        *on_cuda,
    ]
