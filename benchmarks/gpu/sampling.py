"""Neighbour sampling on a card against the same samples on the processor.

python benchmarks/gpu/sampling.py [--nodes 1000000] [--edges 20000000]
"""

import argparse
from time import perf_counter

import numpy as np
import torch
from card import require_card

from heddle.sampling.types import Fanout, homogeneous, in_edges


def main() -> None:
    """Draw batches of 1024 seeds with both samplers, compare the samples, print edges a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    asked = parser.parse_args()
    require_card()
    from heddle_kernels.cuda.sampling import CudaNeighborSampler as OnCard
    from heddle_kernels.numpy import build_adjacency
    from heddle_kernels.sampling import NeighborSampler as OnProcessor

    rng = np.random.default_rng(0)
    ends = rng.integers(0, asked.nodes, (2, asked.edges))
    graph = homogeneous(in_edges(build_adjacency(*ends, asked.nodes, asked.nodes)), asked.nodes)
    samplers = {"card": OnCard(graph), "processor": OnProcessor(graph)}
    for sizes in ((15, 10), (50, 50)):
        first = {}
        for name, sampler in samplers.items():
            seeds = rng.integers(0, asked.nodes, (12, 1024))
            first[name] = sampler.sample(np.arange(1024), Fanout(sizes), key=1)
            torch.cuda.synchronize()
            start, edges = perf_counter(), 0
            for key, batch in enumerate(seeds):
                edges += sum(sampler.sample(batch, Fanout(sizes), key=key).edges_per_hop)
            torch.cuda.synchronize()
            print(f"{sizes!s:9} {name:10} {edges / (perf_counter() - start) / 1e6:8.1f} M edges/s")
        same = np.array_equal(first["card"].edges.cpu(), first["processor"].edges)
        print(f"{sizes!s:9} samples are {'equal' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
