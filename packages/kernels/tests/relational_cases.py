"""What the tests of relational_conv share: a graph of awkward relations, layers on it, the kernel and the loop."""

import array_api_compat.torch
import numpy as np
import torch
from torch import Tensor

import heddle_kernels.torch as kernels
from heddle.graphs.graph import EdgeSet, HeteroGraph, hetero_graph
from heddle.graphs.pytree import tree_map
from heddle.nn.bundles import bundles_of, prepare_bundles
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.models.relational import relation_propagations
from heddle.nn.params import initialise
from heddle.ops.graph_ops import GraphOps
from heddle.ops.relational.bundle import Bundles
from heddle.ops.relational.plan import plan_relations

NODES = {"a": 13, "b": 9, "c": 0, "d": 6}
WIDTHS = {"a": 4, "b": 7, "c": 3, "d": 6}  # d: 6 nodes without features
EDGES = {
    ("a", "dense", "b"): 70,
    ("a", "few", "b"): 2,
    ("a", "none", "d"): 0,
    ("a", "own", "a"): 40,
    ("b", "back", "a"): 25,
    ("b", "weighted", "a"): 30,
    ("b", "weighted_few", "b"): 3,
    ("c", "empty", "a"): 0,
    ("d", "table", "b"): 11,
    ("d", "table_weighted", "d"): 4,
}
WAYS = ("auto", "transform", "aggregate", "edge")
FORMS = {
    "narrow": {"out_dim": 3},
    "wide": {"out_dim": 37},
    "one_vector": {"out_dim": 16},
    "no_root": {"out_dim": 5, "root": False},
    "no_bias": {"out_dim": 5, "bias": False},
}


def make_graph(scale: int = 1, seed: int = 0) -> HeteroGraph:
    """Return a graph of NODES and EDGES, `scale` times as large, some relations weighted."""
    rng = np.random.default_rng(seed)
    nodes = {node_type: n * scale for node_type, n in NODES.items()}

    def edges(key: tuple[str, str, str], n: int) -> EdgeSet:
        n *= scale
        ends = rng.integers(0, max(1, nodes[key[0]]), n), rng.integers(0, max(1, nodes[key[2]]), n)
        features = {"weight": rng.uniform(0.5, 2.0, n)} if "weighted" in key[1] else None
        return EdgeSet(features, *ends, np.array([n]))

    features = {k: None if k == "d" else rng.standard_normal((n, WIDTHS[k])) for k, n in nodes.items()}
    counts = {node_type: np.array([n]) for node_type, n in nodes.items()}
    return hetero_graph(features, {key: edges(key, n) for key, n in EDGES.items()}, counts)


def make_layer(form: str, scale: int = 1, **options: int) -> RGCN:
    return RGCN(tuple(EDGES), WIDTHS | {"d": NODES["d"] * scale}, **(FORMS[form] | options))


def tensors(pytree, dtype: torch.dtype):
    def tensor(array: np.ndarray) -> Tensor:
        made = torch.from_numpy(np.array(array))
        return made.to(dtype) if made.is_floating_point() else made

    return tree_map(tensor, pytree)


def bundles(layer: RGCN, graph: HeteroGraph, how: str, dtype: torch.dtype) -> Bundles:
    prepared = prepare_bundles(graph, [plan_relations(graph, layer.shapes(["d"]), how)])
    return bundles_of(tensors(prepared, dtype), 0)


class Native(GraphOps):
    """GraphOps of which a layer's sums over relations need nothing but the kernel."""

    xp = array_api_compat.torch
    relational_conv = staticmethod(kernels.relational_conv)

    def gather(self, x, index):
        return x[index]


def draw(layer: RGCN, graph: HeteroGraph, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return random parameters and the features, both wanting gradients."""
    rng = np.random.default_rng(1)
    shapes = {name: value.shape for name, value in initialise(layer.params(), 0).items()}
    params = tensors({name: rng.standard_normal(shape) for name, shape in shapes.items()}, dtype)
    x = {node_type: value for node_type, value in tensors(graph.nodes, dtype).items()}
    for tensor in (*params.values(), *x.values()):
        if tensor is not None:
            tensor.requires_grad_()
    return params, x


class Loop(GraphOps):
    """The primitives that the loop over relations needs, in plain torch: the specification with gradients."""

    xp = array_api_compat.torch

    def gather(self, x, index):
        return x[index]

    def segment_sum(self, data, segment_ids, num_segments):
        zeros = data.new_zeros((num_segments, *data.shape[1:]))
        return zeros.index_add(0, segment_ids.long(), data)


def results(layer, graph, how, dtype, activation="none"):
    """Return (outputs, gradients) of the kernel under a plan, or of the loop."""
    params, x = draw(layer, graph, dtype)
    if how == "loop":
        propagations = tensors(relation_propagations(graph, layer.specs()), dtype)
        y = layer.apply(Loop(), params, propagations, x)
        y = {node_type: Loop().activate(value, activation) for node_type, value in y.items()}
    else:
        y = layer.apply_bundles(Native(), params, bundles(layer, graph, how, dtype), x, activation=activation)
    generator = torch.Generator().manual_seed(2)
    y = {node_type: y[node_type] for node_type in sorted(y)}
    seeds = [torch.randn(v.shape, generator=generator, dtype=torch.float64).to(dtype) for v in y.values()]
    inputs = [*params.values(), *(value for value in x.values() if value is not None)]
    grads = torch.autograd.grad(list(y.values()), inputs, seeds, materialize_grads=True, allow_unused=True)
    return {node_type: value.detach() for node_type, value in y.items()}, grads


def assert_results(actual, expected, tolerance):
    assert list(actual[0]) == list(expected[0])
    pairs = zip((*actual[0].values(), *actual[1]), (*expected[0].values(), *expected[1]), strict=True)
    for one, other in pairs:
        size = max(1.0, float(other.abs().max())) if other.numel() else 1.0
        torch.testing.assert_close(one.to(other.dtype), other, rtol=0, atol=tolerance * size)


def shape_of(layer: RGCN, source: str) -> tuple[int, int]:
    return layer.widths[source], layer.out_dim
