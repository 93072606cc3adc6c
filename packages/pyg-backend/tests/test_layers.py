"""Portable layers beside PyG's own convolutions with the same weights: values and all gradients."""

import pytest
import torch
from torch import Tensor
from torch_geometric import nn as pyg
from torch_geometric.data import HeteroData

from heddle.nn.layers.cheb import ChebConv
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.gin import GIN
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.layers.sage import SAGE
from heddle_pyg.layers.module import PortableModule

N, E, IN, OUT = 30, 120, 5, 6


def sage(aggregator: str):
    def names(p):
        bias = {"lin_l.bias": p["bias"]}
        return bias | {"lin_l.weight": p["weight_neighbour"].T, "lin_r.weight": p["weight_self"].T}

    return SAGE(IN, OUT, aggregator), pyg.SAGEConv(IN, OUT, aggregator), names


def gat(version: int, concat: bool):
    def names(p):
        if version == 1:
            ends = {"att_src": p["attention_sender"], "att_dst": p["attention_receiver"]}
            return ends | {"lin.weight": p["weight"].T, "bias": p["bias"]}
        ends = {"lin_l.weight": p["weight"].T, "lin_r.weight": p["weight_receiver"].T}
        return ends | {"att": p["attention"], "bias": p["bias"]}

    heads = 3
    layer = GAT(IN, OUT, heads, concat, version)
    if version == 1:
        return layer, pyg.GATConv(IN, layer.head_dim, heads, concat), names
    theirs = pyg.GATv2Conv(IN, layer.head_dim, heads, concat)
    theirs.lin_l.bias = theirs.lin_r.bias = None  # biases that the paper doesn't have
    return layer, theirs, names


def gin():
    def names(p):
        first = {"nn.0.weight": p["mlp.0.weight"].T, "nn.0.bias": p["mlp.0.bias"]}
        second = {"nn.2.weight": p["mlp.1.weight"].T, "nn.2.bias": p["mlp.1.bias"]}
        return {"eps": p["eps"]} | first | second

    mlp = torch.nn.Sequential(torch.nn.Linear(IN, OUT), torch.nn.ReLU(), torch.nn.Linear(OUT, OUT))
    return GIN(IN, OUT, norm=False), pyg.GINConv(mlp, train_eps=True), names


def gcn():
    return GCN(IN, OUT), pyg.GCNConv(IN, OUT), lambda p: {"lin.weight": p["weight"].T, "bias": p["bias"]}


def cheb():
    def names(p):
        return {f"lins.{k}.weight": w.T for k, w in enumerate(p["weight"])} | {"bias": p["bias"]}

    return ChebConv(IN, OUT, 3), pyg.ChebConv(IN, OUT, 3), names


# name -> (ours, PyG's, function that turns our names into PyG's; whether PyG's takes edge weights; whether it
# leaves loops as they are: GAT and Cheb remove them first)
CONVS = {
    "gcn": (gcn, False, True),
    "gcn_weighted": (gcn, True, True),
    "sage_mean": (lambda: sage("mean"), False, True),
    "sage_max": (lambda: sage("max"), False, True),
    "gat_concat": (lambda: gat(1, True), False, False),
    "gat_mean": (lambda: gat(1, False), False, False),
    "gatv2_concat": (lambda: gat(2, True), False, False),
    "gatv2_mean": (lambda: gat(2, False), False, False),
    "gin": (gin, False, True),
    "cheb": (cheb, False, False),
    "cheb_weighted": (cheb, True, False),
}


def edges(dtype: torch.dtype, loops: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Draw features, edges both ways (some repeated; node 0 has none) and symmetric weights; `loops` on few nodes."""
    generator = torch.Generator().manual_seed(0)
    half = torch.randint(1, N, (2, E), generator=generator)
    half = half[:, half[0] != half[1]]
    x = torch.randn(N, IN, generator=generator, dtype=dtype)
    weight = torch.rand(half.shape[1] + 5, generator=generator, dtype=dtype) + 0.5
    loops_of = torch.arange(3, 8).expand(2, 5) if loops else half[:, :0]
    index = torch.cat([half, loops_of, half.flip(0)], 1)
    return x, index, torch.cat([weight[: half.shape[1] + loops_of.shape[1]], weight[: half.shape[1]]])


def with_same_weights(layer, theirs: torch.nn.Module, names, dtype: torch.dtype) -> PortableModule:
    """Return the layer as a module with random weights, and give them to PyG's module, all of them."""
    ours, generator = PortableModule(layer, dtype=dtype), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=dtype))
    state = theirs.to(dtype).state_dict()
    values = {name: value.reshape(state[name].shape) for name, value in names(ours.state_dict()).items()}
    theirs.load_state_dict(values)
    return ours


def assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    actual = actual.reshape(expected.shape)
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("name", CONVS)
def test_layer_equals_pygs(name, dtype, tolerance):
    build, weighted, loops = CONVS[name]
    layer, theirs, names = build()
    ours = with_same_weights(layer, theirs, names, dtype)
    x, index, weight = edges(dtype, loops)
    x1, x2 = x.clone().requires_grad_(), x.clone().requires_grad_()
    y1 = ours(
        x1, index, weight if weighted else torch.ones_like(weight)
    )  # without weights, propagations are float32
    y2 = theirs(x2, index, weight) if weighted else theirs(x2, index)
    assert_close(y1, y2, tolerance)
    upstream = torch.randn(y2.shape, generator=torch.Generator().manual_seed(2), dtype=dtype)
    (y1 * upstream).sum().backward()
    (y2 * upstream).sum().backward()
    assert_close(x1.grad, x2.grad, tolerance)
    gradients = names({key: parameter.grad for key, parameter in ours.named_parameters()})
    for key, parameter in theirs.named_parameters():
        assert_close(gradients[key], parameter.grad, 10 * tolerance)


@pytest.mark.parametrize("options", [{}, {"bases": 2}, {"blocks": 1}, {"blocks": 5}])
def test_rgcn_equals_pygs_loop(options):
    kinds, dtype, out = 3, torch.float64, 10
    x, index, weight = edges(dtype, True)
    types = torch.randint(0, kinds, (index.shape[1],), generator=torch.Generator().manual_seed(3))
    relations = tuple(("n", f"r{k}", "n") for k in range(kinds))

    def names(p):
        shared = {"root": p["root"], "bias": p["bias"]}
        if "bases" in options:
            return shared | {"weight": p["basis"], "comp": p["coefficients"]}
        return shared | {"weight": p["weight"]}

    theirs = pyg.RGCNConv(IN, out, kinds, options.get("bases"), options.get("blocks"))
    ours = with_same_weights(RGCN(relations, IN, out, **options), theirs, names, dtype)
    data = HeteroData()
    data["n"].x = x
    for k, relation in enumerate(relations):
        data[relation].edge_index = index[:, types == k]
        data[relation].edge_weight = torch.ones_like(weight[types == k])
    y1, y2 = ours(data)["n"], theirs(x, index, types)
    assert_close(y1, y2, 1e-10)
    y1.square().sum().backward()
    y2.square().sum().backward()
    gradients = names({key: parameter.grad for key, parameter in ours.named_parameters()})
    for key, parameter in theirs.named_parameters():
        assert_close(gradients[key], parameter.grad, 1e-9)
