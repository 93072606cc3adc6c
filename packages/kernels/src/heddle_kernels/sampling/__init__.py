"""Neighbour sampling natively: `NeighborSampler`, the same samples as core's reference to the bit, in parallel."""

from heddle_kernels.sampling.sampler import NeighborSampler

__all__ = ["NeighborSampler"]
