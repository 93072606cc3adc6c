"""pointer: where a numpy array's memory starts, as native calls take it."""

import ctypes
from typing import Any

import numpy as np

_first: Any = ctypes.c_char.from_buffer


def pointer(array: np.ndarray | None) -> int | None:
    """Return where an array's memory starts, None for None.

    `array.ctypes.data` says the same, for several microseconds. A buffer tells it for a tenth of that; an array that is
    read-only, empty or not contiguous gives none.
    """
    if array is None:
        return None
    try:
        return ctypes.addressof(_first(array))
    except (TypeError, ValueError, BufferError):
        return array.ctypes.data
