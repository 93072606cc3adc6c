"""What the operators of heddle_kernels.torch do on CUDA tensors: registered with them, imported when first called.

Where the library can't be used, a call raises its reason.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

MODULES = {
    "segment_matmul": "matmul",
    "segment_outer": "matmul",
    "grouped_matmul": "matmul",
    "grouped_outer": "matmul",
    "spmm": "sparse",
    "spmm_max": "sparse",
    "spmm_argmax": "sparse",
    "sddmm": "sparse",
    "sddmm_argmax": "sparse",
    "edge_sum": "sparse",
    "gather": "segments",
    "segment_reduce": "segments",
    "segment_softmax": "segments",
    "segment_softmax_grad": "segments",
    "index_sort": "segments",
}
"""Name of each operator, and of its function -> the module of heddle_kernels.cuda that has it."""


def register(library: Any) -> None:
    """Register the operators' functions for CUDA tensors in a torch.library.Library that defines the operators."""
    for name in MODULES:
        for each in (name,) if name == "index_sort" else (name, f"{name}_forward"):
            library.impl(each, _function(name), "CUDA")


def _function(name: str) -> Callable[..., Any]:
    """Return an operator's function, which runs where its tensors lie: another device may be the current one."""

    @cache
    def imported() -> tuple[Callable[..., Any], Callable[..., Any]]:
        device = import_module("heddle_kernels.cuda.device")
        return getattr(import_module(f"heddle_kernels.cuda.{MODULES[name]}"), name), device.on_device_of

    def run(*arguments: Any) -> Any:
        function, on_device_of = imported()
        with on_device_of(name, arguments):
            return function(*arguments)

    return run
