"""Grouped products on a card: ours, the naive loop, the stacked form, torch's grouped_mm where it applies.

    python benchmarks/gpu/segment_matmul.py [--rows 500000] [--groups 64]

Prints the time of a forward captured in a graph, which is what it takes of the device, of one as called, and of one
with both gradients as called; the first's share of the measured matmul rate and bandwidth; ratios to ours; the error
against float64; then whether a call makes the host wait. Bytes are counted once for each array.
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch
from card import Ceilings, ceilings, on_device, require_card, seconds, synchronisations

WIDTHS = [(128, 16), (16, 10), (64, 64), (256, 256), (1024, 1024)]
SETTINGS = [
    (torch.float32, "highest"),
    (torch.float32, "high"),
    (torch.float32, "medium"),
    (torch.bfloat16, "highest"),
    (torch.float16, "highest"),
]


def sizes_of(rows: int, groups: int) -> torch.Tensor:
    """Return uneven sizes with some empty groups."""
    share = torch.rand(groups, generator=torch.Generator().manual_seed(0)) ** 2
    share[::7] = 0
    sizes = (share / share.sum() * rows).long()
    sizes[1] += rows - sizes.sum()
    return sizes


def variants(x: torch.Tensor, w: torch.Tensor, sizes: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """Return name -> product. The loop and the stack know sizes on the host, which ours doesn't need."""
    import heddle_kernels.torch as ht

    on_card, on_host = sizes.cuda(), sizes.tolist()
    ends = on_card.cumsum(0).int()
    made: dict[str, Callable[[], torch.Tensor]] = {
        "ours": lambda: ht.segment_matmul(x, w, on_card),
        "loop": lambda: torch.cat([part @ matrix for part, matrix in zip(x.split(on_host), w)]),
    }
    if len(w) * w.shape[2] * len(x) * x.element_size() < 2**34:
        group = torch.repeat_interleave(torch.arange(len(w), device="cuda"), on_card, output_size=len(x))
        wide = w.transpose(0, 1).reshape(w.shape[1], -1)
        made["stack"] = lambda: (x @ wide).view(len(x), len(w), -1)[
            torch.arange(len(x), device="cuda"), group
        ]
    step = 16 // x.element_size()
    if x.dtype == torch.bfloat16 and w.shape[1] % step == w.shape[2] % step == 0:
        made["grouped_mm"] = lambda: torch.nn.functional.grouped_mm(x, w, offs=ends)
    return made


def with_gradients(
    product: Callable[[], torch.Tensor], leaves: tuple[torch.Tensor, ...], seed: torch.Tensor
) -> Any:
    """Return forward and backward as one call."""

    def work() -> None:
        for leaf in leaves:
            leaf.grad = None
        product().backward(seed)

    return work


def measure(rows: int, groups: int, k: int, m: int, dtype: torch.dtype, top: Ceilings) -> None:
    """Print a line for each variant."""
    sizes = sizes_of(rows, groups)
    x = torch.randn(rows, k, device="cuda").to(dtype).requires_grad_()
    w = (torch.randn(groups, k, m, device="cuda") / k**0.5).to(dtype).requires_grad_()
    seed = torch.randn(rows, m, device="cuda").to(dtype)
    exact = torch.cat([a @ b for a, b in zip(x.detach().double().split(sizes.tolist()), w.detach().double())])
    flops, moved = 2 * rows * k * m, x.element_size() * (rows * (k + m) + groups * k * m)
    own_tolerance: tuple[float, ...] = ()
    for name, product in variants(x, w, sizes).items():
        actual = product().detach()
        error = float((actual.double() - exact).norm() / exact.norm())
        both = with_gradients(product, (x, w), seed)
        with torch.no_grad():
            forward, called = on_device(product), seconds(product)
        times = forward, called, seconds(both)
        own_tolerance = own_tolerance or times
        shares = f"{flops / forward / top.rate:6.1%} rate {moved / forward / top.bandwidth:6.1%} bytes"
        cells = " ".join(f"{1e3 * mine:8.3f}" for mine in times)
        ratios = " ".join(f"{mine / of:6.2f}x" for mine, of in zip(times, own_tolerance))
        print(f"{k:5}->{m:<5} {name:10} {cells} ms {shares} {ratios}  {error:.1e}", flush=True)


def main() -> None:
    """Measure every width in every precision, then look for waits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--groups", type=int, default=64)
    asked = parser.parse_args()
    require_card()
    for dtype, precision in SETTINGS:
        torch.set_float32_matmul_precision(precision)
        top = ceilings(dtype)
        print(
            f"\n{dtype}, {precision}: {top.rate / 1e12:.0f} TFLOP/s, {top.bandwidth / 1e12:.2f} TB/s measured"
        )
        print(
            "   widths  variant     captured   called  gradients  shares                  times ours             error"
        )
        for k, m in WIDTHS:
            measure(asked.rows, asked.groups, k, m, dtype, top)
            torch.cuda.empty_cache()
    import heddle_kernels.torch as ht

    x, w = torch.randn(1000, 64, device="cuda"), torch.randn(8, 64, 32, device="cuda")
    x, w, sizes = x.requires_grad_(), w.requires_grad_(), torch.full((8,), 125, device="cuda")
    waits = synchronisations(lambda: ht.segment_matmul(x, w, sizes).sum().backward())
    print(f"\ncalls that make the host wait, forward and backward: {waits or 'none'}")


if __name__ == "__main__":
    main()
