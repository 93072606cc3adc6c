"""spmm on a card: ours, torch.sparse and index_add, against the bandwidth measured in the same run.

python benchmarks/gpu/spmm.py [--nodes 1000000] [--edges 20000000] [--width 64]
"""

import argparse

import torch
from card import ceilings, require_card, seconds, synchronisations


def main() -> None:
    """Measure a graph with uniform edges, in float32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--width", type=int, default=64)
    asked = parser.parse_args()
    require_card()
    import heddle_kernels.torch as ht

    n, e, d = asked.nodes, asked.edges, asked.width
    on_host = ht.build_adjacency(torch.randint(0, n, (e,)), torch.randint(0, n, (e,)), n, n)
    graph = type(on_host)(*(tensor.cuda() for tensor in on_host))
    x = torch.randn(n, d, device="cuda")
    top = ceilings(torch.float32)
    # A row of x for each edge, as nothing of it stays in the cache; ids and row pointers; the output.
    bound = (e * (4 * d + 4) + n * (4 * d + 4)) / top.bandwidth
    csr = torch.sparse_csr_tensor(graph.indptr, graph.senders, torch.ones(e, device="cuda"), (n, n))
    receivers, senders = graph.receivers.long(), graph.senders.long()
    ways = {
        "ours": lambda: ht.spmm(graph, x),
        "torch.sparse": lambda: csr @ x,
        "index_add": lambda: torch.zeros_like(x).index_add_(0, receivers, x[senders]),
    }
    exact = ways["index_add"]().double()
    print(
        f"{n} nodes, {e} edges, {d} features; bound {1e3 * bound:.2f} ms at {top.bandwidth / 1e12:.2f} TB/s"
    )
    for name, work in ways.items():
        error = float((work().double() - exact).norm() / exact.norm())
        took = seconds(work)
        print(f"{name:14} {1e3 * took:8.2f} ms  {took / bound:5.2f} of the bound  {error:.1e} from index_add")
    print(f"calls of ours that make the host wait: {synchronisations(ways['ours']) or 'none'}")


if __name__ == "__main__":
    main()
