"""What the numpy functions do with their arguments: dense, aligned arrays of a type the library knows."""

from typing import Any

import numpy as np

from heddle.errors import GraphError, problem
from heddle_kernels.library import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, INT32, INT64

_FLOATS = {"float32": FLOAT32, "float64": FLOAT64, "bfloat16": BFLOAT16, "float16": FLOAT16}


def values(op: str, array: Any, dtype: np.dtype | None = None) -> tuple[np.ndarray, int]:
    """Return a float array of any shape as dense memory in the machine's byte order, with its native code.

    Args:
        op: what an error names.
        dtype: what real numbers of any type are cast to, that of the op's first argument; None leaves them.

    Raises:
        TypeError: numbers of another kind, or a masked array.
    """
    array = plain(op, array)
    if dtype is not None and (array.dtype.kind in "biuf" or array.dtype.name in _FLOATS):
        array = np.asarray(array, dtype)
    code = _FLOATS.get(array.dtype.name)
    if code is None:
        raise TypeError(problem(op, f"dtype {array.dtype}", "a float of 16, 32 or 64 bits", "cast it"))
    return np.require(array, array.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"]), code


def plain(op: str, array: Any) -> np.ndarray:
    """Return an array of any shape that holds its numbers itself: not one of objects, nor one whose mask would be lost.

    Raises:
        TypeError: it is one of those; `op` is named in the error.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(problem(op, "a masked array", "plain numbers", "fill it, as its mask would be lost"))
    array = np.asarray(array)
    if array.dtype.hasobject:
        raise TypeError(problem(op, f"dtype {array.dtype}", "numbers", "gather objects by array[index]"))
    return array


def ids(op: str, *arrays: Any) -> tuple[list[Any], int]:
    """Return (id arrays [n] as dense memory of one dtype, int32 or int64; its native code); None stays None.

    Raises:
        TypeError: ids that aren't integers.
        GraphError: ids with other than one axis.
    """
    given = [None if array is None else plain(op, array) for array in arrays]
    for array in given:
        if array is not None and array.dtype.kind not in "iu":
            raise TypeError(problem(op, f"ids of dtype {array.dtype}", "integers", "cast them to int64"))
        if array is not None and array.ndim != 1:
            raise GraphError(problem(op, f"ids of shape {array.shape}", "one axis", "flatten them"))
    small = all(array is None or array.dtype == np.int32 for array in given)
    dtype = np.int32 if small else np.int64
    dense = [None if a is None else np.require(a, dtype, ["C_CONTIGUOUS", "ALIGNED"]) for a in given]
    return dense, INT32 if small else INT64


def count(op: str, name: str, value: Any) -> int:
    """Return a number of segments or values as an int.

    Raises:
        TypeError: it is no whole number.
        GraphError: it is below 0.
    """
    if not isinstance(value, (int, np.integer)):
        raise TypeError(problem(op, f"{name} {value!r}", "a whole number", "pass an int"))
    if value < 0:
        raise GraphError(problem(op, f"{name} {value}", "at least 0", "count again"))
    return int(value)
