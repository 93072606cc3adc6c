"""Kernels on JAX arrays: XLA calls the library on CPUs, and runs the same in jax.numpy elsewhere.

grad and jvp of any order, vmap over values, jit, remat, scan, pmap and shard_map go through. float32, bfloat16 and
float16, and float64 in JAX's 64-bit mode. An id out of range raises when the computation runs.
"""

from heddle_kernels.jax.gather import gather
from heddle_kernels.jax.sddmm import sddmm
from heddle_kernels.jax.segment import segment_max, segment_mean, segment_sum
from heddle_kernels.jax.segment_matmul import segment_matmul
from heddle_kernels.jax.softmax import segment_softmax
from heddle_kernels.jax.spmm import spmm

__all__ = [
    "gather",
    "sddmm",
    "segment_matmul",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "spmm",
]
