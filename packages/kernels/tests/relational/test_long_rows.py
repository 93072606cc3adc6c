"""Sums over relations of the sizes where one float32 accumulator breaks, within the bounds of docs/numerics.md."""

from itertools import product

import numpy as np
import pytest
import torch
from relational_cases import WAYS, Native, tensors

from heddle.graphs.graph import EdgeSet, hetero_graph
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.rgcn import RGCN
from heddle.ops.relational.plan import plan_relations

ROWS = 500_001
RELATION = ("many", "to", "one")


@pytest.mark.parametrize(
    ("how", "width"),
    [
        ("transform", 3),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in product(WAYS, (3, 24))
            if each != ("transform", 3)
        ),
    ],
)
def test_a_receiver_and_a_sender_of_many_edges(how, width, rng):
    """A node that hears of all others, and one that all others hear of, by every plan and width of a panel."""
    sizes = {"many": np.array([ROWS]), "one": np.array([1])}
    far, near = np.arange(ROWS, dtype=np.int32), np.zeros(ROWS, np.int32)
    back = ("one", "back", "many")
    edges = {
        RELATION: EdgeSet(None, far, near, np.array([ROWS])),
        back: EdgeSet(None, near, far, np.array([ROWS])),
    }
    graph = hetero_graph({node_type: np.zeros((n[0], 1)) for node_type, n in sizes.items()}, edges, sizes)
    layer = RGCN((RELATION, back), {"many": 1, "one": 1}, width, root=False)
    prepared = prepare_bundles(graph, [plan_relations(graph, layer.shapes([]), how)], mean=False)
    bundles = bundles_of(tensors(prepared, torch.float32), 0)
    weight = torch.ones(2, 1, width, requires_grad=True)
    bias = {f"bias.{node_type}": torch.zeros(width, requires_grad=True) for node_type in sizes}
    x = torch.from_numpy(rng.random((ROWS, 1), np.float32))
    one = torch.ones(1, 1, requires_grad=True)
    y = layer.apply_bundles(Native(), {"weight": weight, **bias}, bundles, {"many": x, "one": one})
    cotangent = torch.from_numpy(rng.random((ROWS, 1), np.float32))
    (y["one"].sum() + (y["many"] * cotangent).sum()).backward()
    heard, said = x.double().sum(), cotangent.double().sum()
    actual = {
        "the receiver": (y["one"], heard),
        "the sender's gradient": (one.grad, width * said),
        "weights": (weight.grad[0], heard),
        "weights of the way back": (weight.grad[1], said),
        "bias": (bias["bias.many"].grad, said),
    }
    by_turns = {"weights of the way back", "the sender's gradient"} if how == "edge" else {"weights"}
    for name, (value, expected) in actual.items():
        most = ROWS * 2.0**-24 if name in by_turns else 1e-6
        assert (value.double() / expected - 1).abs().max() < most, name


@pytest.mark.slow
def test_a_sum_of_more_ones_than_float32_counts():
    """Two accumulators of one float32 each stop at 2 x 2**24."""
    many = 2**25 + 2**21
    far, near = np.arange(many, dtype=np.int32) % 1000, np.zeros(many, np.int32)
    sizes = {"many": np.array([1000]), "one": np.array([1])}
    graph = hetero_graph({}, {RELATION: EdgeSet(None, far, near, np.array([many]))}, sizes)
    layer = RGCN((RELATION,), {"many": 1, "one": 1}, 3, root=False, bias=False)
    prepared = prepare_bundles(graph, [plan_relations(graph, layer.shapes([]), "transform")], mean=False)
    bundles = bundles_of(tensors(prepared, torch.float32), 0)
    features = {"many": torch.ones(1000, 1), "one": torch.zeros(1, 1)}
    y = layer.apply_bundles(Native(), {"weight": torch.ones(1, 1, 3)}, bundles, features)
    assert y["one"].tolist() == [[many] * 3]
