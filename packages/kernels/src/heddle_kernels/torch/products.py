"""matmul on torch, where torch's own is slower: MKL leaves half of the vectors of other makers' processors unused."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from heddle_kernels.library import native
from heddle_kernels.torch.segment_matmul import segment_matmul

_LEAST = 1 << 20
"""Products of two numbers from which on a call is worth its way."""


def matmul(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply rows by a matrix: [..., k], [k, m] -> [..., m]."""
    if _suits(x, weight) and torch_is_narrow():
        return segment_matmul(x, weight[None], torch.tensor([x.shape[0]]))
    return x @ weight


@cache
def torch_is_narrow() -> bool:
    """Tell whether torch's products use narrower vectors than this processor has.

    MKL takes AVX-512 on Intel's processors alone.
    """
    if native.isa() != b"avx512" or not torch.backends.mkl.is_available():
        return False
    about = Path("/proc/cpuinfo")
    return about.exists() and "AuthenticAMD" in about.read_text().partition("\n\n")[0]


def _suits(x: Tensor, weight: Tensor) -> bool:
    return (
        type(x) in (Tensor, torch.nn.Parameter)  # those of other types have products of their own
        and x.ndim == weight.ndim == 2
        and x.shape[1] == weight.shape[0]
        and x.numel() * weight.shape[1] >= _LEAST
        and x.dtype == weight.dtype
        and x.dtype in (torch.float32, torch.float64)
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._is_any_autocast_enabled()
        and not torch.compiler.is_compiling()
    )
