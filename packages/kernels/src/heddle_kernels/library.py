"""The native library: found beside this file, loaded once by ctypes, its functions given their signatures."""

import ctypes
import sys
from pathlib import Path
from typing import NoReturn

import heddle_kernels
from heddle.errors import GraphError
from heddle_kernels.calls.bind import Native
from heddle_kernels.calls.tables import ON_CPU

ABI_VERSION = 6

FLOAT32, FLOAT64, BFLOAT16, FLOAT16 = range(4)
INT32, INT64 = range(2)
REDUCE = {"sum": 0, "mean": 1, "max": 2}
COMBINE = {"dot": 0, "add": 1}


def raise_error(status: int) -> NoReturn:
    """Raise the last native error of this thread as what its status means; `status` isn't 0.

    Raises:
        GraphError: status 2.
        MemoryError: status 3.
        ValueError: any other.
    """
    message = native.last_error().decode()
    raise {2: GraphError, 3: MemoryError}.get(status, ValueError)(message)


def code(table: dict[str, int], op: str, what: str, name: str) -> int:
    """Return the native code of `name` in `table` (name -> code); `op` and `what` name it in the error.

    Raises:
        ValueError: an unknown name; lists the valid ones.
    """
    if name not in table:
        raise ValueError(
            f"{op}: {what}: found {name!r}, expected one of {', '.join(table)}; choose one of them"
        )
    return table[name]


def isa() -> str:
    """Return the instruction set in use: "base", "avx2" or "avx512"."""
    return native.isa().decode()


def set_isa(name: str) -> None:
    """Use an instruction set other than the best one, to test or to compare.

    Raises:
        ValueError: a name other than "base", "avx2" and "avx512", or one that this processor lacks.
    """
    native.set_isa(name=name.encode())


def num_threads() -> int:
    """Return how many threads a call uses that doesn't say (those from torch do: `torch.set_num_threads`)."""
    return native.num_threads()


def set_num_threads(threads: int) -> None:
    """Set `num_threads`; 0 for one per processor. A forked child starts with 1."""
    native.set_num_threads(threads=threads)


def _load() -> Native:
    name = "libheddle_kernels.dylib" if sys.platform == "darwin" else "libheddle_kernels.so"
    # An editable install keeps the sources and the library in two folders, both on the package's path.
    paths = [Path(folder) / name for folder in heddle_kernels.__path__]
    existing = [path for path in paths if path.exists()]
    if not existing:
        raise ImportError(
            f"heddle_kernels: found no {name} in {[str(p.parent) for p in paths]}, expected it beside the package;"
            " install heddle-kernels with pip, which builds it"
        )
    loaded = ctypes.CDLL(str(existing[0]))
    version = loaded.heddle_abi_version()
    if version != ABI_VERSION:
        raise ImportError(
            f"heddle_kernels: {existing[0]} has interface {version}, expected {ABI_VERSION}; reinstall heddle-kernels"
        )
    return Native(loaded, ON_CPU, "heddle_", raise_error)


native = _load()
