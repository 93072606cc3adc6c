"""libheddle_kernels_cuda: found beside the package, loaded on first use, or the reason why it can't be."""

import ctypes
from functools import cache
from pathlib import Path
from typing import NoReturn

import heddle_kernels

ABI_VERSION = 3

EXPORTS = {
    "heddle_cuda_abi_version": 0,
    "heddle_cuda_last_error": 0,
    "heddle_cuda_targets": 0,
    "heddle_cuda_matmul_workspace": 1,
    "heddle_cuda_segment_matmul": 17,
    "heddle_cuda_segment_outer_workspace": 5,
    "heddle_cuda_segment_outer": 15,
    "heddle_cuda_grouped_matmul": 12,
    "heddle_cuda_grouped_outer": 10,
    "heddle_cuda_spmm_workspace": 3,
    "heddle_cuda_spmm": 18,
    "heddle_cuda_sddmm": 15,
    "heddle_cuda_spmm_top": 21,
    "heddle_cuda_sddmm_top": 18,
    "heddle_cuda_gather": 9,
    "heddle_cuda_segment_softmax_workspace": 4,
    "heddle_cuda_segment_softmax": 13,
    "heddle_cuda_segment_softmax_grad": 14,
    "heddle_cuda_sample_count": 11,
    "heddle_cuda_sample_draw": 18,
    "heddle_cuda_sample_claim": 5,
    "heddle_cuda_sample_enter": 8,
}
"""Every export of native/cuda/heddle_cuda.h, with its number of arguments, all eight bytes wide."""

HANDLERS = (
    "heddle_xla_spmm",
    "heddle_xla_sddmm",
    "heddle_xla_spmm_top",
    "heddle_xla_sddmm_top",
    "heddle_xla_gather",
    "heddle_xla_edge_softmax",
    "heddle_xla_edge_softmax_grad",
    "heddle_xla_segment_matmul",
    "heddle_xla_segment_outer",
)
"""The exports besides: XLA's handlers, in native/cuda/xla."""

_NAME = "libheddle_kernels_cuda.so"


def unavailable() -> str:
    """Return why the library can't be used here, "" if nothing is known to stop it. Starts no CUDA driver."""
    if not _places():
        return f"{_NAME} was not built; install with HEDDLE_CUDA=1 pip install heddle-kernels where nvcc is"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "found no NVIDIA driver (libcuda.so.1), expected one; install it or run on the CPU"
    return ""


@cache
def native() -> ctypes.CDLL:
    """Return the library, loaded.

    Raises:
        NotImplementedError: with the reason of `unavailable`.
    """
    reason = unavailable()
    if reason:
        raise NotImplementedError(f"heddle_kernels.cuda: {reason}")
    return load(_places()[0])


def load(path: Path) -> ctypes.CDLL:
    """Load a library and give its functions their signatures. Needs no device.

    Raises:
        ImportError: another version of the interface.
    """
    loaded = ctypes.CDLL(str(path))
    version = loaded.heddle_cuda_abi_version()
    if version != ABI_VERSION:
        raise ImportError(
            f"heddle_kernels.cuda: {path} has interface {version}, expected {ABI_VERSION}; reinstall heddle-kernels"
        )
    for name, arguments in EXPORTS.items():
        getattr(loaded, name).argtypes = [ctypes.c_void_p] * arguments
    for name in ("heddle_cuda_last_error", "heddle_cuda_targets"):
        getattr(loaded, name).restype = ctypes.c_char_p
    for name in EXPORTS:
        if name.endswith("_workspace"):
            getattr(loaded, name).restype = ctypes.c_int64
    return loaded


def call(name: str, *arguments: int | None) -> None:
    """Call `heddle_cuda_NAME` and raise what its status means: MemoryError, or ValueError for arguments."""
    status = getattr(native(), f"heddle_cuda_{name}")(*arguments)
    if status:
        raise_error(status)


def raise_error(status: int) -> NoReturn:
    """Raise the last error of this thread."""
    raise {3: MemoryError}.get(status, ValueError)(native().heddle_cuda_last_error().decode())


def _places() -> list[Path]:
    return [path for folder in heddle_kernels.__path__ if (path := Path(folder) / _NAME).exists()]
