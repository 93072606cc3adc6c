"""The native sampler against core's definition, by core's suites."""

from heddle.testing.suites.sampler import SamplerSuite
from heddle.testing.suites.sampler_statistics import SamplerStatistics
from heddle_kernels.sampling import NeighborSampler


class TestNeighborSampler(SamplerSuite):
    make = NeighborSampler


class TestNeighborStatistics(SamplerStatistics):
    make = NeighborSampler
    rounds = 6000
