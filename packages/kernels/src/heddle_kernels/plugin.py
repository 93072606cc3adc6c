"""Describes this package to Heddle; the heavy code is named by strings and loaded on use."""

from heddle.hookspecs import KernelInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_kernels():
    return [KernelInfo("neighbor_sample", "numpy", "cpu", "heddle_kernels.sampling:NeighborSampler")]
