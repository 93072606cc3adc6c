"""The talk's graph and a training step on it, for benchmarks/rgcn.py and benchmarks/gpu/rgcn.py."""

import random

import torch
from rgcn_variants import Problem, Variant, make_problem
from torch import Tensor
from torch_geometric.datasets import FakeHeteroDataset


def talk(edge_types: int, nodes: int) -> Problem:
    """Return the talk's graph with that many relations."""
    random.seed(0)
    torch.manual_seed(0)
    data = FakeHeteroDataset(1, num_node_types=4, num_edge_types=edge_types, avg_num_nodes=nodes)[0]
    sizes = {node_type: data[node_type].num_nodes for node_type in data.node_types}
    return make_problem({key: data[key].edge_index for key in data.edge_types}, sizes, (128, 16, 10))


def step(variant: Variant, seed: Tensor) -> Tensor:
    """Take one forward and backward; return the output."""
    for parameter in variant.parameters:
        parameter.grad = None
    y = variant.forward()
    torch.autograd.backward(y, seed)
    return y.detach()
