"""What the numpy functions do with their arguments: dense, aligned arrays of a type the library knows."""

from typing import Any

import numpy as np

from heddle.errors import GraphError, problem
from heddle_kernels.library import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, INT32, INT64

_FLOATS = {"float32": FLOAT32, "float64": FLOAT64, "bfloat16": BFLOAT16, "float16": FLOAT16}


def values(op: str, array: Any) -> tuple[np.ndarray, int]:
    """Return a float array as dense memory, with its native code."""
    array = np.asarray(array)
    code = _FLOATS.get(array.dtype.name)
    if code is None:
        raise TypeError(problem(op, f"dtype {array.dtype}", "a float of 16, 32 or 64 bits", "cast it"))
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"]), code


def ids(op: str, *arrays: Any) -> tuple[list[Any], int]:
    """Return id arrays as dense memory of one type, with its native code; None stays None."""
    found = [None if array is None else np.asarray(array) for array in arrays]
    for array in found:
        if array is not None and array.dtype.kind not in "iu":
            raise TypeError(problem(op, f"ids of dtype {array.dtype}", "integers", "cast them to int64"))
        if array is not None and array.ndim != 1:
            raise GraphError(problem(op, f"ids of shape {array.shape}", "one axis", "flatten them"))
    small = all(array is None or array.dtype == np.int32 for array in found)
    dtype = np.int32 if small else np.int64
    dense = [None if a is None else np.require(a, dtype, ["C_CONTIGUOUS", "ALIGNED"]) for a in found]
    return dense, INT32 if small else INT64


def pointer(array: np.ndarray | None) -> int | None:
    """Return the address of an array's memory, None for None."""
    return None if array is None else array.ctypes.data
