"""Samples don't depend on who draws them: 1, 2 or 4 threads, in the process itself or in 2 or 4 workers."""

import subprocess
import sys

import pytest
import torch
from torch_geometric.loader import LinkNeighborLoader, NeighborLoader, NodeLoader

from heddle_pyg.sampling.hgt import HGTLoader, HGTSampler
from heddle_pyg.sampling.neighbors import PygNeighborSampler

from .graphs import heterogeneous, homogeneous

RUNS = [(workers, threads) for workers in (0, 2, 4) for threads in (1, 2, 4) if workers == 0 or threads == 2]


def nodes_of_one_type(workers, threads):
    data = homogeneous()
    sampler = PygNeighborSampler(data, [5, 3], seed=7, threads=threads, share_memory=workers > 0)
    return NeighborLoader(data, [5, 3], neighbor_sampler=sampler, batch_size=64, num_workers=workers)


def nodes_of_many_types(workers, threads):
    data = heterogeneous()
    sampler = PygNeighborSampler(data, [5, 3], seed=7, threads=threads)
    return NodeLoader(data, sampler, input_nodes="paper", batch_size=64, num_workers=workers)


def links(workers, threads):
    data = homogeneous()
    sampler = PygNeighborSampler(data, [4, 2], seed=7, threads=threads)
    return LinkNeighborLoader(
        data,
        [4, 2],
        neighbor_sampler=sampler,
        edge_label_index=data.edge_index[:, :200],
        neg_sampling="binary",
        batch_size=50,
        num_workers=workers,
    )


def layers(workers, threads):
    data = heterogeneous()
    sampler = HGTSampler(data, [8, 8], seed=7, threads=threads)
    return HGTLoader(data, [8, 8], "paper", hgt_sampler=sampler, batch_size=64, num_workers=workers)


def content(loader):
    """Return everything a loader gives as one list of tensors by name."""
    results = []
    for batch in loader:
        for store in batch.stores:
            results += [
                (store._key, name, value)
                for name, value in sorted(store.items())
                if isinstance(value, torch.Tensor)
            ]
    return results


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # 4 workers on 2 processors
@pytest.mark.parametrize("make", [nodes_of_one_type, nodes_of_many_types, links, layers])
def test_batches_are_identical(make):
    expected = content(make(0, 1))
    assert len(expected) > 12
    for workers, threads in RUNS[1:]:
        actual = content(make(workers, threads))
        assert [entry[:2] for entry in actual] == [entry[:2] for entry in expected]
        for (key, name, one), (_, _, other) in zip(actual, expected):
            assert torch.equal(one, other), f"{workers} workers, {threads} threads: {key} {name}"


def test_running_workers_see_the_epoch():
    data = homogeneous()
    sampler = PygNeighborSampler(data, [5, 3], seed=7)
    loader = NodeLoader(data, sampler, batch_size=150, num_workers=2, persistent_workers=True)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(torch.cat([batch.e_id for batch in loader]))
    assert torch.equal(epochs[0], epochs[2]) and not torch.equal(epochs[0], epochs[1])


AFTER_THREADS = """
import torch
from torch_geometric.data import Data
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import NodeSamplerInput
from heddle_pyg.sampling.neighbors import PygNeighborSampler

data = Data(num_nodes=5000, edge_index=torch.randint(5000, (2, 100000)))
sampler = PygNeighborSampler(data, [10, 10], threads=4)
for _ in range(3):
    sampler.sample_from_nodes(NodeSamplerInput(None, torch.arange(5000)))
    total = sum(batch.num_edges for batch in NodeLoader(data, sampler, batch_size=500, num_workers=2))
print("done", total > 0)
"""


def test_workers_do_not_hang_after_threads_were_used_in_the_parent():
    done = subprocess.run([sys.executable, "-c", AFTER_THREADS], capture_output=True, text=True, timeout=180)
    assert done.stdout.split() == ["done", "True"], done.stderr
