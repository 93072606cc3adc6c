"""The native library: found beside this file, loaded once by ctypes, its functions given their signatures."""

import ctypes
import sys
from pathlib import Path
from typing import NoReturn

import heddle_kernels
from heddle.errors import GraphError

ABI_VERSION = 1

EXPORTS = {
    "heddle_abi_version": 0,
    "heddle_last_error": 0,
    "heddle_isa": 0,
    "heddle_set_isa": 1,
    "heddle_num_threads": 0,
    "heddle_set_num_threads": 1,
    "heddle_spmm": 15,
    "heddle_sddmm": 14,
    "heddle_spmm_top": 18,
    "heddle_sddmm_top": 17,
    "heddle_edge_mlp": 19,
    "heddle_edge_mlp_grad": 25,
    "heddle_gather": 8,
    "heddle_segment_reduce": 10,
    "heddle_segment_softmax": 9,
    "heddle_segment_softmax_grad": 10,
    "heddle_partition": 9,
    "heddle_index_sort": 7,
    "heddle_build_adjacency": 14,
    "heddle_segment_matmul": 13,
    "heddle_segment_outer": 11,
    "heddle_grouped_matmul": 9,
    "heddle_grouped_outer": 7,
    "heddle_lstm_step": 15,
    "heddle_lstm_step_grad": 20,
    "heddle_gru_gates": 13,
    "heddle_gru_gates_grad": 17,
    "heddle_gru_output": 15,
    "heddle_gru_output_grad": 19,
}
"""Every export of heddle_kernels.h and heddle_cell.h in native/include, with its number of arguments."""

_TEXT = ("heddle_last_error", "heddle_isa")  # these return a string, the others a status or a number

FLOAT32, FLOAT64, BFLOAT16, FLOAT16 = range(4)
INT32, INT64 = range(2)
REDUCE = {"sum": 0, "mean": 1, "max": 2}
COMBINE = {"dot": 0, "add": 1}


def raise_error(status: int) -> NoReturn:
    """Raise what a native status other than 0 means: GraphError for ids, ValueError for arguments, MemoryError."""
    message = native.heddle_last_error().decode()
    raise {2: GraphError, 3: MemoryError}.get(status, ValueError)(message)


def code(table: dict[str, int], op: str, what: str, name: str) -> int:
    """Return the native code of `name`, or raise a ValueError that lists the valid ones."""
    if name not in table:
        raise ValueError(
            f"{op}: {what}: found {name!r}, expected one of {', '.join(table)}; choose one of them"
        )
    return table[name]


def isa() -> str:
    """Return the instruction set in use: "base", "avx2" or "avx512"."""
    return native.heddle_isa().decode()


def set_isa(name: str) -> None:
    """Use an instruction set other than the best one, to test or to compare."""
    status = native.heddle_set_isa(name.encode())
    if status:
        raise_error(status)


def num_threads() -> int:
    """Return how many threads a call uses that doesn't say (those from torch do: `torch.set_num_threads`)."""
    return native.heddle_num_threads()


def set_num_threads(threads: int) -> None:
    """Set `num_threads`; 0 for one per processor. A forked child starts with 1."""
    status = native.heddle_set_num_threads(threads)
    if status:
        raise_error(status)


def _load() -> ctypes.CDLL:
    name = "libheddle_kernels.dylib" if sys.platform == "darwin" else "libheddle_kernels.so"
    # An editable install keeps the sources and the library in two folders, both on the package's path.
    places = [Path(folder) / name for folder in heddle_kernels.__path__]
    found = [place for place in places if place.exists()]
    if not found:
        raise ImportError(
            f"heddle_kernels: found no {name} in {[str(p.parent) for p in places]}, expected it beside the package;"
            " install heddle-kernels with pip, which builds it"
        )
    loaded = ctypes.CDLL(str(found[0]))
    version = loaded.heddle_abi_version()
    if version != ABI_VERSION:
        raise ImportError(
            f"heddle_kernels: {found[0]} has interface {version}, expected {ABI_VERSION}; reinstall heddle-kernels"
        )
    for function, arguments in EXPORTS.items():
        # All arguments are eight bytes wide, and ctypes is twice as fast on c_void_p as on c_int64.
        getattr(loaded, function).argtypes = [ctypes.c_void_p] * arguments
    for function in _TEXT:
        getattr(loaded, function).restype = ctypes.c_char_p
    return loaded


native = _load()
