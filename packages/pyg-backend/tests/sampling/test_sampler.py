"""PyG's loaders on core's samplers, where neither pyg-lib nor torch-sparse is installed."""

import logging
import pickle

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import LinkNeighborLoader, NeighborLoader, NodeLoader
from torch_geometric.sampler import NegativeSampling, NodeSamplerInput
from torch_geometric.testing import MyFeatureStore, MyGraphStore
from torch_geometric.utils import trim_to_layer

from heddle.engines.plugins import Registry
from heddle.errors import GraphError, PluginError
from heddle.sampling import ReferenceSampler
from heddle_pyg.sampling import neighbors as module
from heddle_pyg.sampling.neighbors import PygNeighborSampler, default_kernel

from .graphs import E, N, check_heterogeneous, check_homogeneous, heterogeneous, homogeneous


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("disjoint", [False, True])
def test_neighbor_loader(replace, disjoint):
    data = homogeneous()
    sampler = PygNeighborSampler(data, [5, 3], replace=replace, disjoint=disjoint)
    nodes = torch.tensor([5, 9, 5, 299, 0, 1, 2])
    for number, batch in enumerate(
        NeighborLoader(data, [5, 3], neighbor_sampler=sampler, input_nodes=nodes, batch_size=4)
    ):
        check_homogeneous(data, batch)
        assert torch.equal(batch.n_id[: batch.batch_size], nodes[4 * number : 4 * number + 4])
        assert sum(batch.num_sampled_nodes) == batch.num_nodes
        assert sum(batch.num_sampled_edges) == batch.num_edges
        if disjoint:
            assert torch.equal(batch.batch[batch.edge_index[0]], batch.batch[batch.edge_index[1]])
    counts = batch.edge_index[1].bincount(minlength=batch.num_nodes)[: batch.batch_size]
    degrees = data.edge_index[1].bincount(minlength=N)[batch.n_id[: batch.batch_size]]
    assert torch.equal(counts, torch.full_like(counts, 5) if replace else degrees.clamp(max=5))
    x, edge_index, _ = trim_to_layer(
        1, batch.num_sampled_nodes, batch.num_sampled_edges, batch.x, batch.edge_index
    )
    assert edge_index.max() < len(x) == sum(batch.num_sampled_nodes[:2])


def test_node_loader_on_types():
    data = heterogeneous()
    fan = {key: [4, 2] for key in data.edge_types} | {("paper", "cites", "paper"): [-1, 0]}
    sampler = PygNeighborSampler(data, fan)
    for batch in NodeLoader(data, sampler, input_nodes=("paper", torch.arange(50)), batch_size=16):
        check_heterogeneous(data, batch)
        assert batch["paper"].n_id[: batch["paper"].batch_size].tolist() == batch["paper"].input_id.tolist()
        cites = batch["paper", "cites", "paper"]
        assert cites.num_sampled_edges[1] == 0 and sum(cites.num_sampled_edges) == cites.num_edges


@pytest.mark.parametrize("subgraph_type", ["induced", "bidirectional"])
def test_subgraph_types(subgraph_type):
    data = homogeneous()
    sampler = PygNeighborSampler(data, [3], subgraph_type=subgraph_type)
    batch = next(iter(NodeLoader(data, sampler, input_nodes=torch.arange(20), batch_size=20)))
    if subgraph_type == "induced":
        check_homogeneous(data, batch)
        there = torch.isin(data.edge_index, batch.n_id).all(0)
        assert sorted(batch.e_id.tolist()) == there.nonzero()[:, 0].tolist()
    else:
        pairs = set(map(tuple, batch.edge_index.t().tolist()))
        assert pairs and {(b, a) for a, b in pairs} == pairs
    types = heterogeneous()
    sampler = PygNeighborSampler(types, [3], subgraph_type="induced")
    check_heterogeneous(types, next(iter(NodeLoader(types, sampler, input_nodes="venue", batch_size=3))))


def test_backward_sampling_follows_edges():
    data = homogeneous()
    sampler = PygNeighborSampler(data, [4], sample_direction="backward")
    batch = next(iter(NodeLoader(data, sampler, input_nodes=torch.arange(10), batch_size=10)))
    check_homogeneous(data, batch)
    assert (batch.edge_index[0] < 10).all()
    types = heterogeneous()
    sampler = PygNeighborSampler(types, [4], sample_direction="backward")
    batch = next(iter(NodeLoader(types, sampler, input_nodes="author", batch_size=10)))
    check_heterogeneous(types, batch)
    writes = batch["author", "writes", "paper"]
    assert writes.num_edges and (writes.edge_index[0] < 10).all()


@pytest.mark.parametrize("negatives", [None, NegativeSampling("binary", 1.0), NegativeSampling("triplet", 2)])
def test_link_neighbor_loader(negatives):
    data, links = homogeneous(), homogeneous().edge_index[:, :40]
    sampler = PygNeighborSampler(data, [5, 3])
    loader = LinkNeighborLoader(
        data, [5, 3], neighbor_sampler=sampler, edge_label_index=links, neg_sampling=negatives, batch_size=16
    )
    for number, batch in enumerate(loader):
        check_homogeneous(data, batch)
        n = min(16, 40 - 16 * number)
        if negatives is not None and negatives.is_triplet():
            actual = torch.stack([batch.n_id[batch.src_index], batch.n_id[batch.dst_pos_index]])
        else:
            actual = batch.n_id[batch.edge_label_index][:, :n]
        assert torch.equal(actual, links[:, 16 * number : 16 * number + n])


def test_links_between_types():
    data = heterogeneous()
    relation = ("author", "writes", "paper")
    sampler = PygNeighborSampler(data, [3, 2])
    links = data[relation].edge_index[:, :30]
    loader = LinkNeighborLoader(
        data,
        [3, 2],
        neighbor_sampler=sampler,
        edge_label_index=(relation, links),
        neg_sampling="binary",
        batch_size=30,
    )
    batch = next(iter(loader))
    check_heterogeneous(data, batch)
    actual = batch[relation].edge_label_index[:, :30]
    assert torch.equal(torch.stack([batch["author"].n_id[actual[0]], batch["paper"].n_id[actual[1]]]), links)


@pytest.mark.parametrize("strategy", ["uniform", "last"])
@pytest.mark.parametrize("level", ["node", "edge"])
def test_times(level, strategy):
    times = torch.randint(100, (N if level == "node" else E,), generator=torch.Generator().manual_seed(3))
    data = homogeneous(**{f"{level}_when": times})
    sampler = PygNeighborSampler(data, [4, 4], time_attr=f"{level}_when", temporal_strategy=strategy)
    nodes = torch.arange(60)
    at = torch.full((60,), 50) if level == "edge" else times[nodes]
    loader = NeighborLoader(
        data,
        [4, 4],
        neighbor_sampler=sampler,
        input_nodes=nodes,
        input_time=at,
        time_attr=f"{level}_when",
        batch_size=60,
    )
    batch = next(iter(loader))
    check_homogeneous(data, batch)
    tree = batch.batch[batch.edge_index[1]]
    born = times[batch.n_id[batch.edge_index[0]]] if level == "node" else times[batch.e_id]
    assert batch.num_edges > 100 and (born <= at[tree]).all()
    if strategy == "last":
        for position in range(60):
            into = data.edge_index[1] == batch.n_id[position]
            all_born = (times[data.edge_index[0]] if level == "node" else times)[into]
            usable = all_born[all_born <= at[position]].sort().values
            assert born[batch.edge_index[1] == position].sort().values.tolist() == usable[-4:].tolist()


def test_times_of_types():
    data = heterogeneous()
    data["paper"].year = torch.randint(2000, 2020, (200,))
    sampler = PygNeighborSampler(data, [5, 5], time_attr="year")
    loader = NodeLoader(data, sampler, input_nodes="paper", batch_size=50)
    batch = next(iter(loader))
    check_heterogeneous(data, batch)
    cites = batch["paper", "cites", "paper"]
    tree = batch["paper"].batch[cites.edge_index[1]]
    assert cites.num_edges and (batch["paper"].year[cites.edge_index[0]] <= batch["paper"].year[tree]).all()


def test_weights():
    weight = torch.rand(E, generator=torch.Generator().manual_seed(4))
    weight[::2] = 0
    data = homogeneous(weight=weight)
    sampler = PygNeighborSampler(data, [3, 3], weight_attr="weight", replace=True)
    batch = next(iter(NodeLoader(data, sampler, input_nodes=torch.arange(N), batch_size=N)))
    check_homogeneous(data, batch)
    assert batch.num_edges and (weight[batch.e_id] > 0).all()
    types = heterogeneous()
    for key in types.edge_types:
        types[key].weight = torch.arange(types[key].num_edges).float() % 3
    sampler = PygNeighborSampler(types, [3], weight_attr="weight")
    batch = next(iter(NodeLoader(types, sampler, input_nodes="paper", batch_size=50)))
    check_heterogeneous(types, batch)
    assert (batch["paper", "cites", "paper"].weight > 0).all()


def test_stores():
    data, features, graph = homogeneous(), MyFeatureStore(), MyGraphStore()
    features.put_tensor(data.x, group_name=None, attr_name="x", index=None)
    graph.put_edge_index(data.edge_index, edge_type=None, layout="coo", size=(N, N))
    sampler = PygNeighborSampler((features, graph), [5, 3])
    batch = next(iter(NodeLoader((features, graph), sampler, input_nodes=torch.arange(100), batch_size=10)))
    assert torch.equal(batch.x[:, 0].long(), batch.n_id) and batch.num_edges > 50


def draw(sampler, nodes, node_type=None):
    return sampler.sample_from_nodes(NodeSamplerInput(torch.arange(len(nodes)), nodes, None, node_type))


def test_samples_are_those_of_the_reference():
    """Whichever kernel is installed, a batch is the same."""
    for data, node_type in ((homogeneous(), None), (heterogeneous(), "paper")):
        actual = [
            draw(PygNeighborSampler(data, [6, 4], seed=3, kernel=kernel), torch.arange(30), node_type)
            for kernel in (default_kernel(), ReferenceSampler)
        ]
        for field in ("node", "row", "col", "edge", "num_sampled_nodes"):
            one, other = (getattr(out, field) for out in actual)
            for key in one if isinstance(one, dict) else ():
                assert torch.equal(torch.as_tensor(one[key]), torch.as_tensor(other[key]))
            assert isinstance(one, dict) or torch.equal(torch.as_tensor(one), torch.as_tensor(other))


def test_seed_epoch_and_batch_decide():
    sampler, nodes = PygNeighborSampler(homogeneous(), [5, 5], seed=1), torch.arange(20)
    first, again = draw(sampler, nodes).edge, draw(sampler, nodes).edge
    assert torch.equal(first, again)
    sampler.set_epoch(1)
    assert not torch.equal(draw(sampler, nodes).edge, first)
    sampler.set_epoch(0)
    assert torch.equal(draw(sampler, nodes).edge, first)
    other = draw(PygNeighborSampler(homogeneous(), [5, 5], seed=2), nodes).edge
    assert not torch.equal(other, first)
    copy = pickle.loads(pickle.dumps(sampler))
    assert torch.equal(draw(copy, nodes).edge, first)


def test_early_and_late_neighbours_of_a_hub_are_as_likely():
    """At degree 40000, where 16 random bits would favour the first 25536 two to one."""
    hub = torch.stack([torch.arange(1, 40001), torch.zeros(40000, dtype=torch.int64)])
    sampler, counts = PygNeighborSampler(Data(num_nodes=40001, edge_index=hub), [50]), torch.zeros(40000)
    for epoch in range(400):
        sampler.set_epoch(epoch)
        counts[draw(sampler, torch.tensor([0])).edge] += 1
    early, expected = counts[:25536].sum(), 400 * 50 * 25536 / 40000
    assert abs(early - expected) < 4 * (expected * (1 - 25536 / 40000)) ** 0.5


def test_a_seed_out_of_range_gives_one_clear_error():
    with pytest.raises(GraphError, match=r"seeds\[1\]: found 300, expected an id in \[0, 300\)"):
        draw(PygNeighborSampler(homogeneous(), [5]), torch.tensor([1, 300]))


def test_without_kernels_the_log_says_once_why_it_is_slow(monkeypatch, caplog):
    monkeypatch.setattr(module, "load_plugins", lambda: Registry([]))
    default_kernel.cache_clear()
    with caplog.at_level(logging.WARNING):
        kernels = [PygNeighborSampler(homogeneous(), [2])._kernel for _ in range(2)]
    default_kernel.cache_clear()
    assert kernels == [ReferenceSampler, ReferenceSampler]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "neighbor_sample" in caplog.text and "isn't installed" in caplog.text


def test_the_kernel_is_installed():
    """The rest of this file is about it as well as about the reference."""
    try:
        assert default_kernel().__name__ == "NeighborSampler"
    except PluginError as error:
        pytest.fail(str(error))
