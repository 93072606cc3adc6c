"""Steps of cells, forward and backward, by whom and in what: torch, torch.compile, heddle-kernels; float32, bfloat16.

    python benchmarks/cell_steps.py

Rows are those of METR-LA at a batch of 64, weights those of a layer of 64. Nothing is timed before all agree with torch
in float32: to 1e-4, bfloat16 to 5 %. The least of several rounds; compiling isn't counted, but printed.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from heddle_dgl.fused import TORCH_STEPS, Steps
from heddle_dgl.fused.compiled import compiled_steps
from heddle_dgl.kernels import steps_named

CPU = torch.device("cpu")


def leaves(rows: int, hidden: int, dtype: torch.dtype) -> list[Tensor]:
    """Return base, h, c, peephole, z, and two terms with their matrices, all to be differentiated in."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(4 * hidden,), (rows, hidden), (rows, hidden), (3, hidden), (rows, hidden)]
    shapes += [(rows, hidden), (rows, hidden), (hidden, 4 * hidden), (hidden, 4 * hidden)]
    made = [0.1 * torch.randn(*shape, generator=generator) for shape in shapes]
    return [tensor.to(dtype).requires_grad_() for tensor in made]


def lstm(steps: Steps, tensors: Sequence[Tensor]) -> Tensor:
    """Return a number of a GraphLSTM's step."""
    base, _, c, peephole, _, *rest = tensors
    h, c = steps.lstm_step(base, c, peephole, tuple(rest[:2]), tuple(rest[2:]))
    return (h + c).float().square().mean()


def gru(steps: Steps, tensors: Sequence[Tensor]) -> Tensor:
    """Return a number of the two halves of a GraphGRU's step."""
    base, h, _, _, _, *rest = tensors
    n = h.shape[-1]
    gates, candidate = (
        [m[:, : 2 * n].contiguous() for m in rest[2:]],
        [m[:, :n].contiguous() for m in rest[2:]],
    )
    rh, z = steps.gru_gates(base[: 2 * n].contiguous(), h, tuple(rest[:2]), tuple(gates))
    out = steps.gru_output(base[:n].contiguous(), z, h, (rest[0], rh), tuple(candidate))
    return out.float().square().mean()


def main() -> None:
    """Parse the command line, check and time."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=207 * 64)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    native = steps_named("heddle", CPU, torch.float32)
    variants: dict[str, tuple[Steps, torch.dtype]] = {
        "torch": (TORCH_STEPS, torch.float32),
        "torch.compile": (compiled_steps(), torch.float32),
        "torch, bfloat16": (TORCH_STEPS, torch.bfloat16),
        "torch.compile, bfloat16": (compiled_steps(), torch.bfloat16),
    }
    if native is not TORCH_STEPS:
        variants["heddle-kernels"] = native, torch.float32
    print(
        f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads, {args.rows} rows of {args.hidden}"
    )
    for name, of in (("GraphLSTM", lstm), ("GraphGRU", gru)):
        compare(name, of, variants, args)


def compare(
    name: str,
    of: Callable[[Steps, Sequence[Tensor]], Tensor],
    variants: dict[str, tuple[Steps, torch.dtype]],
    args: argparse.Namespace,
) -> None:
    """Print the times of all variants of one cell's step."""
    tensors = {dtype: leaves(args.rows, args.hidden, dtype) for _, dtype in variants.values()}

    def once(variant: str) -> tuple[float, Tensor]:
        steps, dtype = variants[variant]
        for tensor in tensors[dtype]:
            tensor.grad = None
        clock = time.perf_counter()
        of(steps, tensors[dtype]).backward()
        return time.perf_counter() - clock, tensors[dtype][5].grad.float()

    first = {variant: once(variant) for variant in variants}
    reference = first["torch"][1]
    for variant, (_, grad) in first.items():
        off = float((grad - reference).abs().max() / reference.abs().max())
        if off > (5e-2 if variants[variant][1] == torch.bfloat16 else 1e-4):
            raise SystemExit(f"{name}: {variant} is off by {off:.1e}: nothing is timed")
    best = {variant: min(once(variant)[0] for _ in range(args.rounds)) for variant in variants}
    print(f"\n{name:26} {'ms':>8} {'times torch':>12} {'first call s':>13}")
    for variant in variants:
        ratio = best["torch"] / best[variant]
        print(f"{variant:26} {1e3 * best[variant]:8.2f} {ratio:12.2f} {first[variant][0]:13.2f}")


if __name__ == "__main__":
    main()
