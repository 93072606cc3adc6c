"""in_dtype: a nest of arrays with its floats in one dtype."""

from typing import Any

import numpy as np

from heddle.nest import map_nest


def in_dtype(nest: Any, dtype: Any) -> Any:
    """Return a nest of numpy arrays with its floats in `dtype`, and its integers and booleans as they are."""

    def cast(array: Any) -> np.ndarray:
        array = np.asarray(array)
        return array.astype(dtype) if array.dtype.kind == "f" else array

    return map_nest(cast, nest)
