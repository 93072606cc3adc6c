"""pyg-lib's functions under their own names, and PyG with them in its place."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch

from heddle.errors import ConfigError, GraphError
from heddle_kernels.pyg_lib_api import ops, sampler


def graph(n=60, e=700, seed=0):
    """Return rowptr, col of a random graph and, for each edge, its row."""
    generator = torch.Generator().manual_seed(seed)
    row = torch.randint(n, (e,), generator=generator).sort().values
    rowptr = torch.cat([torch.zeros(1, dtype=torch.int64), row.bincount(minlength=n).cumsum(0)])
    return rowptr, torch.randint(n, (e,), generator=generator), row


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("csc", [False, True])
@pytest.mark.parametrize("disjoint", [False, True])
def test_neighbor_sample(dtype, csc, disjoint):
    rowptr, col, rows = (tensor.to(dtype) for tensor in graph())
    seed = torch.tensor([3, 17, 3], dtype=dtype)
    out = sampler.neighbor_sample(rowptr, col, seed, [4, 2], csc=csc, disjoint=disjoint)
    near, far = (out[1], out[0]) if csc else (out[0], out[1])
    node, edge = out[2], out[3]
    if disjoint:
        assert torch.equal(node[:3, 0], torch.arange(3, dtype=dtype))
        assert torch.equal(node[near.long(), 0], node[far.long(), 0])
        node = node[:, 1]
    assert torch.equal(node[:3], seed) and {tensor.dtype for tensor in out[:4]} == {dtype}
    assert torch.equal(rows[edge.long()], node[near.long()]) and torch.equal(
        col[edge.long()], node[far.long()]
    )
    assert sum(out[4]) == len(node) and sum(out[5]) == len(edge) and len(out[4]) == 3
    counts = torch.bincount(near.long())[:3]
    assert torch.equal(counts, (rowptr[1:] - rowptr[:-1])[seed.long()].clamp(max=4).long())


def test_torch_decides_the_random_numbers():
    rowptr, col, _ = graph()

    def draw(number):
        torch.manual_seed(number)
        return sampler.neighbor_sample(rowptr, col, torch.arange(20), [3, 3])[3].tolist()

    assert draw(1) == draw(1) != draw(2)


def test_times_and_weights():
    rowptr, col, _ = graph()
    time, weight = torch.arange(700) % 50, (torch.arange(700) % 3).double()
    at = torch.tensor([20, 30])
    arguments = {"edge_time": time, "seed_time": at, "disjoint": True, "edge_weight": weight, "replace": True}
    row, _, node, edge, _, counts = sampler.neighbor_sample(
        rowptr, col, torch.tensor([1, 2]), [5, 5], **arguments
    )
    assert counts[0] == 10 and (time[edge] <= at[node[row, 0]]).all() and (weight[edge] > 0).all()
    with pytest.raises(ConfigError, match="disjoint: found False"):
        sampler.neighbor_sample(rowptr, col, torch.tensor([1]), [5], edge_time=time, seed_time=at[:1])
    with pytest.raises(GraphError, match="seed_time: found none"):
        sampler.neighbor_sample(rowptr, col, torch.tensor([1]), [5], edge_time=time, disjoint=True)
    newest = {"edge_time": time, "seed_time": at[:1], "disjoint": True, "temporal_strategy": "last"}
    edge = sampler.neighbor_sample(rowptr, col, torch.tensor([1]), [2], **newest)[3]
    mine = time[rowptr[1] : rowptr[2]]
    assert time[edge].sort().values.tolist() == mine[mine <= 20].sort().values[-2:].tolist()


def test_a_graph_that_changed_is_another_graph():
    rowptr, col, _ = graph()
    first = sampler.neighbor_sample(rowptr, col, torch.tensor([5]), [-1])
    col += 1
    with pytest.raises(GraphError, match=r"senders\[\d+\]: found 60"):
        sampler.neighbor_sample(rowptr, col, torch.tensor([5]), [-1])
    col %= 60
    again = sampler.neighbor_sample(rowptr, col, torch.tensor([5]), [-1])
    assert torch.equal(again[3], first[3]) and torch.equal(again[2][again[1]], (first[2][first[1]] + 1) % 60)


def test_all_neighbours_come_in_the_order_of_pyg_lib():
    """On the path 0 - 1 - 2 - 3, from 1: rows are positions of 1, 0, 2 and 3 in the order in which they are met."""
    rowptr, col = torch.tensor([0, 1, 3, 5, 6]), torch.tensor([1, 0, 2, 1, 3, 2])
    near, far, node, edge, nodes, edges = sampler.neighbor_sample(rowptr, col, torch.tensor([1]), [-1, -1])
    assert node.tolist() == [1, 0, 2, 3] and (nodes, edges) == ([1, 2, 1], [2, 3])
    assert near.tolist() == [0, 0, 1, 2, 2] and far.tolist() == [1, 2, 0, 0, 3]
    assert edge.tolist() == [1, 2, 0, 3, 4]
    assert sampler.neighbor_sample(rowptr, col, node, [1], return_edge_id=False)[3] is None


def test_tensors_elsewhere_give_one_clear_error():
    with pytest.raises(GraphError, match="sampler: found a tensor on meta, expected one on the CPU"):
        sampler.random_walk(*(tensor.to("meta") for tensor in graph()[:2]), torch.tensor([1]), 3)


@pytest.mark.parametrize("csc", [False, True])
def test_hetero_neighbor_sample(csc):
    """Users buy items: rows of users lead to items; read as CSC, columns of items to users."""
    torch.manual_seed(0)
    buys, likes = ("user", "buys", "item"), ("item", "like", "item")
    near_of = {buys: "item" if csc else "user", likes: "item"}
    far_of = {buys: "user" if csc else "item", likes: "item"}
    sizes = {"user": 30, "item": 40}
    rowptrs, cols, rows = {}, {}, {}
    for key in (buys, likes):
        rowptrs[key], _, rows[key] = graph(sizes[near_of[key]], 300, seed=len(rows))
        cols[key] = torch.randint(sizes[far_of[key]], (300,))
    seeds = {near_of[buys]: torch.arange(6)}
    for _ in range(2):
        torch.manual_seed(1)
        row, col, node, edge, node_counts, edge_counts = sampler.hetero_neighbor_sample(
            rowptrs, cols, seeds, {buys: [3, 2], likes: [2, 2]}, csc=csc
        )
    for key in (buys, likes):
        near, far = (col[key], row[key]) if csc else (row[key], col[key])
        assert torch.equal(rows[key][edge[key]], node[near_of[key]][near])
        assert torch.equal(cols[key][edge[key]], node[far_of[key]][far])
        assert sum(edge_counts[key]) == len(edge[key]) > 0
    assert {node_type: sum(counts) for node_type, counts in node_counts.items()} == {
        k: len(ids) for k, ids in node.items()
    }
    assert torch.equal(node[near_of[buys]][:6], torch.arange(6))


def test_subgraph_and_random_walk():
    rowptr, col, rows = graph()
    nodes = torch.tensor([7, 1, 30, 12, 44])
    out, far, edge = sampler.subgraph(rowptr, col, nodes)
    there = torch.isin(rows, nodes) & torch.isin(col, nodes)
    assert sorted(edge.tolist()) == there.nonzero()[:, 0].tolist() and out[-1] == len(far)
    near = torch.repeat_interleave(torch.arange(5), out.diff())
    assert torch.equal(nodes[near], rows[edge]) and torch.equal(nodes[far], col[edge])
    walks = sampler.random_walk(rowptr, col, nodes, 6, p=0.5, q=2.0)
    assert walks.shape == (5, 7) and torch.equal(walks[:, 0], nodes)
    links = set(zip(rows.tolist(), col.tolist()))
    assert all(step in links for walk in walks.tolist() for step in pairwise(walk))


@pytest.mark.parametrize("largest", [None, 9, 10**12])
def test_index_sort(largest):
    inputs = torch.tensor([3, 0, 9, 3, 3, 1])
    values, order = ops.index_sort(inputs, max_value=largest)
    assert values.tolist() == [0, 1, 3, 3, 3, 9] and order.tolist() == [1, 5, 0, 3, 4, 2]
    assert ops.index_sort(inputs[:0])[1].tolist() == []


@pytest.mark.parametrize("biased", [False, True])
def test_segment_matmul(biased):
    torch.manual_seed(0)
    inputs, other, bias = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((8, 5), (3, 5, 7), (3, 7))
    )
    ptr = torch.tensor([0, 5, 5, 8])
    actual = ops.segment_matmul(inputs, ptr, other, bias if biased else None)
    expected = torch.cat([inputs[:5] @ other[0], inputs[5:] @ other[2]])
    if biased:
        expected = expected + bias[[0] * 5 + [2] * 3]
    assert torch.allclose(actual, expected)
    leaves = (inputs, other, bias) if biased else (inputs, other)
    for one, another in zip(*(torch.autograd.grad((out**2).sum(), leaves) for out in (actual, expected))):
        assert torch.allclose(one, another)


@pytest.mark.parametrize("biased", [False, True])
def test_grouped_matmul(biased):
    torch.manual_seed(0)
    shapes = ((5, 4, 3), (1, 6, 2), (0, 2, 2))
    inputs, others, biases = (
        [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes_of]
        for shapes_of in ([s[:2] for s in shapes], [s[1:] for s in shapes], [s[2:] for s in shapes])
    )
    actual = ops.grouped_matmul(inputs, others, biases if biased else None)
    expected = [a @ b + (c if biased else 0) for a, b, c in zip(inputs, others, biases)]
    assert isinstance(actual, list) and all(
        torch.allclose(a, b) for a, b in zip(actual, expected, strict=True)
    )
    leaves = inputs + others + (biases if biased else [])
    grads = [torch.autograd.grad(sum((out**2).sum() for out in outs), leaves) for outs in (actual, expected)]
    assert all(torch.allclose(a, b) for a, b in zip(*grads))


IN_PYG = """
import sys, warnings
import torch
if {early}:
    import torch_geometric.loader, torch_geometric.nn
from heddle_kernels.pyg_lib_api import install
assert "pyg_lib" not in sys.modules
install()
install()
import pyg_lib, torch_geometric
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import HGTLoader, LinkNeighborLoader, NeighborLoader
from torch_geometric.nn import HeteroDictLinear, HeteroLinear, Node2Vec, RGCNConv
warnings.simplefilter("error")

torch.manual_seed(0)
data = Data(x=torch.arange(200.0)[:, None], edge_index=torch.randint(200, (2, 3000)), edge_attr=torch.arange(3000))
for batch in NeighborLoader(data, [5, 3], input_nodes=torch.arange(60), batch_size=20, num_workers=2):
    assert torch.equal(data.edge_index[:, batch.edge_attr], batch.n_id[batch.edge_index])
batch = next(iter(LinkNeighborLoader(data, [3], edge_label_index=data.edge_index[:, :9], neg_sampling="binary")))
assert torch.equal(data.edge_index[:, batch.edge_attr], batch.n_id[batch.edge_index])

types = HeteroData()
types["a"].x, types["b"].x = torch.arange(50.0)[:, None], torch.arange(70.0)[:, None]
types["a", "to", "b"].edge_index = torch.stack([torch.randint(50, (400,)), torch.randint(70, (400,))])
types["b", "to", "a"].edge_index = types["a", "to", "b"].edge_index.flip(0)
for loader in (
    NeighborLoader(types, [4, 4], input_nodes="b", batch_size=10),
    HGTLoader(types, [8, 4], input_nodes="b", batch_size=10),
):
    batch = next(iter(loader))
    for key in types.edge_types:
        ends = batch[key].edge_index
        found = torch.stack([batch[key[0]].n_id[ends[0]], batch[key[2]].n_id[ends[1]]])
        assert ends.numel() and torch.equal(types[key].edge_index[:, batch[key].e_id], found)

pairs, false_pairs = next(iter(Node2Vec(data.edge_index, 8, 6, 3, p=0.5).loader(batch_size=4)))
assert pairs.shape[1] == 3

torch_geometric.backend.use_segment_matmul = True
linear, kinds = HeteroLinear(1, 3, 4), torch.randint(4, (200,)).sort().values
assert torch.allclose(linear(data.x, kinds), (data.x[:, None] @ linear.weight[kinds])[:, 0] + linear.bias[kinds])
by_type = HeteroDictLinear({"a": 1, "b": 1}, 3)
for kind, found in by_type({kind: types[kind].x for kind in "ab"}).items():
    assert torch.allclose(found, by_type.lins[kind](types[kind].x))
torch_geometric.backend.use_segment_matmul = None

conv = RGCNConv(1, 2, 300)  # many relations, where PyG alone would mix their means
kinds = torch.randint(300, (3000,))
expected = data.x @ conv.root + conv.bias
for kind in range(300):
    ends = data.edge_index[:, kinds == kind]
    degree = ends[1].bincount(minlength=200).clamp(min=1)[:, None]
    expected = expected + torch.zeros(200, 1).index_add_(0, ends[1], data.x[ends[0]]) / degree @ conv.weight[kind]
assert torch.allclose(conv(data.x, data.edge_index, kinds), expected, rtol=1e-4, atol=1e-3)
print("done")
"""


@pytest.mark.parametrize("early", [False, True])
def test_pyg_uses_it_after_install(early):
    pytest.importorskip("torch_geometric")
    script = IN_PYG.replace("{early}", str(early))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["done"], done.stderr


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_sampled_operations(name):
    """pyg-lib's own cases: either index or none."""
    left, right = torch.randn(5, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64) + 1
    index = {"left_index": torch.tensor([4, 0, 0]), "right_index": torch.tensor([3, 3, 1])}
    sampled, plain = getattr(ops, f"sampled_{name}"), getattr(torch, name)
    want = plain(left[index["left_index"]], right[index["right_index"]])
    torch.testing.assert_close(sampled(left, right, **index), want)
    torch.testing.assert_close(
        sampled(left[:3], right, None, index["right_index"]), plain(left[:3], right[[3, 3, 1]])
    )
    torch.testing.assert_close(
        sampled(left, right[:3], index["left_index"]), plain(left[[4, 0, 0]], right[:3])
    )
    with pytest.raises(GraphError, match="found 5, expected an id"):
        sampled(left, right[:1], torch.tensor([5]))
    inputs = [each.requires_grad_() for each in (left, right)]
    torch.autograd.gradcheck(lambda a, b: sampled(a, b, **index), inputs)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_csr(dim):
    """An empty group, and a softmax of each of the others."""
    src, ptr = torch.randn(6, 6, dtype=torch.float64, requires_grad=True), torch.tensor([0, 2, 2, 5, 6])
    want = torch.cat([part.softmax(dim) for part in src.split([2, 3, 1], dim)], dim)
    torch.testing.assert_close(ops.softmax_csr(src, ptr, dim), want)
    torch.autograd.gradcheck(lambda src: ops.softmax_csr(src, ptr, dim), src)
