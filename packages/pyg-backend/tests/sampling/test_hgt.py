"""HGTLoader without torch-sparse."""

import pytest
import torch

from heddle.errors import ConfigError
from heddle_pyg.sampling.hgt import HGTLoader, HGTSampler

from .graphs import check_heterogeneous, heterogeneous, homogeneous


def test_hgt_loader():
    data = heterogeneous()
    for batch in HGTLoader(data, [6, 4], ("paper", torch.arange(40)), batch_size=16):
        check_heterogeneous(data, batch)
        n = batch["paper"].batch_size
        assert torch.equal(batch["paper"].n_id[:n], batch["paper"].input_id)
        assert batch["paper"].num_nodes == n + 10 and 0 < batch["author"].num_nodes <= 10
        for key in data.edge_types:
            there = torch.isin(data[key].edge_index[0], batch[key[0]].n_id)
            there &= torch.isin(data[key].edge_index[1], batch[key[2]].n_id)
            assert sorted(batch[key].e_id.tolist()) == there.nonzero()[:, 0].tolist()


def test_sizes_by_type_and_epochs():
    data = heterogeneous()
    sampler = HGTSampler(data, {"paper": [3, 0], "author": [5, 5]}, seed=2)
    loader = HGTLoader(data, [1], "paper", hgt_sampler=sampler, batch_size=32)
    first = next(iter(loader))
    assert (
        first["venue"].num_nodes == 0 and first["author"].num_nodes == 10 and first["paper"].num_nodes == 35
    )
    assert torch.equal(next(iter(loader))["author"].n_id, first["author"].n_id)
    sampler.set_epoch(1)
    assert not torch.equal(next(iter(loader))["author"].n_id, first["author"].n_id)


def test_it_takes_types_only():
    with pytest.raises(ConfigError, match="HGTSampler: data: found a Data"):
        HGTSampler(homogeneous(), [3])
