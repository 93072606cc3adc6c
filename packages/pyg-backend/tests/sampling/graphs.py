"""Graphs whose features and edges say what they are, and what batches of them must hold."""

import torch
from torch_geometric.data import Data, HeteroData

N, E = 300, 4000


def homogeneous(**columns) -> Data:
    torch.manual_seed(0)
    x, edge_index = torch.arange(N).float()[:, None], torch.randint(N, (2, E))
    return Data(x=x, edge_index=edge_index, edge_attr=torch.arange(E), **columns)


def heterogeneous() -> HeteroData:
    torch.manual_seed(1)
    data, sizes = HeteroData(), {"author": 120, "paper": 200, "venue": 7}
    for node_type, n in sizes.items():
        data[node_type].x = torch.arange(n).float()[:, None]
    for source, name, target, n in (
        ("author", "writes", "paper", 900),
        ("paper", "rev_writes", "author", 900),
        ("paper", "cites", "paper", 1500),
        ("venue", "prints", "paper", 200),
        ("author", "edits", "venue", 0),
    ):
        ends = [torch.randint(sizes[node_type], (n,)) for node_type in (source, target)]
        data[source, name, target].edge_index = torch.stack(ends)
        data[source, name, target].edge_attr = torch.arange(n)
    return data


def check_homogeneous(data: Data, batch: Data) -> None:
    """Features and edges of a batch are those of the graph."""
    assert torch.equal(batch.x[:, 0].long(), batch.n_id)
    assert torch.equal(data.edge_index[:, batch.edge_attr], batch.n_id[batch.edge_index])
    assert torch.equal(batch.e_id, batch.edge_attr)


def check_heterogeneous(data: HeteroData, batch: HeteroData) -> None:
    for node_type in data.node_types:
        assert torch.equal(batch[node_type].x[:, 0].long(), batch[node_type].n_id)
    for key in data.edge_types:
        ends = batch[key].edge_index
        actual = torch.stack([batch[key[0]].n_id[ends[0]], batch[key[2]].n_id[ends[1]]])
        assert torch.equal(data[key].edge_index[:, batch[key].edge_attr], actual)
