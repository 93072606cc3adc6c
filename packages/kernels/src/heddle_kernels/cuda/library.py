"""libheddle_kernels_cuda: found beside the package, loaded on first use, or the reason why it can't be."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import heddle_kernels
from heddle_kernels.calls.bind import in_order, sign
from heddle_kernels.calls.tables import ON_DEVICE

ABI_VERSION = 4

_ORDER = {function.name: in_order(function) for function in ON_DEVICE}

_NAME = "libheddle_kernels_cuda.so"


def unavailable() -> str:
    """Return why the library can't be used here, "" if nothing is known to stop it. Starts no CUDA driver."""
    if not _paths():
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
    return load(_paths()[0])


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
    for function in ON_DEVICE:
        sign(loaded, function)
    return loaded


def call(name: str, **arguments: Any) -> None:
    """Call `heddle_cuda_NAME` and raise what its status means: MemoryError, or ValueError for arguments."""
    status = getattr(native(), f"heddle_cuda_{name}")(*_ORDER[f"heddle_cuda_{name}"](**arguments))
    if status:
        raise_error(status)


def workspace_bytes(op: str, **sizes: int) -> int:
    """Return what `heddle_cuda_OP_workspace` says, or raise its error."""
    name = f"heddle_cuda_{op}_workspace"
    size: int = getattr(native(), name)(*_ORDER[name](**sizes))
    if size < 0:
        raise_error(1)
    return size


def raise_error(status: int) -> NoReturn:
    """Turn a status of the library into an exception, with the last message of this thread.

    Raises:
        MemoryError: the status is 3.
        ValueError: any other.
    """
    raise {3: MemoryError}.get(status, ValueError)(native().heddle_cuda_last_error().decode())


def _paths() -> list[Path]:
    return [path for folder in heddle_kernels.__path__ if (path := Path(folder) / _NAME).exists()]
