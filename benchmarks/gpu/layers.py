"""Training steps of GCN and GAT on a card: ours with and without kernels, and torch_geometric's, on one graph.

    python benchmarks/gpu/layers.py [--nodes 200000] [--edges 4000000] [--width 64]

Weights are the same; outputs and the gradient of the input are compared before anything is timed. Times are those of a
step captured in a graph, then as called, each with its ratio to ours.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from card import on_device, require_card, seconds, synchronisations
from torch import Tensor

from heddle.graphs.adjacency import Adjacency
from heddle.ops.graph_ops import GraphOps


def graph(nodes: int, edges: int, power: bool) -> tuple[Tensor, Adjacency]:
    """Return edge_index and the adjacency on the card; with `power` in-degrees follow a power law."""
    import heddle_kernels.torch as ht

    draw = torch.Generator().manual_seed(0)
    senders = torch.randint(0, nodes, (edges,), generator=draw)
    receivers = torch.randint(0, nodes, (edges,), generator=draw)
    if power:
        receivers = (nodes * torch.rand(edges, generator=draw, dtype=torch.float64) ** 4).long()
    made = ht.build_adjacency(senders, receivers, nodes, nodes)
    return torch.stack([senders, receivers]).cuda(), type(made)(*(field.cuda() for field in made))


def gat(ops: GraphOps, adjacency: Adjacency, x: Tensor, w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Attention of 4 heads from primitives: [n, d] -> [n, 4, d / 4]; the formula of GATConv without loops."""
    h = (x @ w).view(len(x), 4, -1)
    logits = ops.sddmm(adjacency, (h * b).sum(-1, keepdim=True), (h * a).sum(-1, keepdim=True), "add")
    share = ops.edge_softmax(adjacency, torch.nn.functional.leaky_relu(logits.squeeze(-1), 0.2))
    return ops.spmm(adjacency, h, share)


def ways(ends: Tensor, adjacency: Adjacency, width: int) -> dict[str, dict[str, Callable[[Tensor], Tensor]]]:
    """Return layer -> way -> function of x, all with the same weights."""
    from torch_geometric.nn import GATConv, SAGEConv

    from heddle.engines.plugins.kernels import primitive_kernels
    from heddle_torch.arrays.ops import TorchOps

    kernels, plain = TorchOps("cuda", primitive_kernels("torch", "cuda").demand()), TorchOps("cuda")
    sage = SAGEConv(width, width, aggr="sum", root_weight=False, bias=False).cuda()
    att = GATConv(width, width // 4, heads=4, add_self_loops=False, bias=False).cuda()
    # Leaves of their own: a node of autograd that is older than a captured stream would stop the capture.
    w = sage.lin_l.weight.detach().t().clone().requires_grad_()
    given = [
        each.detach().clone().requires_grad_() for each in (att.lin.weight.t(), att.att_src, att.att_dst)
    ]
    of = {"ours, kernels": kernels, "ours, torch": plain}
    sums = {name: (lambda x, ops=ops: ops.spmm(adjacency, x @ w)) for name, ops in of.items()}
    atts = {
        name: (lambda x, ops=ops: gat(ops, adjacency, x, *given).reshape(len(x), -1))
        for name, ops in of.items()
    }
    return {
        "sum": {**sums, "torch_geometric": lambda x: sage(x, ends)},
        "GAT": {**atts, "torch_geometric": lambda x: att(x, ends)},
    }


def step(function: Callable[[Tensor], Tensor], x: Tensor, seed: Tensor) -> Tensor:
    """Take one forward and backward; return the output."""
    x.grad = None
    y = function(x)
    y.backward(seed)
    return y.detach()


def compare(layer: str, functions: dict[str, Callable[[Tensor], Tensor]], x: Tensor, seed: Tensor) -> None:
    """Print a line for each way, once it agrees with the first."""
    own_tolerance: tuple[float, ...] = ()
    expected = None
    for name, function in functions.items():
        work = partial(step, function, x, seed)
        actual = work(), x.grad.clone()
        expected = expected or actual
        worst = max(float((a - b).norm() / b.norm()) for a, b in zip(actual, expected))
        assert worst < 1e-4, f"{layer}, {name}: {worst:.1e} off"
        took = on_device(work), seconds(work)
        own_tolerance = own_tolerance or took
        cells = "".join(f"{1e3 * mine:8.2f} ms {mine / of:7.2f}x" for mine, of in zip(took, own_tolerance))
        waits = synchronisations(work) or "none"
        print(f"{layer:4} {name:16} {cells}  {worst:.0e}  waits: {waits}", flush=True)


def main() -> None:
    """Measure both layers on a uniform and on a power-law graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=4_000_000)
    parser.add_argument("--width", type=int, default=64)
    asked = parser.parse_args()
    require_card()
    for power in (False, True):
        ends, adjacency = graph(asked.nodes, asked.edges, power)
        largest = int((adjacency.indptr[1:] - adjacency.indptr[:-1]).max())
        print(
            f"\n{asked.nodes} nodes, {asked.edges} edges, {asked.width} features, largest in-degree {largest}"
        )
        x = torch.randn(asked.nodes, asked.width, device="cuda", requires_grad=True)
        seed = torch.randn_like(x)
        for layer, functions in ways(ends, adjacency, asked.width).items():
            compare(layer, functions, x, seed)


if __name__ == "__main__":
    main()
