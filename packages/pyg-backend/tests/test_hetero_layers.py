"""HeteroSAGE and HGT beside torch_geometric's own, with the same weights: equal outputs and equal gradients."""

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import HeteroConv, HGTConv, SAGEConv

from heddle.nn.layers.base import relation_key
from heddle.nn.layers.hetero_sage import HeteroSAGE
from heddle.nn.layers.hgt import HGT
from heddle.nn.models.relational import RelationalStack
from heddle.ops.relational.plan import PLANS
from heddle_pyg.layers.module import PortableModule
from heddle_pyg.native import from_native

SIZES = {"author": 7, "paper": 11, "venue": 4}
RELATIONS = [
    ("author", "writes", "paper"),
    ("paper", "cites", "paper"),
    ("paper", "in", "venue"),
    ("venue", "lists", "paper"),
]


def graph(width: int):
    from torch_geometric.data import HeteroData

    draw = torch.Generator().manual_seed(0)
    data = HeteroData()
    for node_type, n in SIZES.items():
        data[node_type].x = torch.randn(n, width, generator=draw, dtype=torch.float64)
    for i, (source, name, target) in enumerate(RELATIONS):
        ends = (
            torch.randint(SIZES[node_type], (10 * (i + 1),), generator=draw) for node_type in (source, target)
        )
        data[source, name, target].edge_index = torch.stack(list(ends))
    return data


def compare(module, data, named: dict[str, Tensor], theirs: dict[str, Tensor], wanted: dict[str, Tensor]):
    """Compare outputs, and gradients of weights that ours and theirs have as each other's transpose."""
    actual = module(from_native(data))
    assert actual.keys() == theirs.keys()
    draw = torch.Generator().manual_seed(1)
    seeds = {
        node_type: torch.randn(rows.shape, generator=draw, dtype=torch.float64)
        for node_type, rows in theirs.items()
    }
    sum((seeds[node_type] * rows).sum() for node_type, rows in actual.items()).backward()
    sum((seeds[node_type] * rows).sum() for node_type, rows in theirs.items()).backward()
    for node_type, rows in theirs.items():
        torch.testing.assert_close(actual[node_type], rows, rtol=1e-10, atol=1e-10)
    for name, weight in wanted.items():
        torch.testing.assert_close(named[name].grad, weight.grad.t(), rtol=1e-9, atol=1e-10)


def stacked(layer, plan: str) -> PortableModule:
    return PortableModule(RelationalStack((layer,), plan=plan), dtype=torch.float64)


@pytest.mark.filterwarnings("ignore:There exist node types:UserWarning")
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("combine", ["sum", "mean"])
def test_hetero_sage_equals_hetero_conv(combine, plan):
    data = graph(5)
    convs = {relation: SAGEConv(5, 6).double() for relation in RELATIONS}
    theirs, layer = HeteroConv(convs, combine), HeteroSAGE(tuple(RELATIONS), 5, 6, combine)
    module, wanted = stacked(layer, plan), {}
    named = dict(module.named_parameters())
    with torch.no_grad():
        for relation, conv in convs.items():
            key = f"layers.0.{{}}.{relation_key(relation)}".format
            wanted |= {key("weight"): conv.lin_l.weight, key("root"): conv.lin_r.weight}
            wanted |= {key("bias"): conv.lin_l.bias}
            for name in ("weight", "root", "bias"):
                named[key(name)].copy_(wanted[key(name)].t())
    compare(module, data, named, theirs(data.x_dict, data.edge_index_dict), wanted)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("width", "heads"), [(6, 1), (6, 3), (5, 2)], ids=["one head", "skip", "no skip"])
def test_hgt_equals_hgt_conv(width, heads, plan):
    data = graph(width)
    theirs = HGTConv(width, 6, data.metadata(), heads).double()
    relations = tuple(sorted(RELATIONS))
    module = stacked(HGT(relations, width, 6, heads), plan)
    named, wanted = dict(module.named_parameters()), {}
    with torch.no_grad():
        for parameter in theirs.parameters():  # none of them what it starts from
            parameter.add_(torch.randn_like(parameter) / 4)
        for node_type in SIZES:
            lins = {"kqv": theirs.kqv_lin.lins[node_type], "out": theirs.out_lin.lins[node_type]}
            for name, lin in lins.items():
                if f"layers.0.{name}.{node_type}" in named:
                    named[f"layers.0.{name}.{node_type}"].copy_(lin.weight.t())
                    named[f"layers.0.{name}_bias.{node_type}"].copy_(lin.bias)
                    wanted[f"layers.0.{name}.{node_type}"] = lin.weight
            if f"layers.0.skip.{node_type}" in named:
                named[f"layers.0.skip.{node_type}"].copy_(theirs.skip[node_type])
        for i, relation in enumerate(relations):
            relation_index = data.edge_types.index(relation)
            for head in range(heads):
                position = head * len(relations) + relation_index
                named["layers.0.key"][i, head] = theirs.k_rel.weight[position]
                named["layers.0.value"][i, head] = theirs.v_rel.weight[position]
            named["layers.0.prior"][i] = theirs.p_rel["__".join(relation)][0]
    expected = theirs(data.x_dict, data.edge_index_dict)
    compare(module, data, named, {node_type: expected[node_type] for node_type in sorted(expected)}, wanted)
