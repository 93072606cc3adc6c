"""Kernels on CUDA devices: what the operators of heddle_kernels.torch run on CUDA tensors, and a sampler.

Calls queue work on the current stream and never wait, so that ids out of range can't raise where they are passed: such
entries are left out and the first is kept until `heddle_kernels.cuda.device.check` waits for the device and raises it.
"""

from heddle_kernels.cuda.library import unavailable

__all__ = ["unavailable"]
