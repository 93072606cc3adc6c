"""Two R-GCN layers, 128 -> 16 -> 10, in all the ways that benchmarks/rgcn.py compares: one forward function each."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import heddle_kernels.torch as kernels
from heddle.engines.plugins.kernels import primitive_kernels
from heddle.graphs.graph import EdgeSet, EdgeType, HeteroGraph, hetero_graph
from heddle.graphs.pytree import tree_map
from heddle.nn.layers.rgcn import RGCN
from heddle.nn.models.relational import RelationalStack
from heddle.ops.graph_ops import GraphOps
from heddle_torch.arrays.ops import TorchOps


class Problem(NamedTuple):
    """A graph with features on every node, and the weights of two layers, shared by all variants.

    Attributes:
        edges: relation -> [2, n_edges] int64, sorted by relation.
        x: node type -> [n_nodes, widths[0]], sorted by type.
        weights: relations of layer 1 and 2 [relations, in, out], roots [in, out], biases [out]: Parameters.
        widths: columns before, between and after.
    """

    edges: dict[EdgeType, Tensor]
    x: dict[str, Tensor]
    weights: list[nn.Parameter]
    widths: tuple[int, int, int]

    @property
    def sizes(self) -> dict[str, int]:
        return {node_type: len(rows) for node_type, rows in self.x.items()}

    @property
    def n_edges(self) -> int:
        return sum(ends.shape[1] for ends in self.edges.values())

    @property
    def device(self) -> torch.device:
        return self.weights[0].device

    def to(self, device: str) -> Self:
        """Return the same problem on another device."""
        edges = {key: ends.to(device) for key, ends in self.edges.items()}
        x = {node_type: rows.to(device) for node_type, rows in self.x.items()}
        weights = [nn.Parameter(weight.detach().to(device)) for weight in self.weights]
        return self._replace(edges=edges, x=x, weights=weights)


class Variant(NamedTuple):
    """One way: `forward` gives [all nodes, out]; `gradients` those of the problem's weights after a backward."""

    forward: Callable[[], Tensor]
    parameters: Sequence[Tensor]
    gradients: Callable[[], list[Tensor]]


class Flat(NamedTuple):
    """All types' nodes as rows of one array, relation after relation."""

    x: Tensor
    senders: Tensor
    receivers: Tensor
    relation: Tensor
    mean: Tensor
    counts: list[int]


def make_problem(
    edges: dict[EdgeType, Tensor], sizes: dict[str, int], widths: tuple[int, int, int]
) -> Problem:
    """Draw features and weights for a graph."""
    draw = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw)

    n, (a, b, c) = len(edges), widths
    shapes = ((n, a, b), (n, b, c), (a, b), (b, c), (b,), (c,))
    weights = [nn.Parameter(normal(*shape) / max(shape[-2:]) ** 0.5) for shape in shapes]
    x = {node_type: normal(sizes[node_type], a) for node_type in sorted(sizes)}
    return Problem({key: edges[key] for key in sorted(edges)}, x, weights, widths)


def hetero(problem: Problem) -> HeteroGraph:
    """Return the problem's graph in Heddle's form."""
    sets = {
        key: EdgeSet(None, *ends.cpu().numpy(), np.array([ends.shape[1]]))
        for key, ends in problem.edges.items()
    }
    counts = {node_type: np.array([n]) for node_type, n in problem.sizes.items()}
    return hetero_graph(
        {node_type: rows.cpu().numpy() for node_type, rows in problem.x.items()}, sets, counts
    )


def heddle(problem: Problem, plan: str, native: bool) -> Variant:
    """Return this platform's layers under a plan, with or without native code."""
    device = problem.device
    ops: GraphOps = TorchOps(device, primitive_kernels("torch", device.type).by_name if native else None)
    relations, kinds = tuple(problem.edges), list(problem.x)
    pairs = zip(problem.widths, problem.widths[1:])
    layers = tuple(RGCN(relations, dict.fromkeys(kinds, i), o, share_root=True) for i, o in pairs)
    model, graph = RelationalStack(layers, plan=plan), hetero(problem)
    to_device = partial(_tensor, device=device)
    prepared = tree_map(to_device, model.prepare(graph))
    placed = tree_map(to_device, graph)._replace(nodes=problem.x)
    names = ("layers.{}.weight", "layers.{}.root", "layers.{}.bias")
    params = dict(zip((name.format(i) for name in names for i in (0, 1)), problem.weights))

    def forward() -> Tensor:
        y = model.apply(ops, params, placed, prepared)
        return torch.cat([y[node_type] for node_type in kinds])

    return _shared(problem, forward)


def flat(problem: Problem) -> Flat:
    """Number all nodes and edges through, and weigh each edge so that sums are means per relation."""
    counts = list(problem.sizes.values())
    first = dict(zip(problem.sizes, np.cumsum([0, *counts]).tolist()))
    senders, receivers, mean = [], [], []
    for (source, _, target), (s, r) in problem.edges.items():
        senders.append(s + first[source])
        receivers.append(r + first[target])
        mean.append(1 / torch.bincount(r, minlength=problem.sizes[target])[r].float())
    places = torch.arange(len(problem.edges), device=problem.device)
    relation = places.repeat_interleave(torch.tensor([len(s) for s in senders], device=problem.device))
    x = torch.cat(list(problem.x.values()))
    return Flat(x, torch.cat(senders), torch.cat(receivers), relation, torch.cat(mean), counts)


def stacked(problem: Problem) -> Variant:
    """Stack all relations' transformed rows vertically and sum them by one sparse product, transpose cached."""
    g = flat(problem)
    n, columns = len(g.x), len(problem.edges) * len(g.x)
    ids = torch.stack([g.receivers, g.relation * n + g.senders])
    matrix = _csr(ids, g.mean, (n, columns)), _csr(ids.flip(0), g.mean, (columns, n))

    def conv(x: Tensor, weight: Tensor) -> Tensor:
        return _Product.apply(*matrix, torch.matmul(x, weight).view(columns, -1))

    return _two(problem, g.x, conv)


def naive(problem: Problem) -> Variant:
    """Loop over relations, (A x) W by torch's sparse product, transposes cached."""
    matrices = {}
    for key, (s, r) in problem.edges.items():
        shape = problem.sizes[key[2]], problem.sizes[key[0]]
        mean, ids = 1 / torch.bincount(r, minlength=shape[0])[r].float(), torch.stack([r, s])
        matrices[key] = _csr(ids, mean, shape), _csr(ids.flip(0), mean, shape[::-1])
    counts = list(problem.sizes.values())

    def conv(x: Tensor, weight: Tensor) -> Tensor:
        rows = dict(zip(problem.sizes, x.split(counts)))
        y = {node_type: x.new_zeros(n, weight.shape[2]) for node_type, n in problem.sizes.items()}
        for (key, pair), matrix in zip(matrices.items(), weight.unbind()):
            y[key[2]] = y[key[2]] + _Product.apply(*pair, rows[key[0]]) @ matrix
        return torch.cat(list(y.values()))

    return _two(problem, torch.cat(list(problem.x.values())), conv)


def by_edge(problem: Problem, product: str) -> Variant:
    """Gather a row for each edge, multiply by relation, sum: what pyg-lib's segment_matmul is used for."""
    g = flat(problem)
    sizes = torch.bincount(g.relation, minlength=len(problem.edges))
    ends = sizes.cumsum(0).int()

    def multiply(rows: Tensor, weight: Tensor) -> Tensor:
        if product == "heddle":
            return kernels.segment_matmul(rows, weight, sizes)
        wide = functional.pad(weight, (0, -weight.shape[2] % 4))  # rows of whole 16 bytes are asked for
        return functional.grouped_mm(rows, wide, offs=ends)[:, : weight.shape[2]]

    def conv(x: Tensor, weight: Tensor) -> Tensor:
        messages = multiply(x[g.senders], weight) * g.mean[:, None]
        return x.new_zeros(len(x), weight.shape[2]).index_add(0, g.receivers, messages)

    return _two(problem, g.x, conv)


def pyg_rgcn(problem: Problem, name: str) -> Variant:
    """Return torch_geometric's RGCNConv or FastRGCNConv."""
    from torch_geometric import nn as pyg

    g, (a, b, c) = flat(problem), problem.widths
    first, second = (getattr(pyg, name)(i, o, len(problem.edges)) for i, o in ((a, b), (b, c)))
    first.weight, second.weight, first.root, second.root, first.bias, second.bias = problem.weights
    edge_index = torch.stack([g.senders, g.receivers])
    return _shared(problem, lambda: second(first(g.x, edge_index, g.relation).relu(), edge_index, g.relation))


def pyg_hetero_conv(problem: Problem, sparse: bool) -> Variant:
    """Return torch_geometric's HeteroConv of SAGEConvs, on edge_index or on sparse CSR matrices."""
    from torch_geometric.nn import HeteroConv, SAGEConv

    edges: dict[EdgeType, Tensor] = dict(problem.edges)
    if sparse:
        for key, ends in problem.edges.items():
            shape, ones = (
                (problem.sizes[key[2]], problem.sizes[key[0]]),
                torch.ones(ends.shape[1], device=ends.device),
            )
            edges[key] = _csr(ends.flip(0), ones, shape, torch.int64)

    def convs(i: int, o: int) -> Any:
        plain = partial(SAGEConv, (i, i), o, root_weight=False, bias=False)
        return HeteroConv({key: plain() for key in problem.edges})

    layers = [convs(*pair).to(problem.device) for pair in zip(problem.widths, problem.widths[1:])]
    linear = [[layer.convs[key].lin_l for key in problem.edges] for layer in layers]
    return _hetero(problem, linear, True, [lambda x, matrix=layer: matrix(x, edges) for layer in layers])


def pyg_to_hetero(problem: Problem) -> Variant:
    """Return torch_geometric's to_hetero of a SAGEConv, layer by layer."""
    from torch_geometric.nn import SAGEConv, to_hetero

    class Layer(nn.Module):
        def __init__(self, i: int, o: int):
            super().__init__()
            self.conv = SAGEConv((i, i), o, root_weight=False, bias=False)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv(x, edge_index)

    metadata = list(problem.x), list(problem.edges)
    pairs = zip(problem.widths, problem.widths[1:])
    layers: list[Any] = [to_hetero(Layer(i, o), metadata, aggr="sum").to(problem.device) for i, o in pairs]
    linear = [[layer.conv["__".join(key)].lin_l for key in problem.edges] for layer in layers]

    def entered(layer: Any, x: dict[str, Tensor]) -> dict[str, Tensor]:
        return {node_type: rows for node_type, rows in layer(x, problem.edges).items() if rows is not None}

    return _hetero(problem, linear, True, [partial(entered, layer) for layer in layers])


def dgl_hetero(problem: Problem) -> Variant:
    """Return DGL's HeteroGraphConv of GraphConvs with norm="right"."""
    import dgl
    from dgl.nn.pytorch import GraphConv, HeteroGraphConv

    names = {key: f"r{position}" for position, key in enumerate(problem.edges)}
    ends = {(key[0], names[key], key[2]): tuple(pair) for key, pair in problem.edges.items()}
    graph = dgl.heterograph(ends, num_nodes_dict=problem.sizes)
    graph.create_formats_()

    def convs(i: int, o: int) -> Any:
        plain = partial(GraphConv, i, o, norm="right", bias=False, allow_zero_in_degree=True)
        return HeteroGraphConv({name: plain() for name in names.values()}, aggregate="sum")

    layers = [convs(*pair) for pair in zip(problem.widths, problem.widths[1:])]
    linear = [[layer.mods[name] for name in names.values()] for layer in layers]
    return _hetero(problem, linear, False, [lambda x, matrix=layer: matrix(graph, x) for layer in layers])


def dgl_relational(problem: Problem) -> Variant:
    """Return DGL's RelGraphConv on edges sorted by relation."""
    import dgl
    from dgl.nn.pytorch import RelGraphConv

    g, (a, b, c) = flat(problem), problem.widths
    graph = dgl.graph((g.senders, g.receivers), num_nodes=len(g.x))
    graph.create_formats_()
    first, second = (RelGraphConv(i, o, len(problem.edges)) for i, o in ((a, b), (b, c)))
    (
        first.linear_r.W,
        second.linear_r.W,
        first.loop_weight,
        second.loop_weight,
        first.h_bias,
        second.h_bias,
    ) = problem.weights
    given = g.relation, g.mean[:, None]
    return _shared(
        problem,
        lambda: second(graph, first(graph, g.x, *given, presorted=True).relu(), *given, presorted=True),
    )


def variants(problem: Problem) -> dict[str, tuple[Callable[[], Variant], float]]:
    """Return name -> (how it is made, bytes that a step needs beyond the weights), ours first."""
    widest = max(a + b for a, b in zip(problem.widths, problem.widths[1:]))
    by_row, small = 4.0 * problem.n_edges * widest, 16.0 * problem.n_edges
    stack = 8.0 * len(problem.edges) * sum(problem.sizes.values()) * max(problem.widths[1:])
    matrices = 8.0 * problem.n_edges * max(a * b for a, b in zip(problem.widths, problem.widths[1:]))
    by_name: dict[str, tuple[Callable[[], Variant], float]] = {
        "heddle native": (partial(heddle, problem, "auto", True), small),
        "heddle torch": (partial(heddle, problem, "auto", False), small),
        "loop, A(xW)": (partial(heddle, problem, "loop", False), small),
        "loop, (Ax)W": (partial(naive, problem), 2 * small),
        "stacked": (partial(stacked, problem), stack + 4 * small),
        "pyg HeteroConv": (partial(pyg_hetero_conv, problem, False), by_row / len(problem.edges)),
        "pyg HeteroConv csr": (partial(pyg_hetero_conv, problem, True), 2 * small),
        "pyg to_hetero": (partial(pyg_to_hetero, problem), by_row / len(problem.edges)),
        "pyg RGCNConv": (partial(pyg_rgcn, problem, "RGCNConv"), by_row / len(problem.edges)),
        "pyg FastRGCNConv": (partial(pyg_rgcn, problem, "FastRGCNConv"), matrices),
        "edges, heddle": (partial(by_edge, problem, "heddle"), 3 * by_row),
        "edges, grouped_mm": (partial(by_edge, problem, "torch"), 3 * by_row),
    }
    if find_spec("dgl"):
        by_name["dgl HeteroGraphConv"] = partial(dgl_hetero, problem), small
        by_name["dgl RelGraphConv"] = partial(dgl_relational, problem), 3 * by_row
    return by_name


class _Product(torch.autograd.Function):
    """A sparse product whose transpose was made beforehand."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, back: Tensor, x: Tensor) -> Tensor:
        ctx.back = back
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, Tensor | None]:
        return None, None, ctx.back @ grad if ctx.needs_input_grad[2] else None


def _csr(ids: Tensor, values: Tensor, shape: tuple[int, int], dtype: torch.dtype = torch.int32) -> Tensor:
    order = torch.argsort(ids[0] * shape[1] + ids[1], stable=True)
    counts = torch.bincount(ids[0], minlength=shape[0])
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return torch.sparse_csr_tensor(indptr.to(dtype), ids[1][order].to(dtype), values[order], shape)


def _tensor(leaf: Any, device: torch.device) -> Any:
    if not isinstance(leaf, np.ndarray):
        return leaf
    made = torch.from_numpy(leaf).to(device)
    return made.float() if made.is_floating_point() else made


def _shared(problem: Problem, forward: Callable[[], Tensor]) -> Variant:
    """Return a variant that works on the problem's own weights."""
    return Variant(forward, problem.weights, lambda: [weight.grad for weight in problem.weights])


def _two(problem: Problem, x: Tensor, conv: Callable[[Tensor, Tensor], Tensor]) -> Variant:
    """Return two layers of relu(conv + root + bias) on rows of all types."""
    w1, w2, root1, root2, bias1, bias2 = problem.weights

    def forward() -> Tensor:
        h = (conv(x, w1) + torch.addmm(bias1, x, root1)).relu()
        return conv(h, w2) + torch.addmm(bias2, h, root2)

    return _shared(problem, forward)


def _hetero(
    problem: Problem, linear: list[list[Any]], turned: bool, convs: list[Callable[[Any], Any]]
) -> Variant:
    """Return two layers of modules by relation, their own weights set to the problem's; roots are added here.

    Args:
        turned: whether a module's weight is the transpose of ours, as nn.Linear's is.
    """
    for weight, layer in zip(problem.weights, linear):
        for matrix, module in zip(weight.detach(), layer):
            module.weight.data.copy_(matrix.t() if turned else matrix)
    roots = problem.weights[2:]
    parameters = [*(module.weight for layer in linear for module in layer), *roots]

    def conv(i: int, x: dict[str, Tensor]) -> dict[str, Tensor]:
        y = convs[i](x)
        matrix = {node_type: torch.addmm(roots[2 + i], rows, roots[i]) for node_type, rows in x.items()}
        return {
            node_type: y[node_type] + rows if node_type in y else rows for node_type, rows in matrix.items()
        }

    def forward() -> Tensor:
        h = {node_type: rows.relu() for node_type, rows in conv(0, problem.x).items()}
        return torch.cat(list(conv(1, h).values()))

    def gradients() -> list[Tensor]:
        grads = [torch.stack([module.weight.grad for module in layer]) for layer in linear]
        stacks = [grad.transpose(1, 2) if turned else grad for grad in grads]
        return [*stacks, *(root.grad for root in roots)]

    return Variant(forward, parameters, gradients)
